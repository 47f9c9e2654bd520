"""What a feature adds to the portal. `app.py` puts them together."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.routing import BaseRoute

from tillbridge.portal.pages.site import Banners, MenuEntry, Site
from tillbridge.web.asgi import App

Job = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Feature:
    """`pages` are its pages, `api` its routes below /v1, `sockets` other routes at the root (a WebSocket).

    `openings` are done before anything is served. `jobs` run until they are cancelled; a fault of one is logged and it
    begins anew. `menu` and `banners` appear on every page.
    """

    name: str
    pages: Callable[[Site], Sequence[BaseRoute]] = lambda _: ()
    api: APIRouter | None = None
    sockets: Sequence[BaseRoute] = ()
    openings: Sequence[Job] = ()
    jobs: Sequence[Job] = ()
    menu: Sequence[MenuEntry] = ()
    banners: Sequence[Banners] = ()
    ahead: Callable[[App], App] = lambda app: app
