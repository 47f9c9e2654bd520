"""The page behind the link of an invitation. Nobody is signed in there: the link says who may open the account."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import people_forms as forms
from tillbridge.portal.accounts.invitations import PATH, Invitations
from tillbridge.portal.accounts.model import clean_language, clean_name
from tillbridge.portal.accounts.passwords import LONGEST, SHORTEST
from tillbridge.portal.accounts.tables import NAME_LENGTH
from tillbridge.portal.pages.site import Form, Site
from tillbridge.portal.source import source_of
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

DONE: Final = f"{PATH}/accepted"


class InvitationPages:
    """Shows an invitation and accepts it."""

    def __init__(self, site: Site, invitations: Invitations) -> None:
        self._site = site
        self._invitations = invitations

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(PATH, self.accept, methods=["POST"]),
            Route(DONE, self.done, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        """The form in which the invited person says name, language and password."""
        return await self._page(request, {"token": request.query_params.get("token", "")})

    async def accept(self, request: Request) -> Response:
        """Opens the account."""
        form = await read_form(request)
        try:
            await self._invitations.accept(
                form.get("token", ""),
                self._source(request),
                name=clean_name(form.get("name", "")),
                language=clean_language(form.get("language", "")),
                password=form.get("password", ""),
            )
        except BridgeError as error:
            return await self._page(request, form, error)
        return see_other(DONE)

    async def done(self, request: Request) -> Response:
        """Says that the account is open."""
        return await self._site.page(request, "people/accepted.html", visit=None)

    async def _page(self, request: Request, form: Form, error: BridgeError | None = None) -> Response:
        t = self._site.words(request).t
        try:
            invited = await self._invitations.look(form.get("token", ""), self._source(request))
        except BridgeError as gone:
            if gone.code is not Code.RECORD_UNKNOWN:
                raise
            return await self._site.page(request, "people/no_invitation.html", visit=None, status=HTTPStatus.NOT_FOUND)
        account = invited.account
        return await self._site.page(
            request,
            "people/invitation.html",
            visit=None,
            status=HTTPStatus.OK if error is None else error.entry.status,
            invited=invited,
            form=forms.filled(
                {"name": account.name, "language": (account.language or self._site.language(request)).value, **form}
            ),
            wrong={} if error is None else forms.wrong_of(t, error),
            tongues=[(language.value, t(f"people.language.{language}")) for language in Language],
            longest={"name": NAME_LENGTH, "password": LONGEST},
            shortest=SHORTEST,
        )

    def _source(self, request: Request) -> str:
        return source_of(request, self._site.house.settings)
