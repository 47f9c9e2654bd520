"""A person's second factors: adding, removing, and the recovery codes for the day when one is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import factor_store, letters, limits, passwords, recovery, store
from tillbridge.portal.accounts.model import Account, AccountEvent, Factor, FactorKind, Session, clean_name
from tillbridge.portal.accounts.passkeys import Party, Passkeys
from tillbridge.portal.accounts.sessions import Sessions
from tillbridge.portal.accounts.totp import PENDING, new_totp_secret, open_secret, seal_secret, step_of
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import Visit
from tillbridge.portal.rights import STEP_UP_LASTS

MOST_FACTORS: Final = 20
"""Second factors of one person: a telephone, a computer and a spare key are three."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A factor was added. `secret` is the session's new one; `codes` are to be shown once, when it was the first."""

    secret: str
    codes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person has: the factors, how many recovery codes are left, and whether a fresh proof is at hand."""

    factors: Sequence[Factor]
    codes_left: int
    fresh: bool

    def has(self, kind: FactorKind) -> bool:
        """Whether there is one of this kind."""
        return any(one.kind is kind for one in self.factors)


class Enrolling:
    """Decides about second factors."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._sessions = Sessions(house)
        self.passkeys = Passkeys(house)

    async def standing(self, visit: Visit) -> Standing:
        """What the person of this session has."""
        async with self._house.database.reading() as connection:
            factors = await factor_store.factors_of(connection, visit.person.id)
            left = await factor_store.codes_left(connection, visit.person.id)
            session, _ = await self._own(connection, visit)
        return Standing(factors, left, _fresh(session, self._house.runtime.clock.now()))

    async def authorise(self, visit: Visit, password: str) -> None:
        """Lets somebody add a factor: with a fresh proof, or by the password where there is no factor yet.

        `BridgeError`: STEP_UP_NEEDED; SIGN_IN_REFUSED for a wrong password; SLOW_DOWN after too many.
        """
        standing = await self.standing(visit)
        if standing.factors:
            if not standing.fresh:
                raise BridgeError(Code.STEP_UP_NEEDED)
            if len(standing.factors) >= MOST_FACTORS:
                raise BridgeError(Code.RECORD_CONFLICT, f"no more than {MOST_FACTORS} second factors")
            return
        await confirm_password(self._house, visit, password)

    async def show_totp(self, visit: Visit, password: str) -> None:
        """Makes a one-time password generator that waits for its first code. `BridgeError` as `authorise`."""
        await self.authorise(visit, password)
        runtime, person_id = self._house.runtime, visit.person.id
        factor_id = runtime.ids.new()
        secret = new_totp_secret(runtime.chance)
        async with self._house.database.writing() as connection:
            if any(one.kind is FactorKind.TOTP for one in await factor_store.factors_of(connection, person_id)):
                raise BridgeError(Code.RECORD_CONFLICT, "there is a generator already; remove it first")
            await factor_store.drop_pending(connection, person_id)
            sealed = seal_secret(self._house.vault, factor_id, secret)
            await factor_store.add_factor(connection, _generator(factor_id, person_id, sealed, runtime.clock.now()))

    async def pending_secret(self, visit: Visit) -> str:
        """The secret of the generator that waits for its first code. `BridgeError(RECORD_UNKNOWN)` when none does."""
        return open_secret(self._house.vault, await self._pending(visit))

    async def confirm_totp(self, visit: Visit, code: str) -> Enrolled:
        """The first code of the generator came: it counts from now on.

        `BridgeError`: SIGN_IN_REFUSED for a wrong code, SLOW_DOWN after too many, RECORD_UNKNOWN when none waits.
        """
        one, now = await self._pending(visit), self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            await limits.require(connection, limits.FACTOR_BY_PERSON, visit.person.id, now)
        step = step_of(open_secret(self._house.vault, one), code, now)
        if step is None:
            raise BridgeError(Code.SIGN_IN_REFUSED, place="code")
        async with self._house.database.writing() as connection:
            if not await factor_store.confirm_totp(connection, one.id, step, now):
                raise BridgeError(Code.RECORD_UNKNOWN)
            await limits.forget(connection, limits.FACTOR_BY_PERSON, visit.person.id)
            return await self._added(connection, visit, one)

    async def add_passkey(self, visit: Visit, party: Party, answer: str, name: str, password: str) -> Enrolled:
        """Adds the passkey that the browser has made. `BridgeError` as `authorise`, or FIELD_INVALID for its name."""
        await self.authorise(visit, password)
        said = clean_name(name)
        async with self._house.database.writing() as connection:
            one = await self.passkeys.made(connection, party, visit.session_id, visit.person.id, answer, said)
            try:
                await factor_store.add_factor(connection, one)
            except IntegrityError:
                raise BridgeError(Code.RECORD_CONFLICT, "this passkey is in use already") from None
            return await self._added(connection, visit, one)

    async def remove(self, visit: Visit, factor_id: str) -> int:
        """Removes a factor and ends all other sessions; returns how many these were.

        With the last factor the recovery codes go as well: they would open nothing. `BridgeError`: STEP_UP_NEEDED,
        RECORD_UNKNOWN.
        """
        person = visit.person
        async with self._house.database.writing() as connection:
            await self._require_fresh(connection, visit)
            factors = {one.id: one for one in await factor_store.factors_of(connection, person.id)}
            if not await factor_store.remove_factor(connection, person.id, factor_id):
                raise BridgeError(Code.RECORD_UNKNOWN)
            if not factors.keys() - {factor_id}:
                await factor_store.replace_codes(connection, person.id, ())
            ended = await store.end_sessions(connection, person.id, but=visit.session_id)
            gone = factors[factor_id]
            await self._tell(connection, visit, AccountEvent.FACTOR_REMOVED, letters.FACTOR_REMOVED, gone)
        return ended

    async def new_codes(self, visit: Visit) -> Sequence[str]:
        """Ten new recovery codes instead of the earlier ones.

        `BridgeError`: STEP_UP_NEEDED; RECORD_CONFLICT where there is no factor for which they could stand in.
        """
        async with self._house.database.writing() as connection:
            await self._require_fresh(connection, visit)
            if not await factor_store.factors_of(connection, visit.person.id):
                raise BridgeError(Code.RECORD_CONFLICT, "recovery codes stand in for a second factor; add one first")
            codes = await recovery.make_codes(self._house, connection, visit.person.id)
            entry = Entry(AccountEvent.RECOVERY_CODES_MADE, visit.person.tenant_id, subject=visit.person.email)
            await self._house.audit.note(connection, visit.person.actor, entry)
        return codes

    async def _pending(self, visit: Visit) -> Factor:
        since = self._house.runtime.clock.now() - PENDING
        async with self._house.database.reading() as connection:
            one = await factor_store.pending_totp(connection, visit.person.id, since)
        if one is None:
            raise BridgeError(Code.RECORD_UNKNOWN, "no generator waits for its first code; begin anew")
        return one

    async def _added(self, connection: AsyncConnection, visit: Visit, one: Factor) -> Enrolled:
        """What every new factor brings: codes with the first, a fresh proof, a new secret, a letter and an entry."""
        codes: Sequence[str] = ()
        if await factor_store.codes_left(connection, visit.person.id) == 0:
            codes = await recovery.make_codes(self._house, connection, visit.person.id)
        await self._tell(connection, visit, AccountEvent.FACTOR_ADDED, letters.FACTOR_ADDED, one)
        now = self._house.runtime.clock.now()
        return Enrolled(await self._sessions.renew(connection, visit.session_id, stepped_up_at=now), codes)

    async def _tell(
        self, connection: AsyncConnection, visit: Visit, event: AccountEvent, key: str, one: Factor
    ) -> None:
        _, account = await self._own(connection, visit)
        what = {"kind": one.kind.value, "name": one.name}
        entry = Entry(event, visit.person.tenant_id, subject=account.email, after=what)
        await self._house.audit.note(connection, visit.person.actor, entry)
        await self._house.post.take(connection, letters.letter_to(self._house, account, key, factor=one.name))

    async def _require_fresh(self, connection: AsyncConnection, visit: Visit) -> None:
        session, _ = await self._own(connection, visit)
        if not _fresh(session, self._house.runtime.clock.now()):
            raise BridgeError(Code.STEP_UP_NEEDED)

    async def _own(self, connection: AsyncConnection, visit: Visit) -> tuple[Session, Account]:
        found = await store.session_of(connection, visit.session_id)
        if found is None:
            raise BridgeError(Code.SIGNED_OUT)
        return found[0], found[1]


async def confirm_password(house: House, visit: Visit, password: str) -> None:
    """Asks somebody who is signed in for the password again. `BridgeError`: SIGN_IN_REFUSED, SLOW_DOWN."""
    async with house.database.writing() as connection:
        await limits.require(connection, limits.PASSWORD_BY_PERSON, visit.person.id, house.runtime.clock.now())
        account = await store.by_id(connection, visit.person.id)
    checked = await passwords.compare(None if account is None else account.password_hash, password)
    if not checked.right:
        raise BridgeError(Code.SIGN_IN_REFUSED, place="password")
    async with house.database.writing() as connection:
        await limits.forget(connection, limits.PASSWORD_BY_PERSON, visit.person.id)


def _fresh(session: Session, now: datetime) -> bool:
    """A second factor a moment ago, or a recovery code at the sign-in a moment ago: that is what the codes are for."""
    return any(at is not None and now - at <= STEP_UP_LASTS for at in (session.stepped_up_at, session.recovered_at))


def _generator(factor_id: str, person_id: str, sealed: str, now: datetime) -> Factor:
    return Factor(
        id=factor_id,
        person_id=person_id,
        kind=FactorKind.TOTP,
        name="",
        created_at=now,
        confirmed_at=None,
        last_used_at=None,
        sealed_secret=sealed,
        last_step=None,
        credential_id=None,
        public_key=None,
        sign_count=None,
        rp_id=None,
    )
