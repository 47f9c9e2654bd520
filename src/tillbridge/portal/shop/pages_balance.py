"""The page on which somebody looks up what is on a voucher."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.pages.site import TOKEN, Site
from tillbridge.portal.shop.balances import Balance, Balances
from tillbridge.portal.shop.buying import Buying
from tillbridge.portal.shop.links import form_key, new_form_token
from tillbridge.portal.shop.public_views import PATH
from tillbridge.portal.source import source_of
from tillbridge.web.forms import read_form


class BalancePages:
    """A form, and its answer on the same page: nothing of it stands in an address."""

    def __init__(self, site: Site, buying: Buying, balances: Balances) -> None:
        self._site = site
        self._buying = buying
        self._balances = balances

    def routes(self) -> list[BaseRoute]:
        """The page and its answer."""
        one = f"{PATH}/{{slug}}/balance"
        return [Route(one, self.show, methods=["GET"]), Route(one, self.ask, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """The form."""
        return await self._show(request)

    async def ask(self, request: Request) -> Response:
        """What is on the voucher."""
        form = await read_form(request)
        house, slug = self._site.house, request.path_params["slug"]
        form_key(house.vault, form.get(TOKEN, ""), f"{slug}/balance")
        front = await self._buying.front(slug)
        source = source_of(request, house.settings)
        number = form.get("number", "")
        try:
            found = await self._balances.of(front, number, form.get("pin", ""), source)
        except BridgeError as error:
            if error.code not in {Code.VOUCHER_UNKNOWN, Code.SLOW_DOWN}:
                raise
            slow = error.code is Code.SLOW_DOWN
            wrong = self._site.words(request).t("shop.wrong.slow_down" if slow else "shop.balance.wrong")
            status = HTTPStatus.TOO_MANY_REQUESTS if slow else HTTPStatus.BAD_REQUEST
            return await self._show(request, wrong=wrong, status=status, number=number)
        return await self._show(request, found)

    async def _show(
        self,
        request: Request,
        found: Balance | None = None,
        *,
        wrong: str = "",
        status: int = HTTPStatus.OK,
        number: str = "",
    ) -> Response:
        house, slug = self._site.house, request.path_params["slug"]
        words = self._site.words(request)
        return await self._site.page(
            request,
            "shop/balance.html",
            visit=None,
            status=status,
            front=await self._buying.front(slug),
            token=new_form_token(house.vault, house.runtime.chance, f"{slug}/balance"),
            money="" if found is None else words.amount(found.money),
            usable=found is not None and found.usable,
            wrong=wrong,
            number=number,
        )
