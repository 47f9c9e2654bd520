"""What the recipient of a voucher sees by the link of the letter: that voucher, and nothing else of its order."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.money import Money
from tillbridge.portal.pages.site import Site
from tillbridge.portal.shop import orders_store, store
from tillbridge.portal.shop.buying import Buying
from tillbridge.portal.shop.delivering import Delivering
from tillbridge.portal.shop.model import said
from tillbridge.portal.shop.public_views import PATH


class GiftPages:
    """The page of one line, and its PDF."""

    def __init__(self, site: Site, buying: Buying, delivering: Delivering) -> None:
        self._site = site
        self._buying = buying
        self._delivering = delivering

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        one = f"{PATH}/{{slug}}/gift/{{secret}}"
        return [
            Route(one, self.show, methods=["GET"]),
            Route(f"{one}/vouchers.pdf", self.paper, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        """The voucher as a present."""
        slug, secret = request.path_params["slug"], request.path_params["secret"]
        front, one, line = await self._buying.given(slug, secret)
        words, wish = self._site.words(request), line.wish
        async with self._site.house.database.reading() as connection:
            layouts = await store.layouts(connection, {(wish.design_id, wish.version)})
            units = await orders_store.units(connection, one.id)
        layout = layouts[wish.design_id, wish.version]
        picture = "" if layout.picture_id is None else f"{PATH}/{slug}/pictures/{layout.picture_id}"
        return await self._site.page(
            request,
            "shop/gift.html",
            visit=None,
            front=front,
            wish=wish,
            name=said(layout.names, words.t.language),
            picture=picture,
            each=words.amount(Money(wish.unit_amount, one.unit)),
            stands=one.state.done and any(unit.line == line.number and not unit.refunded for unit in units),
            paper=f"{PATH}/{slug}/gift/{secret}/vouchers.pdf",
        )

    async def paper(self, request: Request) -> Response:
        """It as PDF."""
        _, one, line = await self._buying.given(request.path_params["slug"], request.path_params["secret"])
        content = await self._delivering.paper(one, [line])
        headers = {"Content-Disposition": f'attachment; filename="voucher-{one.number}.pdf"'}
        return Response(content, media_type="application/pdf", headers=headers)
