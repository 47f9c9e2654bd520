"""A new password by a link in a letter, for those who forgot theirs."""

from hashlib import sha256

from starlette.requests import Request

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import letters, limits, passwords, store
from tillbridge.portal.accounts.model import LINK_LIFE, Account, AccountEvent, PersonState, same_email
from tillbridge.portal.accounts.secrets import hashed, new_secret
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.house import House
from tillbridge.portal.source import source_of

PAGE = "/password/new"


class Resetting:
    """Writes the letters and lets their links be used once."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def ask(self, request: Request, email: str, language: Language) -> None:
        """Writes to this address if it has an account; whoever asks never learns whether it has.

        `BridgeError(SLOW_DOWN)` for too many from one source. Too many letters to one address are left out in silence.
        """
        source = source_of(request, self._house.settings)
        stored, now = same_email(email), self._house.runtime.clock.now()
        secret = new_secret(self._house.runtime.chance)
        async with self._house.database.writing() as connection:
            await limits.require(connection, limits.RESET_BY_SOURCE, source, now)
            mailbox = sha256(stored.encode()).hexdigest()
            within = await limits.take(connection, limits.RESET_BY_ADDRESS, mailbox, now)
            account = await store.by_email(connection, stored)
            if account is None or account.state is not PersonState.ACTIVE or not within:
                return
            await store.add_link(connection, hashed(secret), account.id, now, LINK_LIFE)
            entry = Entry(AccountEvent.RESET_ASKED, account.tenant_id, subject=account.email)
            await self._house.audit.note(connection, account.actor(source), entry)
            where = letters.link(self._house, f"{PAGE}?link={secret}")
            minutes = int(LINK_LIFE.total_seconds() // 60)
            letter = letters.letter_to(
                self._house, account, letters.PASSWORD_LINK, language, link=where, minutes=minutes
            )
            await self._house.post.take(connection, letter)

    async def owner(self, secret: str) -> Account | None:
        """Whose link this is, if it still opens something."""
        async with self._house.database.reading() as connection:
            return await store.link_owner(connection, hashed(secret), self._house.runtime.clock.now())

    async def set_password(self, request: Request, secret: str, password: str) -> None:
        """Uses the link up: the password is another one from now on, and every session of the person ends.

        `BridgeError`: RECORD_UNKNOWN for a link that is used, old or none; FIELD_INVALID for a password that breaks a
        rule (the link then still works); SLOW_DOWN for too many links that open nothing.
        """
        now, source = self._house.runtime.clock.now(), source_of(request, self._house.settings)
        account = await self.owner(secret)
        if account is None:
            async with self._house.database.writing() as connection:
                await limits.require(connection, limits.LINK_BY_SOURCE, source, now)
            raise BridgeError(Code.RECORD_UNKNOWN, place="link")
        checked = passwords.check_rules(password, email=account.email, name=account.name)
        password_hash = await passwords.make_hash(checked)
        async with self._house.database.writing() as connection:
            if not await store.use_link(connection, hashed(secret), now):
                raise BridgeError(Code.RECORD_UNKNOWN, place="link")
            await store.set_password(connection, account.id, password_hash)
            ended = await store.end_sessions(connection, account.id)
            entry = Entry(
                AccountEvent.PASSWORD_SET,
                account.tenant_id,
                subject=account.email,
                after={"by": "link", "sessions_ended": ended},
            )
            await self._house.audit.note(connection, account.actor(source), entry)
            await self._house.post.take(connection, letters.letter_to(self._house, account, letters.PASSWORD_SET))
