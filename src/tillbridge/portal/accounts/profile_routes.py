"""The pages of one's own account: name and language, password, sessions, rights."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError
from tillbridge.portal.accounts.front import Front, Wrong, wrong
from tillbridge.portal.accounts.own_rights import own_rights
from tillbridge.portal.accounts.passwords import SHORTEST
from tillbridge.portal.accounts.profile import Profile
from tillbridge.portal.accounts.sessions import take_cookie
from tillbridge.portal.pages.site import CATALOGUES, Form, Visit
from tillbridge.portal.problems import SIGN_IN
from tillbridge.web.going import see_other

ZONE: Final = "UTC"
"""These pages speak of no location, so their times are in UTC, and say so."""

_DONE: Final = frozenset({"saved", "password", "ended"})


class ProfilePages:
    """One's own account."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._site = front.site
        self._house = front.house
        self._profile = Profile(front.house)

    def routes(self) -> Sequence[BaseRoute]:
        """What `feature.py` adds to the portal."""
        site = self._site
        return (
            site.get("/profile", self.profile_page),
            site.post("/profile", self.change),
            site.get("/profile/password", self.password_page),
            site.post("/profile/password", self.change_password),
            site.get("/profile/sessions", self.sessions_page),
            site.post("/profile/sessions/end-others", self.end_others),
            site.post("/profile/sessions/{handle}/end", self.end),
        )

    async def profile_page(self, request: Request, visit: Visit) -> Response:
        """Name, language, and what this person may do."""
        return await self._page(request, visit, {"name": visit.person.name, "language": visit.person.language or ""})

    async def change(self, request: Request, visit: Visit, form: Form) -> Response:
        """Sets name and language."""
        try:
            await self._profile.change(visit, form.get("name", ""), form.get("language", ""))
        except BridgeError as error:
            return await self._page(request, visit, form, wrong(error, ""))
        return see_other("/profile?done=saved")

    async def _page(self, request: Request, visit: Visit, given: Form, failed: Wrong | None = None) -> Response:
        async with self._house.database.reading() as connection:
            rights = await own_rights(connection, visit.person)
        return await self._site.page(
            request,
            "accounts/profile.html",
            visit=visit,
            status=HTTPStatus.OK if failed is None else failed.status,
            wrong=failed,
            done=_done(request),
            name=given.get("name", ""),
            language=given.get("language", ""),
            choices=[(language.value, CATALOGUES[language]("language.name")) for language in Language],
            rights=rights,
        )

    async def password_page(self, request: Request, visit: Visit) -> Response:
        """Asks for the current password and a new one."""
        return await self._password(request, visit)

    async def change_password(self, request: Request, visit: Visit, form: Form) -> Response:
        """Sets it; every other session ends."""
        try:
            secret = await self._profile.change_password(visit, form.get("current", ""), form.get("password", ""))
        except BridgeError as error:
            failed = wrong(error, "accounts.wrong.current")
            # The rules speak of the new password, a refusal of the current one.
            if failed.key == "accounts.wrong.current":
                failed = Wrong("current", failed.key, failed.status)
            return await self._password(request, visit, failed)
        return self._front.let_in("/profile?done=password", secret)

    async def _password(self, request: Request, visit: Visit, failed: Wrong | None = None) -> Response:
        return await self._site.page(
            request,
            "accounts/password.html",
            visit=visit,
            status=HTTPStatus.OK if failed is None else failed.status,
            wrong=failed,
            shortest=SHORTEST,
        )

    async def sessions_page(self, request: Request, visit: Visit) -> Response:
        """Where this person is signed in."""
        own, found = await self._profile.sessions(visit)
        return await self._site.page(
            request, "accounts/sessions.html", visit=visit, zone=ZONE, sessions=found, own=own, done=_done(request)
        )

    async def end(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as Site.post has it
        """Ends one session; one's own is a sign-out."""
        handle = request.path_params["handle"]
        own, _ = await self._profile.sessions(visit)
        await self._profile.end(visit, handle)
        if handle != own:
            return see_other("/profile/sessions?done=ended")
        answer = see_other(f"{SIGN_IN}?done=signed_out")
        take_cookie(answer, self._house.settings)
        return answer

    async def end_others(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as Site.post has it
        """Ends all sessions but this one."""
        await self._profile.end_others(visit)
        return see_other("/profile/sessions?done=ended")


def _done(request: Request) -> str:
    done = request.query_params.get("done", "")
    return done if done in _DONE else ""
