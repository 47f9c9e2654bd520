"""Knows who asks: the session of the browser's cookie, with the rights of this very moment."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from tillbridge.portal.accounts import store, support
from tillbridge.portal.accounts.model import SEEN_EVERY, Account, PersonState, Session
from tillbridge.portal.accounts.reaches import load_reaches
from tillbridge.portal.accounts.sessions import form_token, owns_form, session_id_of
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import Doorkeeper, Visit
from tillbridge.portal.rights import Person, Reach, Right
from tillbridge.portal.source import source_of


class AccountsDoorkeeper:
    """`Doorkeeper` over the tables. Nothing is remembered between two requests."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def visit(self, request: Request) -> Visit | None:
        """The session that the browser's cookie names; None for nobody, or while the second factor is missing."""
        session_id = session_id_of(request, self._house.settings)
        if session_id is None:
            return None
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            found = await store.session_of(connection, session_id)
            if found is None or not _counts(*found[:2], now):
                return None
            session, account, helping = found
            tenant_id, behalf, reaches = await _rights(connection, session, account, helping, now)
        if now - session.last_seen_at >= SEEN_EVERY:
            async with self._house.database.writing() as connection:
                await store.seen(connection, session_id, now)
        person = Person(
            id=account.id,
            name=account.name,
            email=account.email,
            language=account.language,
            tenant_id=tenant_id,
            reaches=reaches,
            operator=account.operator,
            on_behalf_of=behalf,
            stepped_up_at=session.stepped_up_at,
            source=source_of(request, self._house.settings),
        )
        return Visit(session_id, form_token(self._house.vault, session_id), person)

    def owns(self, visit: Visit, form_token: str | None) -> bool:
        """Whether a form came from one of this session's own pages."""
        return owns_form(self._house.vault, visit.session_id, form_token)


def doorkeeper(house: House) -> Doorkeeper:
    """Who lets people into the pages of this portal."""
    return AccountsDoorkeeper(house)


def _counts(session: Session, account: Account, now: datetime) -> bool:
    return account.state is PersonState.ACTIVE and not session.awaits_factor and not session.over(now)


async def _rights(
    connection: AsyncConnection, session: Session, account: Account, helping: str, now: datetime
) -> tuple[str | None, str, Mapping[Right, Reach]]:
    """The merchant that is worked on, its name where staff helps, and the rights there."""
    if not account.operator:
        if account.tenant_id is None:
            return None, "", {}
        return account.tenant_id, "", await load_reaches(connection, account.id, account.tenant_id)
    if session.helping_tenant_id is None:
        return None, "", {}
    reaches = await support.staff_reaches(connection, session.helping_tenant_id, now)
    # Access that closed in the meantime ends the help: nothing of the merchant is named any more.
    return (session.helping_tenant_id, helping, reaches) if reaches else (None, "", {})
