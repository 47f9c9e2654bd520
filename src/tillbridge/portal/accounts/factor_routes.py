"""The pages of one's own second factors and recovery codes."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.enrolling import Enrolled, Enrolling
from tillbridge.portal.accounts.front import Front, Wrong, back_to, onward, with_next, wrong
from tillbridge.portal.accounts.model import FactorKind
from tillbridge.portal.accounts.passkeys import party_of
from tillbridge.portal.accounts.profile_routes import ZONE
from tillbridge.portal.accounts.sessions import give_cookie
from tillbridge.portal.accounts.totp import qr_code, spaced
from tillbridge.portal.pages.site import Form, Visit
from tillbridge.web.going import see_other

PAGE: Final = "/profile/factors"
TOTP: Final = f"{PAGE}/totp"

_DONE: Final = frozenset({"needed", "removed", "added"})


class FactorPages:
    """Adding and removing second factors."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._site = front.site
        self._house = front.house
        self._enrolling = Enrolling(front.house)

    def routes(self) -> Sequence[BaseRoute]:
        """What `feature.py` adds to the portal."""
        site = self._site
        return (
            site.get(PAGE, self.factors_page),
            site.get(TOTP, self.totp_page),
            site.get(f"{TOTP}.svg", self.totp_picture),
            site.post(TOTP, self.begin_totp),
            site.post(f"{TOTP}/confirm", self.confirm_totp),
            site.post(f"{PAGE}/passkey", self.add_passkey),
            site.post(f"{PAGE}/{{factor_id}}/remove", self.remove),
            site.post("/profile/recovery-codes", self.new_codes),
            back_to(f"{TOTP}/confirm", TOTP),
            back_to(f"{PAGE}/passkey", PAGE),
            back_to("/profile/recovery-codes", PAGE),
        )

    async def factors_page(self, request: Request, visit: Visit) -> Response:
        """What this person has, and what can be added."""
        return await self._factors(request, visit, request.query_params)

    async def _factors(self, request: Request, visit: Visit, given: Form, failed: Wrong | None = None) -> Response:
        done = given.get("done", "")
        standing = await self._enrolling.standing(visit)
        return await self._site.page(
            request,
            "accounts/factors.html",
            visit=visit,
            status=HTTPStatus.OK if failed is None else failed.status,
            zone=ZONE,
            wrong=failed,
            standing=standing,
            has_totp=standing.has(FactorKind.TOTP),
            passkeys=party_of(request, self._house.settings) is not None,
            onward=onward(given),
            done=done if done in _DONE else "",
            name=given.get("name", ""),
        )

    async def begin_totp(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes a generator and shows it."""
        try:
            await self._enrolling.show_totp(visit, form.get("password", ""))
        except BridgeError as error:
            return await self._factors(request, visit, form, _of(error, "totp"))
        return see_other(with_next(TOTP, onward(form)))

    async def totp_page(self, request: Request, visit: Visit) -> Response:
        """The picture for the telephone, and the first code's form."""
        return await self._totp(request, visit, request.query_params)

    async def _totp(self, request: Request, visit: Visit, given: Form, failed: Wrong | None = None) -> Response:
        secret = await self._enrolling.pending_secret(visit)
        return await self._site.page(
            request,
            "accounts/totp.html",
            visit=visit,
            status=HTTPStatus.OK if failed is None else failed.status,
            wrong=failed,
            secret=spaced(secret),
            onward=onward(given),
        )

    async def totp_picture(self, request: Request, visit: Visit) -> Response:  # noqa: ARG002  # as Site.get has it
        """The QR code of the generator that waits for its first code."""
        secret = await self._enrolling.pending_secret(visit)
        drawn = qr_code(secret, visit.person.email, self._house.settings.operator.name)
        return Response(drawn, media_type="image/svg+xml")

    async def confirm_totp(self, request: Request, visit: Visit, form: Form) -> Response:
        """The first code: the generator counts from now on."""
        try:
            enrolled = await self._enrolling.confirm_totp(visit, form.get("code", ""))
        except BridgeError as error:
            if error.code is Code.RECORD_UNKNOWN:
                return see_other(with_next(PAGE, onward(form)))
            return await self._totp(request, visit, form, wrong(error, "accounts.wrong.totp"))
        return await self._enrolled(request, visit, enrolled, onward(form))

    async def add_passkey(self, request: Request, visit: Visit, form: Form) -> Response:
        """Adds the passkey that the browser made."""
        party = party_of(request, self._house.settings)
        if party is None:
            raise BridgeError(Code.FIELD_INVALID, "passkeys need the portal's name, not a number", place="credential")
        answer, name = form.get("credential", ""), form.get("name", "")
        try:
            enrolled = await self._enrolling.add_passkey(visit, party, answer, name, form.get("password", ""))
        except BridgeError as error:
            return await self._factors(request, visit, form, _of(error, "passkey"))
        return await self._enrolled(request, visit, enrolled, onward(form))

    async def remove(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as Site.post has it
        """Removes a factor."""
        await self._enrolling.remove(visit, request.path_params["factor_id"])
        return see_other(f"{PAGE}?done=removed")

    async def new_codes(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as Site.post has it
        """Ten new recovery codes, shown once."""
        codes = await self._enrolling.new_codes(visit)
        return await self._codes(request, visit, codes, PAGE)

    async def _enrolled(self, request: Request, visit: Visit, enrolled: Enrolled, after: str) -> Response:
        """With the first factor the recovery codes are shown, once; else the page goes on at once."""
        if not enrolled.codes:
            after = after if after != "/" else f"{PAGE}?done=added"
            return self._front.let_in(after, enrolled.secret)
        answer = await self._codes(request, self._front.renewed(visit, enrolled.secret), enrolled.codes, after)
        give_cookie(answer, self._house.settings, enrolled.secret)
        return answer

    async def _codes(self, request: Request, visit: Visit, codes: Sequence[str], after: str) -> Response:
        return await self._site.page(
            request, "accounts/codes.html", visit=visit, codes=codes, onward=PAGE if after == "/" else after
        )


def _of(error: BridgeError, form: str) -> Wrong:
    """What is wrong, named so that the right one of the page's two forms says it."""
    failed = wrong(error, "accounts.wrong.passkey" if error.place == "credential" else "accounts.wrong.current")
    return Wrong(f"{form}-{failed.place or 'form'}", failed.key, failed.status)
