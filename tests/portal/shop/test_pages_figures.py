"""A shop's figures: what was sold and looked at, as charts, tables and files that no spreadsheet works out."""

import io
from dataclasses import replace

import openpyxl

from tests.portal.clock import HandClock
from tests.portal.people import somebody
from tests.portal.shop.stand import SLUG, Stand
from tests.portal.shop.test_shop_pages import shown
from tillbridge.portal.shop.statistics import Views


async def test_sales_and_views_day_by_day_by_design_and_by_location(stand: Stand, clock: HandClock) -> None:
    views = Views(stand.house)
    for count in (3, 2):
        for _ in range(count):
            views.count(await stand.front())
        await views.keep()
    await views.keep()
    await stand.issued({"quantity": 2}, {"design_id": stand.free, "value": 1234})
    await stand.placed()
    # Eleven in the evening of the tenth in London is the next day in Berlin.
    clock.forward(hours=11)
    await stand.issued(value=5000)
    _, system, design = await stand.office.design(stand.person, stand.fixed)
    formula = replace(design, layout=replace(design.layout, names={"de": "=1+1"}))
    await stand.office.redraw(stand.person, formula, b"")
    asked, path = stand.browser(person=stand.person), f"/shops/{stand.shop_id}/figures"
    span = "?first=2026-03-14&last=2026-03-15"
    page = await shown(asked, f"{path}{span}")
    assert "40.0" in page
    assert page.count("<rect x=") == 6
    table = (await asked.get(f"{path}.csv{span}")).body.decode("utf-8-sig").split("\r\n")
    assert table[1:3] == ['"2026-03-14","5","1","62.34","EUR"', '"2026-03-15","0","1","50.00","EUR"']
    assert table[5:7] == ['"\'=1+1","3","100.00","EUR"', '"Freier Betrag","1","12.34","EUR"']
    book = openpyxl.load_workbook(io.BytesIO((await asked.get(f"{path}.xlsx{span}")).body))
    rows = list(book.active.iter_rows(values_only=True))  # type: ignore[union-attr]  # there is one sheet
    assert rows[5][:3] == ("=1+1", "3", "100.00")
    assert book.active["A6"].data_type == "s"  # type: ignore[index]  # as above
    assert (await asked.get(f"{path}?first=2026-01-01&last=2026-12-31")).status == 400
    assert (await asked.get(f"/shop/{SLUG}")).status == 200
    assert system.time_zone == "Europe/Berlin"
    # Who sees one location alone sees its sales, and not how often the shop was looked at.
    narrow = somebody(stand.person.home, "shop.orders.view", locations=frozenset({stand.places[1]}))
    page = await shown(stand.browser(person=narrow), f"{path}{span}")
    assert (page.count("<rect x="), ">Views<" in page) == (4, False)
    assert "Nothing was sold" in page
    for language in ("de", "fr", "cs"):
        await shown(stand.browser(person=stand.person, language=language), path)
