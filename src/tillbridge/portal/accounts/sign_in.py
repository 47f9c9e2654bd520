"""Signing in: the password or a passkey, then the second factor where there is one, and a fresh proof later on."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import factor_store, letters, limits, passwords, store
from tillbridge.portal.accounts.model import Account, AccountEvent, FactorKind, PersonState, Session, same_email
from tillbridge.portal.accounts.passkeys import Party, Passkeys, Purpose
from tillbridge.portal.accounts.recovery import code_hash
from tillbridge.portal.accounts.sessions import Sessions
from tillbridge.portal.accounts.totp import is_code, open_secret, step_of
from tillbridge.portal.audit.log import PORTAL, Entry
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import Visit
from tillbridge.portal.source import source_of


@dataclass(frozen=True, slots=True)
class Opened:
    """A session was opened. `secret` belongs into the cookie; `awaits_factor`: it opens nothing before that."""

    secret: str
    awaits_factor: bool


@dataclass(frozen=True, slots=True)
class _Tried:
    """A try that was counted. `account` is None unless its password may be compared; `locked` if a wrong one locks."""

    account: Account | None
    locked: bool


class SignIn:
    """Decides who comes in."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._sessions = Sessions(house)
        self._passkeys = Passkeys(house)

    async def by_password(self, request: Request, email: str, password: str) -> Opened:
        """A session for the right password.

        `BridgeError`: SIGN_IN_REFUSED, the same for every reason; SLOW_DOWN for too many wrong ones from one source;
        OVERLOADED when too many sign in at once.
        """
        source = source_of(request, self._house.settings)
        tried = await self._count(source, same_email(email))
        account = tried.account
        checked = await passwords.compare(None if account is None else account.password_hash, password)
        if account is None or account.password_hash is None or not checked.right:
            if account is not None and tried.locked:
                await self._note_lock(account, source)
            raise BridgeError(Code.SIGN_IN_REFUSED)
        anew = await passwords.make_hash(password) if checked.outdated else None
        async with self._house.database.writing() as connection:
            await self._still(connection, account)
            await limits.give_back(connection, limits.SIGN_IN_BY_SOURCE, source)
            await store.clear_tries(connection, account.id)
            if anew is not None:
                await store.rehash(connection, account.id, account.password_hash, anew)
            awaits = bool(await factor_store.factors_of(connection, account.id))
            secret = await self._sessions.open(connection, request, account, awaits_factor=awaits, proven=False)
            if not awaits:
                await self._signed_in(connection, account, request, "password")
        return Opened(secret, awaits)

    async def by_passkey(self, request: Request, party: Party, holder: str, answer: str) -> Opened:
        """A session for a passkey alone: it is two factors in one. `BridgeError`: SIGN_IN_REFUSED, SLOW_DOWN."""
        source = source_of(request, self._house.settings)
        async with self._house.database.writing() as connection:
            await limits.require(connection, limits.SIGN_IN_BY_SOURCE, source, self._now())
        async with self._house.database.writing() as connection:
            one = await self._passkeys.proven(connection, party, Purpose.SIGN_IN, holder, answer)
            account = await store.by_id(connection, one.person_id, lock=True)
            if account is None or account.state is not PersonState.ACTIVE:
                raise BridgeError(Code.SIGN_IN_REFUSED)
            await limits.give_back(connection, limits.SIGN_IN_BY_SOURCE, source)
            secret = await self._sessions.open(connection, request, account, awaits_factor=False, proven=True)
            await self._signed_in(connection, account, request, FactorKind.PASSKEY.value)
        return Opened(secret, awaits_factor=False)

    async def finish_by_code(self, request: Request, session: Session, account: Account, code: str) -> str:
        """The second factor as a one-time password or a recovery code; returns the session's new secret.

        `BridgeError`: SIGN_IN_REFUSED for a wrong or used one, SLOW_DOWN after too many.
        """
        await self._count_factor(account.id)
        now = self._now()
        async with self._house.database.writing() as connection:
            if is_code(code):
                await self._require_totp(connection, account.id, code)
                changed, by = {"stepped_up_at": now}, FactorKind.TOTP.value
            else:
                if not await factor_store.use_code(
                    connection, account.id, code_hash(self._house.vault, account.id, code), now
                ):
                    raise BridgeError(Code.SIGN_IN_REFUSED, place="code")
                changed, by = {"recovered_at": now}, "recovery_code"
                left = await factor_store.codes_left(connection, account.id)
                await self._house.audit.note(
                    connection,
                    account.actor(source_of(request, self._house.settings)),
                    Entry(AccountEvent.RECOVERY_CODE_USED, account.tenant_id, subject=account.email),
                )
                told = letters.letter_to(self._house, account, letters.RECOVERY_CODE_USED, left=left)
                await self._house.post.take(connection, told)
            return await self._finish(connection, request, session, account, by, changed)

    async def finish_by_passkey(
        self, request: Request, party: Party, session: Session, account: Account, answer: str
    ) -> str:
        """The second factor as a passkey; returns the session's new secret. `BridgeError` as for a code."""
        await self._count_factor(account.id)
        async with self._house.database.writing() as connection:
            await self._require_passkey(connection, party, Purpose.FACTOR, session.id, account.id, answer)
            changed = {"stepped_up_at": self._now()}
            return await self._finish(connection, request, session, account, FactorKind.PASSKEY.value, changed)

    async def step_up_by_code(self, visit: Visit, code: str) -> str:
        """A fresh proof by a one-time password; returns the session's new secret. `BridgeError` as at the sign-in."""
        await self._count_factor(visit.person.id)
        async with self._house.database.writing() as connection:
            await self._require_totp(connection, visit.person.id, code)
            return await self._step_up(connection, visit, FactorKind.TOTP)

    async def step_up_by_passkey(self, visit: Visit, party: Party, answer: str) -> str:
        """A fresh proof by a passkey; returns the session's new secret. `BridgeError` as at the sign-in."""
        await self._count_factor(visit.person.id)
        async with self._house.database.writing() as connection:
            await self._require_passkey(connection, party, Purpose.STEP_UP, visit.session_id, visit.person.id, answer)
            return await self._step_up(connection, visit, FactorKind.PASSKEY)

    def _now(self) -> datetime:
        return self._house.runtime.clock.now()

    async def _count(self, source: str, email: str) -> _Tried:
        """Counts before anything is compared, and commits that: no rollback gives a guess back."""
        now = self._now()
        async with self._house.database.writing() as connection:
            await limits.require(connection, limits.SIGN_IN_BY_SOURCE, source, now)
            account = await store.by_email(connection, email)
            until = await store.count_try(connection, email, now)
        if account is None or until is None or account.state is not PersonState.ACTIVE:
            return _Tried(None, locked=False)
        return _Tried(account, locked=until > now)

    async def _count_factor(self, person_id: str) -> None:
        async with self._house.database.writing() as connection:
            await limits.require(connection, limits.FACTOR_BY_PERSON, person_id, self._now())

    async def _still(self, connection: AsyncConnection, before: Account) -> None:
        """While the password was compared, somebody may have changed it or disabled the person.

        Locked: else one who does so at this very moment ends every session but the one that is opened here.
        """
        after = await store.by_id(connection, before.id, lock=True)
        if after is None or (after.state, after.password_hash) != (before.state, before.password_hash):
            raise BridgeError(Code.SIGN_IN_REFUSED)

    async def _require_totp(self, connection: AsyncConnection, person_id: str, code: str) -> None:
        now = self._now()
        for one in await factor_store.factors_of(connection, person_id):
            if one.kind is FactorKind.TOTP:
                step = step_of(open_secret(self._house.vault, one), code, now)
                if step is not None and await factor_store.use_step(connection, one.id, step, now):
                    return
        raise BridgeError(Code.SIGN_IN_REFUSED, place="code")

    async def _require_passkey(  # who proves what to whom
        self, connection: AsyncConnection, party: Party, purpose: Purpose, holder: str, person_id: str, answer: str
    ) -> None:
        one = await self._passkeys.proven(connection, party, purpose, holder, answer)
        if one.person_id != person_id:
            raise BridgeError(Code.SIGN_IN_REFUSED, place="credential")

    async def _finish(  # the end of a sign-in, whichever factor it was
        self,
        connection: AsyncConnection,
        request: Request,
        session: Session,
        account: Account,
        by: str,
        changed: dict[str, datetime],
    ) -> str:
        await limits.forget(connection, limits.FACTOR_BY_PERSON, account.id)
        await self._signed_in(connection, account, request, by)
        return await self._sessions.renew(connection, session.id, awaits_factor=False, **changed)

    async def _step_up(self, connection: AsyncConnection, visit: Visit, by: FactorKind) -> str:
        person = visit.person
        await limits.forget(connection, limits.FACTOR_BY_PERSON, person.id)
        entry = Entry(AccountEvent.STEPPED_UP, person.tenant_id, subject=person.email, after={"by": by.value})
        await self._house.audit.note(connection, person.actor, entry)
        return await self._sessions.renew(connection, visit.session_id, stepped_up_at=self._now())

    async def _signed_in(self, connection: AsyncConnection, account: Account, request: Request, by: str) -> None:
        entry = Entry(AccountEvent.SIGNED_IN, account.tenant_id, subject=account.email, after={"by": by})
        await self._house.audit.note(connection, account.actor(source_of(request, self._house.settings)), entry)

    async def _note_lock(self, account: Account, source: str) -> None:
        """Nobody knows who it was: the portal notes it, with where it came from."""
        entry = Entry(AccountEvent.LOCKED, account.tenant_id, subject=account.email)
        async with self._house.database.writing() as connection:
            await self._house.audit.note(connection, replace(PORTAL, source=source), entry)
