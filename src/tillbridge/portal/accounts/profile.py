"""One's own account: name, language, password and sessions."""

from collections.abc import Sequence

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import letters, passwords, store
from tillbridge.portal.accounts.enrolling import confirm_password
from tillbridge.portal.accounts.model import AccountEvent, Session, clean_language, clean_name
from tillbridge.portal.accounts.sessions import Sessions
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import Visit


class Profile:
    """Decides about what people change of their own account."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._sessions = Sessions(house)

    async def change(self, visit: Visit, name: str, language: str) -> None:
        """Sets name and language. `BridgeError(FIELD_INVALID)` names the one that cannot be."""
        person = visit.person
        said, spoken = clean_name(name), clean_language(language)
        if (said, spoken) == (person.name, person.language):
            return
        async with self._house.database.writing() as connection:
            await store.set_profile(connection, person.id, said, spoken)
            entry = Entry(
                AccountEvent.PROFILE_CHANGED,
                person.tenant_id,
                subject=person.email,
                before={"name": person.name, "language": person.language},
                after={"name": said, "language": spoken},
            )
            await self._house.audit.note(connection, person.actor, entry)

    async def change_password(self, visit: Visit, current: str, password: str) -> str:
        """Sets another password, ends all other sessions, and gives this one a new secret, which is returned.

        `BridgeError`: SIGN_IN_REFUSED for a wrong current one, SLOW_DOWN, FIELD_INVALID for a rule that is broken.
        """
        person = visit.person
        checked = passwords.check_rules(password, email=person.email, name=person.name)
        await confirm_password(self._house, visit, current)
        password_hash = await passwords.make_hash(checked)
        async with self._house.database.writing() as connection:
            account = await store.by_id(connection, person.id)
            if account is None:
                raise BridgeError(Code.SIGNED_OUT)
            await store.set_password(connection, person.id, password_hash)
            ended = await store.end_sessions(connection, person.id, but=visit.session_id)
            entry = Entry(
                AccountEvent.PASSWORD_SET,
                person.tenant_id,
                subject=person.email,
                after={"by": "profile", "sessions_ended": ended},
            )
            await self._house.audit.note(connection, person.actor, entry)
            await self._house.post.take(connection, letters.letter_to(self._house, account, letters.PASSWORD_SET))
            return await self._sessions.renew(connection, visit.session_id)

    async def sessions(self, visit: Visit) -> tuple[str, Sequence[Session]]:
        """The handle of this session, and all open ones of this person."""
        async with self._house.database.reading() as connection:
            found = await store.sessions_of(connection, visit.person.id, self._house.runtime.clock.now())
        own = next((one.handle for one in found if one.id == visit.session_id), "")
        return own, found

    async def end(self, visit: Visit, handle: str) -> None:
        """Ends one of one's own sessions. `BridgeError(RECORD_UNKNOWN)` for any other."""
        async with self._house.database.writing() as connection:
            if not await store.end_handle(connection, visit.person.id, handle):
                raise BridgeError(Code.RECORD_UNKNOWN)
            await self._house.audit.note(connection, visit.person.actor, _ended(visit, 1))

    async def end_others(self, visit: Visit) -> int:
        """Ends all sessions but this one; returns how many."""
        async with self._house.database.writing() as connection:
            ended = await store.end_sessions(connection, visit.person.id, but=visit.session_id)
            await self._house.audit.note(connection, visit.person.actor, _ended(visit, ended))
        return ended

    async def sign_out(self, visit: Visit) -> None:
        """Ends this session."""
        async with self._house.database.writing() as connection:
            await store.end_session(connection, visit.session_id)
            entry = Entry(AccountEvent.SIGNED_OUT, visit.person.tenant_id, subject=visit.person.email)
            await self._house.audit.note(connection, visit.person.actor, entry)


def _ended(visit: Visit, count: int) -> Entry:
    return Entry(
        AccountEvent.SESSIONS_ENDED, visit.person.tenant_id, subject=visit.person.email, after={"sessions_ended": count}
    )
