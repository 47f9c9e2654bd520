"""What the pages of accounts share: the form's errors in words, where to go next, and the pages before a session."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.secrets import hashed
from tillbridge.portal.accounts.sessions import Doorstep, form_token, give_cookie
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import TOKEN, Form, Site, Visit
from tillbridge.web.forms import read_form
from tillbridge.web.going import own_path, see_other

NEXT: Final = "next"

_RULES: Final = frozenset({"too_short", "too_long", "too_common", "too_personal"})

_SAID: Final[Mapping[Code, str]] = {
    Code.SLOW_DOWN: "accounts.wrong.slow_down",
    Code.OVERLOADED: "accounts.wrong.overloaded",
    Code.RECORD_UNKNOWN: "accounts.wrong.unknown",
    Code.RECORD_CONFLICT: "accounts.wrong.conflict",
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a form: the field it is about ("" for the form as a whole), and the key of the sentence."""

    place: str
    key: str
    status: int


def wrong(error: BridgeError, refused: str) -> Wrong:
    """An error as a form shows it. `refused` is the sentence for what was not right; other errors are raised again."""
    status = error.entry.status
    match error.code:
        case Code.SIGN_IN_REFUSED:
            return Wrong(error.place or "", refused, HTTPStatus.UNPROCESSABLE_ENTITY)
        case Code.FIELD_INVALID:
            rule = error.detail if error.detail in _RULES else error.place
            return Wrong(error.place or "", f"accounts.wrong.{rule}", status)
        case code if code in _SAID:
            return Wrong("", _SAID[code], status)
        case _:
            raise error


def onward(form: Mapping[str, str]) -> str:
    """Where the browser asked to go on to, if that is a page of ours."""
    return own_path(form.get(NEXT))


def back_to(path: str, page: str) -> Route:
    """Leads from the address of a form to its page: for who loads it anew, or switches the language, after an error."""

    async def lead(_: Request) -> Response:
        return see_other(page)

    return Route(path, lead, methods=["GET"])


def with_next(path: str, after: str) -> str:
    """A path that goes on to another one afterwards."""
    return f"{path}?{NEXT}={quote(after, safe='/')}"


class Front:
    """Answers pages before there is a session, and hands out cookies."""

    def __init__(self, house: House, site: Site) -> None:
        self.house = house
        self.site = site
        self.doorstep = Doorstep(house)

    async def page(self, request: Request, template: str, *, failed: Wrong | None = None, **parts: object) -> Response:
        """A page whose forms are bound to the browser's cookie."""
        secret = self.doorstep.secret(request)
        status = HTTPStatus.OK if failed is None else failed.status
        token = self.doorstep.token(secret)
        answer = await self.site.page(request, template, visit=None, status=status, token=token, wrong=failed, **parts)  # type: ignore[arg-type]  # the template's own
        self.doorstep.give(answer, secret)
        return answer

    async def form(self, request: Request) -> Form:
        """The form that such a page sent. `BridgeError(ORIGIN_NOT_ALLOWED)` if it is not of this browser's page."""
        form = await read_form(request)
        self.doorstep.check(request, form.get(TOKEN))
        return form

    def let_in(self, path: str, secret: str) -> Response:
        """On to a page, with the session's new secret."""
        answer = see_other(path)
        give_cookie(answer, self.house.settings, secret)
        return answer

    def renewed(self, visit: Visit, secret: str) -> Visit:
        """The same visit under its new secret, for a page that is answered with it."""
        session_id = hashed(secret)
        return replace(visit, session_id=session_id, form_token=form_token(self.house.vault, session_id))
