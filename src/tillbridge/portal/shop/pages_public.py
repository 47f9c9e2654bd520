"""The shop's own pages, for whoever comes: the window, the terms and the pictures, without a login or a script."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.pages.site import Site
from tillbridge.portal.shop import store
from tillbridge.portal.shop.buying import Buying
from tillbridge.portal.shop.carts import Carts
from tillbridge.portal.shop.model import Texts, said
from tillbridge.portal.shop.public_views import PATH, card, cart_of, paragraphs
from tillbridge.portal.shop.statistics import Views

_MONTH: Final = 30 * 24 * 3600


class PublicPages:
    """The shop window, the terms and the pictures."""

    def __init__(self, site: Site, buying: Buying, carts: Carts, views: Views) -> None:
        self._site = site
        self._buying = buying
        self._carts = carts
        self._views = views

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        one = f"{PATH}/{{slug}}"
        return [
            Route(one, self.window, methods=["GET"]),
            Route(f"{one}/terms", self.terms, methods=["GET"]),
            Route(f"{one}/pictures/{{picture_id}}", self.picture, methods=["GET"]),
        ]

    async def window(self, request: Request) -> Response:
        """Every design that is offered; a sentence where the shop is closed."""
        front = await self._buying.front(request.path_params["slug"])
        if front.selling:
            self._views.count(front)
        words = self._site.words(request)
        cards = [card(words, front, one) for one in front.designs if one.is_offered]
        return await self._site.page(
            request,
            "shop/window.html",
            visit=None,
            front=front,
            in_cart=await self._carts.count(front, cart_of(request)),
            cards=cards if front.selling else [],
            welcome=said(front.shop.welcome, words.t.language),
        )

    async def terms(self, request: Request) -> Response:
        """Terms, the notice of withdrawal, and who the merchant is."""
        front = await self._buying.front(request.path_params["slug"])
        language = self._site.language(request)
        parts: tuple[tuple[str, Texts], ...] = (
            ("terms", front.shop.terms),
            ("withdrawal", front.shop.withdrawal),
            ("imprint", front.shop.imprint),
        )
        texts = [(name, paragraphs(said(text, language))) for name, text in parts]
        in_cart = await self._carts.count(front, cart_of(request))
        return await self._site.page(request, "shop/terms.html", visit=None, front=front, texts=texts, in_cart=in_cart)

    async def picture(self, request: Request) -> Response:
        """A design's picture; it never changes under its address."""
        front = await self._buying.front(request.path_params["slug"])
        async with self._site.house.database.reading() as connection:
            found = await store.find_picture(connection, front.shop.id, request.path_params["picture_id"])
        if found is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        headers = {"Cache-Control": f"public, max-age={_MONTH}, immutable"}
        return Response(found[1], media_type=found[0], headers=headers)
