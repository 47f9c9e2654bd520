"""The merchant's page of a shop's figures: charts with their tables, and the same as files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.portal.customers.exporting import CSV_TYPE, XLSX_TYPE
from tillbridge.portal.locations.views import day
from tillbridge.portal.pages.site import Site, Visit
from tillbridge.portal.settlement import charts
from tillbridge.portal.settlement.views import Chart, Column, Series, Shown
from tillbridge.portal.shop.figures_paper import cells, csv_of, xlsx_of
from tillbridge.portal.shop.model import Shop, said
from tillbridge.portal.shop.office import ShopOffice
from tillbridge.portal.shop.pages_office import PATH
from tillbridge.portal.shop.statistics import DAYS, MOST_DAYS, Figures, Sold
from tillbridge.portal.vouchers.systems_model import VoucherSystem
from tillbridge.web.words import Words

_AT: Final = f"{PATH}/{{shop_id}}/figures"
_PERCENT: Final = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """A line of a chart of shares: `width` of 100 is the largest."""

    name: str
    vouchers: str
    amount: str
    width: int


class FiguresPages:
    """The figures of one shop."""

    def __init__(self, site: Site, office: ShopOffice) -> None:
        self._site = site
        self._office = office

    def routes(self) -> list[BaseRoute]:
        """The page and its files."""
        site = self._site
        return [
            site.get(_AT, self.show),
            site.get(f"{_AT}.csv", self.as_csv),
            site.get(f"{_AT}.xlsx", self.as_xlsx),
        ]

    async def show(self, request: Request, visit: Visit) -> Response:
        """Charts and tables."""
        seen, first, last, found = await self._found(request, visit)
        words = self._site.words(request, visit.person, seen[1].time_zone)
        unit = seen[1].unit
        rate = f"{found.orders * _PERCENT // found.views / 10:.1f}" if found.views else ""
        span = f"first={first.isoformat()}&last={last.isoformat()}"
        return await self._site.page(
            request,
            "shop/figures.html",
            visit=visit,
            zone=seen[1].time_zone,
            shop=seen[0],
            first=first.isoformat(),
            last=last.isoformat(),
            path=f"{PATH}/{seen[0].id}/figures",
            span=span,
            views=words.count(found.views) if found.whole else "",
            orders=words.count(found.orders),
            amount=words.amount(Money(found.amount, unit)),
            rate=rate.replace(".", words.t("format.decimal")),
            charts=_charts(words, seen[1], found),
            table=_table(words, seen[1], found),
            designs=_parts(words, seen[1], found.designs),
            places=_parts(words, seen[1], found.locations),
            size=(charts.WIDTH, charts.HEIGHT),
        )

    async def as_csv(self, request: Request, visit: Visit) -> Response:
        """The same as CSV."""
        seen, first, _, found = await self._found(request, visit)
        rows = cells(found, seen[1].currency, self._site.words(request, visit.person).t)
        return Response(csv_of(rows), media_type=CSV_TYPE, headers=_named(seen[0].slug, first, "csv"))

    async def as_xlsx(self, request: Request, visit: Visit) -> Response:
        """The same as a workbook."""
        seen, first, _, found = await self._found(request, visit)
        t = self._site.words(request, visit.person).t
        content = xlsx_of(cells(found, seen[1].currency, t), t("shop.figures"))
        return Response(content, media_type=XLSX_TYPE, headers=_named(seen[0].slug, first, "xlsx"))

    async def _found(self, request: Request, visit: Visit) -> tuple[tuple[Shop, VoucherSystem], date, date, Figures]:
        shop, system = await self._office.known(visit.person, request.path_params["shop_id"])
        now = self._site.house.runtime.clock.now()
        first, last = _span(request, now.astimezone(ZoneInfo(system.time_zone)).date())
        return (shop, system), first, last, await self._office.figures(visit.person, shop, system, first, last)


def _named(slug: str, first: date, ends: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{slug}-{first.isoformat()}.{ends}"'}


def _span(request: Request, today: date) -> tuple[date, date]:
    """The days that are asked for; the last thirty if none are. `BridgeError(FIELD_INVALID)` for others."""
    query = request.query_params
    try:
        last = date.fromisoformat(query["last"]) if "last" in query else today
        first = date.fromisoformat(query["first"]) if "first" in query else last - timedelta(days=DAYS - 1)
    except ValueError as error:
        raise BridgeError(Code.FIELD_INVALID, "a day as YYYY-MM-DD", place="first") from error
    if not first <= last < first + timedelta(days=MOST_DAYS) or last > today + timedelta(days=1):
        raise BridgeError(Code.FIELD_INVALID, f"at most {MOST_DAYS} days, the first one first", place="first")
    return first, last


def _charts(words: Words, system: VoucherSystem, found: Figures) -> list[Chart]:
    def money(minor: int) -> str:
        return words.amount(Money(minor, system.unit))

    drawn: Sequence[tuple[str, list[int], Callable[[int], str]]] = (
        ("views", [one.views for one in found.days], words.count),
        ("orders", [one.orders for one in found.days], words.count),
        ("amount", [one.amount for one in found.days], money),
    )
    return [_chart(words, found, name, values, shown) for name, values, shown in drawn[0 if found.whole else 1 :]]


def _chart(words: Words, found: Figures, name: str, values: list[int], shown: Callable[[int], str]) -> Chart:
    title = words.t(f"shop.figures.{name}")
    first, last = day(words, found.days[0].day), day(words, found.days[-1].day)
    ends = {"least": shown(min(values)), "most": shown(max(values))}
    told = words.t("settlement.chart.said", first=first, last=last, **ends)
    return Chart(name, title, told, ends["most"], first, last, (Series(title, "main", bars=charts.bars(values)),))


def _table(words: Words, system: VoucherSystem, found: Figures) -> Shown:
    t = words.t
    names = ("views", "orders", "amount") if found.whole else ("orders", "amount")
    columns = tuple(Column(t(f"shop.figures.{name}"), number=True) for name in names)
    rows = tuple(
        (
            day(words, one.day),
            *((words.count(one.views),) if found.whole else ()),
            words.count(one.orders),
            words.amount(Money(one.amount, system.unit)),
        )
        for one in reversed(found.days)
    )
    return Shown(t("shop.figures.by_day"), (Column(t("shop.figures.day")), *columns), rows)


def _parts(words: Words, system: VoucherSystem, sold: Sequence[Sold]) -> list[Part]:
    most = max((one.amount for one in sold), default=1)
    return [
        Part(
            said(one.names, words.t.language),
            words.count(one.vouchers),
            words.amount(Money(one.amount, system.unit)),
            one.amount * 100 // most,
        )
        for one in sold
    ]
