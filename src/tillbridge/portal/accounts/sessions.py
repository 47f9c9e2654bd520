"""Sessions: a secret in a cookie, and its hash in the database (docs/reference/portal-accounts.md)."""

import hmac
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import store
from tillbridge.portal.accounts.agent import agent_of
from tillbridge.portal.accounts.model import LIFE, Account, PersonState, Session
from tillbridge.portal.accounts.secrets import hashed, new_secret, to_text
from tillbridge.portal.house import House
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.source import source_of
from tillbridge.portal.vault import Vault

NAME: Final = "tillbridge_portal"
DOOR: Final = "tillbridge_portal_door"
"""The cookie of the pages before the sign-in: their forms are bound to it, since there is no session yet."""

_HOST: Final = "__Host-"
"""Browsers take a cookie of this prefix from this very host alone, over https: no neighbour can set one."""


def form_token(vault: Vault, session_id: str) -> str:
    """What stands in every form of a session's pages."""
    return to_text(vault.mac("form", session_id.encode()))


def owns_form(vault: Vault, session_id: str, given: str | None) -> bool:
    """Whether a form is of this session's pages, compared in constant time."""
    return hmac.compare_digest(form_token(vault, session_id).encode(), (given or "").encode())


def session_id_of(request: Request, settings: PortalSettings) -> str | None:
    """The id of the session that the browser's cookie names, whether there is one or not."""
    secret = request.cookies.get(_cookie(settings, NAME))
    return hashed(secret) if secret else None


def give_cookie(answer: Response, settings: PortalSettings, secret: str) -> None:
    """Hands the session's secret to the browser.

    SameSite is Lax and not Strict: people come from a link in a letter and are signed in there; whatever changes
    something is a POST with the session's own token.
    """
    _set(answer, settings, NAME, secret, int(LIFE.total_seconds()))


def take_cookie(answer: Response, settings: PortalSettings) -> None:
    """Lets the browser forget it."""
    _set(answer, settings, NAME, "", 0)


class Doorstep:
    """The forms of the pages before the sign-in, bound to a cookie of the browser: no other site can send them."""

    def __init__(self, house: House) -> None:
        self._house = house

    def holder(self, request: Request) -> str:
        """What names this browser: the hash of its cookie; "" for none."""
        secret = request.cookies.get(_cookie(self._house.settings, DOOR))
        return hashed(secret) if secret else ""

    def secret(self, request: Request) -> str:
        """The browser's cookie, or a new one for it."""
        return request.cookies.get(_cookie(self._house.settings, DOOR)) or new_secret(self._house.runtime.chance)

    def token(self, secret: str) -> str:
        """What stands in the forms of a browser with this cookie."""
        return to_text(self._house.vault.mac("door form", hashed(secret).encode()))

    def give(self, answer: Response, secret: str) -> None:
        """Hands the cookie to the browser; it goes when the browser closes."""
        _set(answer, self._house.settings, DOOR, secret, None)

    def check(self, request: Request, given: str | None) -> None:
        """`BridgeError(ORIGIN_NOT_ALLOWED)` for a form that is not of this browser's page."""
        secret = request.cookies.get(_cookie(self._house.settings, DOOR))
        if not secret or not hmac.compare_digest(self.token(secret).encode(), (given or "").encode()):
            raise BridgeError(Code.ORIGIN_NOT_ALLOWED, "the form does not belong to this page; load the page again")


class Sessions:
    """Opens sessions and changes their secrets."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def open(
        self, connection: AsyncConnection, request: Request, account: Account, *, awaits_factor: bool, proven: bool
    ) -> str:
        """A new session; returns its secret. `proven`: a second factor came along and counts as a fresh proof.

        A session that the browser had before ends: nothing of it goes on under the new person.
        """
        runtime, settings = self._house.runtime, self._house.settings
        if (before := session_id_of(request, settings)) is not None:
            await store.end_session(connection, before)
        secret, now = new_secret(runtime.chance), runtime.clock.now()
        await store.add_session(
            connection,
            Session(
                id=hashed(secret),
                handle=runtime.ids.new(),
                person_id=account.id,
                created_at=now,
                last_seen_at=now,
                ends_at=now + LIFE,
                source=source_of(request, settings),
                agent=agent_of(request),
                awaits_factor=awaits_factor,
                stepped_up_at=now if proven else None,
                recovered_at=None,
                helping_tenant_id=None,
            ),
        )
        return secret

    async def renew(self, connection: AsyncConnection, session_id: str, **changed: datetime | bool) -> str:
        """The same session under a new secret. `BridgeError(SIGNED_OUT)` when it has ended meanwhile."""
        secret = new_secret(self._house.runtime.chance)
        if not await store.renew(connection, session_id, hashed(secret), **changed):
            raise BridgeError(Code.SIGNED_OUT)
        return secret

    async def half(self, request: Request) -> tuple[Session, Account]:
        """The session that waits for its second factor. `BridgeError(SIGNED_OUT)` if there is none."""
        session_id = session_id_of(request, self._house.settings)
        if session_id is not None:
            async with self._house.database.reading() as connection:
                found = await store.session_of(connection, session_id)
            now = self._house.runtime.clock.now()
            if found is not None and _waits(found[0], found[1], now):
                return found[0], found[1]
        raise BridgeError(Code.SIGNED_OUT)


HALF_LIFE_SECONDS: Final = 600
"""How long the second factor is waited for."""


def _waits(one: Session, account: Account, now: datetime) -> bool:
    late = (now - one.created_at).total_seconds() >= HALF_LIFE_SECONDS
    return one.awaits_factor and account.state is PersonState.ACTIVE and not late


def _cookie(settings: PortalSettings, name: str) -> str:
    return f"{_HOST}{name}" if settings.secure else name


def _set(answer: Response, settings: PortalSettings, name: str, value: str, seconds: int | None) -> None:
    answer.set_cookie(
        _cookie(settings, name),
        value,
        max_age=seconds,
        path="/",
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )
