"""Who may see a page and whose form counts; signing in, signing out, and the language."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import SIGN_IN, Site
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.web.forms import read_form
from tillbridge.web.going import HOME, address, own_path, see_other
from tillbridge.web.language import COOKIE, COOKIE_SECONDS

Page = Callable[[Request, Session], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class File:
    """A file that a person has chosen."""

    name: str
    content: bytes


Upload = Callable[[Request, Session, Mapping[str, str], File], Awaitable[Response]]

UPLOAD_FIELDS: Final = 5
"""Fields beside the file: the form's token, and what the file belongs to."""


class Gate:
    """Stands before every page of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """The pages of the gate itself."""
        return [
            Route(SIGN_IN, self.sign_in, methods=["GET"]),
            Route(SIGN_IN, self.signed_in, methods=["POST"]),
            self.form("/sign-out", self.sign_out),
            Route("/language/{code}", self.language, methods=["GET"]),
        ]

    def page(self, path: str, page: Page) -> Route:
        """A page for who is signed in; a key in the address signs in and leaves the address."""

        async def guarded(request: Request) -> Response:
            key = request.query_params.get("key")
            if key is not None:
                try:
                    return self._site.enter(request, key, request.url.path)
                except BridgeError as error:
                    return self._refused(request, error, request.url.path)
            session = self._site.session(request)
            if session is None:
                here = address(request)
                return see_other(SIGN_IN if here == HOME else f"{SIGN_IN}?next={here}")
            return await page(request, session)

        return Route(path, guarded, methods=["GET"])

    def form(self, path: str, page: Page) -> Route:
        """What a form does: only one of a page that was written for this very session."""

        async def guarded(request: Request) -> Response:
            session = self._site.session(request)
            if session is None:
                return see_other(SIGN_IN)
            if not session.owns((await read_form(request)).get("token")):
                raise BridgeError(Code.ORIGIN_NOT_ALLOWED, "the form does not belong to this session")
            return await page(request, session)

        return Route(path, guarded, methods=["POST"])

    def upload(self, path: str, page: Upload) -> Route:
        """What a form with a file does; the file is empty where none was chosen."""

        async def guarded(request: Request) -> Response:
            session = self._site.session(request)
            if session is None:
                return see_other(SIGN_IN)
            try:
                async with request.form(max_files=1, max_fields=UPLOAD_FIELDS) as sent:
                    fields = {name: value for name, value in sent.items() if isinstance(value, str)}
                    file = next((value for value in sent.values() if isinstance(value, UploadFile)), None)
                    found = File("", b"") if file is None else File(file.filename or "", await file.read())
            except (MultiPartException, HTTPException) as error:
                raise BridgeError(Code.BODY_INVALID, "the form could not be read") from error
            if not session.owns(fields.get("token")):
                raise BridgeError(Code.ORIGIN_NOT_ALLOWED, "the form does not belong to this session")
            return await page(request, session, fields, found)

        return Route(path, guarded, methods=["POST"])

    async def sign_in(self, request: Request) -> Response:
        """The form for the key."""
        if self._site.session(request) is not None:
            return see_other(HOME)
        notice = "sign_in.signed_out" if "signed_out" in request.query_params else None
        return self._sign_in(request, onward=own_path(request.query_params.get("next")), notice=notice)

    async def signed_in(self, request: Request) -> Response:
        """Takes the key."""
        form = await read_form(request)
        onward = own_path(form.get("next"))
        try:
            return self._site.enter(request, form.get("key", ""), onward)
        except BridgeError as error:
            return self._refused(request, error, onward)

    async def sign_out(self, _: Request, session: Session) -> Response:
        """Ends the session."""
        return self._site.leave(session)

    async def language(self, request: Request) -> Response:
        """Switches the language, and goes back to where the switch stood."""
        answer = see_other(own_path(request.query_params.get("back")))
        code = request.path_params["code"]
        if code not in frozenset(Language):
            raise BridgeError(Code.PATH_UNKNOWN)
        answer.set_cookie(COOKIE, code, max_age=COOKIE_SECONDS, httponly=True, samesite="strict", path="/")
        return answer

    def _refused(self, request: Request, error: BridgeError, onward: str) -> Response:
        notice = "sign_in.wait" if error.code is Code.RATE_LIMITED else "sign_in.wrong"
        return self._sign_in(request, onward=onward, notice=notice, status=error.entry.status)

    def _sign_in(self, request: Request, *, onward: str, notice: str | None, status: int = HTTPStatus.OK) -> Response:
        wrong = status != HTTPStatus.OK
        return self._site.page(
            request, "sign_in.html", session=None, status=status, onward=onward, notice=notice, wrong=wrong
        )
