"""The iCalendar feeds: one for everybody, and one for each merchant under an address that nobody guesses."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.maintenance import store
from tillbridge.portal.maintenance.calendar import MEDIA_TYPE, calendar
from tillbridge.portal.maintenance.model import Scope
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.pages.site import CATALOGUES, Site

PUBLIC: Final = "/maintenance/calendar.ics"
FRESH_SECONDS: Final = 3600
"""How long a public calendar may be kept on its way: an hour is nothing against a week's notice."""


def address(site: Site, token: str | None = None) -> str:
    """What a calendar program is given."""
    origin = site.house.settings.address
    return f"{origin}{PUBLIC}" if token is None else f"{origin}/maintenance/calendar/{token}.ics"


def routes(site: Site) -> Sequence[BaseRoute]:
    """Both feeds; neither asks who comes."""
    house = site.house

    async def public(request: Request) -> Response:
        return await _answer(site, request, None, f"public, max-age={FRESH_SECONDS}")

    async def own(request: Request) -> Response:
        async with house.database.reading() as connection:
            tenant_id = await Maintenance(house).feed_owner(connection, request.path_params["token"])
        return await _answer(site, request, tenant_id, "private, no-store")

    return [
        Route(PUBLIC, public, methods=["GET"]),
        Route("/maintenance/calendar/{token:str}.ics", own, methods=["GET"]),
    ]


async def _answer(site: Site, request: Request, tenant_id: Scope, caching: str) -> Response:
    async with site.house.database.reading() as connection:
        windows = await store.windows(connection, tenant_id)
    asked = request.query_params.get("language")
    t = CATALOGUES[Language(asked) if asked in set(Language) else site.language(request)]
    name = t("maintenance.calendar.name", operator=site.house.settings.operator.name)
    host = urlsplit(site.house.settings.address).hostname or ""
    headers = {"Cache-Control": caching, "Content-Disposition": 'inline; filename="maintenance.ics"'}
    return Response(calendar(windows, t, name, host), headers=headers, media_type=MEDIA_TYPE)
