"""The pages for a forgotten password."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.front import Front, Wrong, wrong
from tillbridge.portal.accounts.model import Account
from tillbridge.portal.accounts.resetting import PAGE, Resetting
from tillbridge.portal.accounts.sessions import take_cookie
from tillbridge.portal.problems import SIGN_IN
from tillbridge.web.going import see_other


class ResetPages:
    """Asking for the letter, and choosing the new password."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._resetting = Resetting(front.house)

    def routes(self) -> Sequence[BaseRoute]:
        """What `feature.py` adds to the portal."""
        return (
            Route("/password/forgotten", self.ask_page, methods=["GET"]),
            Route("/password/forgotten", self.ask, methods=["POST"]),
            Route(PAGE, self.new_page, methods=["GET"]),
            Route(PAGE, self.new, methods=["POST"]),
        )

    async def ask_page(self, request: Request) -> Response:
        """Asks for the address."""
        return await self._front.page(
            request, "accounts/forgotten.html", email="", sent=request.query_params.get("done") == "sent"
        )

    async def ask(self, request: Request) -> Response:
        """Writes the letter, and says the same whether there is such an account or not."""
        form = await self._front.form(request)
        email = form.get("email", "")
        try:
            await self._resetting.ask(request, email, self._front.site.language(request))
        except BridgeError as error:
            failed = wrong(error, "accounts.wrong.sign_in")
            return await self._front.page(request, "accounts/forgotten.html", failed=failed, email=email, sent=False)
        return see_other("/password/forgotten?done=sent")

    async def new_page(self, request: Request) -> Response:
        """Asks for the new password, if the link still opens something."""
        return await self._page(request, request.query_params)

    async def new(self, request: Request) -> Response:
        """Sets it, and leads to the sign-in."""
        form = await self._front.form(request)
        try:
            await self._resetting.set_password(request, form.get("link", ""), form.get("password", ""))
        except BridgeError as error:
            return await self._page(request, form, wrong(error, "accounts.wrong.sign_in"))
        answer = see_other(f"{SIGN_IN}?done=password_set")
        take_cookie(answer, self._front.house.settings)
        return answer

    async def _page(self, request: Request, given: Mapping[str, str], failed: Wrong | None = None) -> Response:
        link = given.get("link", "")
        account: Account | None = await self._resetting.owner(link)
        if account is None and (failed is None or failed.status == BridgeError(Code.RECORD_UNKNOWN).entry.status):
            failed = wrong(BridgeError(Code.RECORD_UNKNOWN), "")
        return await self._front.page(request, "accounts/new_password.html", failed=failed, link=link, account=account)
