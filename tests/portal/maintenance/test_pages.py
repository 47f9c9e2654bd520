"""The pages and the interface of maintenance, asked as a browser and a calendar program ask."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from dateutil.rrule import rrulestr
from fastapi import APIRouter, Depends
from icalendar import Calendar

from tests.portal.browser import Browser
from tests.portal.clock import HandClock
from tests.portal.maintenance.test_service import STAFF, on, planned
from tests.portal.maintenance.test_windows import at, plan
from tests.portal.people import Standing, owner, somebody
from tests.portal.shops import merchant, shop
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.app import PREFIX, portal_app
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.maintenance.defaults import found_defaults
from tillbridge.portal.maintenance.feature import feature
from tillbridge.portal.maintenance.model import Component
from tillbridge.portal.maintenance.refusing import open_for_business
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.maintenance.windows import spans
from tillbridge.portal.rights import Person

WINDOW = {
    "component": "vouchers",
    "effect": "unavailable",
    "date": "2026-04-09",
    "clock": "22:30",
    "hours": "2",
    "minutes": "0",
    "zone": "Europe/Prague",
    "repeat": "monthly_weekday",
    "note": "Backup of the ledger",
}


def browser(house: House, person: Person | None, language: str = "en", *more: Feature) -> Browser:
    return Browser(portal_app(house, Standing(person), [feature(house), *more]), language=language)


async def founded(house: House) -> None:
    async with house.database.writing() as connection:
        await found_defaults(house, connection)


async def test_every_page_speaks_every_language(house: House, clock: HandClock) -> None:
    await founded(house)
    window_id = await planned(house, STAFF, auto_switch=True)
    await on(house, STAFF, Component.SHOP, clock.now() + timedelta(hours=1))
    for language in Language:
        pages = browser(house, STAFF, language)
        for path in (
            "/maintenance",
            "/maintenance?month=2027-01&done=saved",
            "/maintenance/windows/new",
            f"/maintenance/windows/{window_id}",
            f"/maintenance/windows/{window_id}/remove",
            "/maintenance/mode",
            "/maintenance/mode/off?component=shop",
        ):
            reply = await pages.get(path)
            assert (reply.status, f'lang="{language}"' in reply.text) == (200, True), path


async def test_what_comes_stands_on_every_page_a_week_ahead(house: House, clock: HandClock) -> None:
    await founded(house)
    tenant_id = await merchant(house)
    pages = browser(house, owner(tenant_id), "de")
    assert (
        _dashed("Geplante Wartung am Mi 18.03.2026, 04:00--07:00 (Europe/Berlin)")
        in (await pages.get("/maintenance")).text
    )
    clock.forward(days=7)
    assert "Geplante Wartung am" not in (await pages.get("/maintenance")).text
    clock.forward(days=6)
    text = (await pages.get("/maintenance")).text
    # What is at the same time is said once.
    assert (
        text.count(_dashed("Geplante Wartung am Mi 01.04.2026, 03:00--05:00 (Europe/Berlin): Portal, Gutscheine")) == 1
    )


async def test_what_is_on_stands_on_every_page(house: House, clock: HandClock) -> None:
    await on(house, STAFF, until=clock.now() + timedelta(hours=3))
    pages = browser(house, owner(await merchant(house)))
    assert "Portal: maintenance until Sat 2026-03-14, 16:00" in (await pages.get("/maintenance")).text
    clock.forward(hours=4)
    assert "Portal: maintenance, end not known yet" in (await pages.get("/maintenance")).text


async def test_a_window_is_planned_previewed_changed_and_removed(house: House) -> None:
    tenant_id = await merchant(house)
    pages = browser(house, owner(tenant_id))
    form = "/maintenance/windows/new"
    preview = await pages.post(form, page=form, **WINDOW, do="preview")
    assert _dashed("Every second Thursday of the month, 22:30--00:30") in preview.text
    assert _dashed("Thu 2026-04-09, 22:30 -- Fri 2026-04-10, 00:30") in preview.text
    assert preview.text.count("<li>Thu ") == 6
    assert "second Thursday" not in (await pages.get("/maintenance")).text
    done = await pages.follow(await pages.post(form, page=form, **WINDOW, do="save"))
    assert "The window is saved." in done.text
    window_id = (await _windows(house, tenant_id))[0]
    path = f"/maintenance/windows/{window_id}"
    changed = WINDOW | {"repeat": "rule", "rule": "FREQ=MONTHLY;INTERVAL=2;BYDAY=2TH", "left_out": "2026-06-11"}
    await pages.follow(await pages.post(path, page=path, **changed, do="save"))
    text = (await pages.get(path)).text
    assert 'value="FREQ=MONTHLY;INTERVAL=2;BYDAY=2TH"' in text
    assert "Thu 2026-08-13" in text
    assert "Thu 2026-06-11" not in text
    done = await pages.follow(await pages.post(f"{path}/remove", page=f"{path}/remove"))
    assert "The window is removed." in done.text
    assert await _windows(house, tenant_id) == []


async def test_a_wrong_field_is_marked_and_nothing_is_saved(house: House) -> None:
    tenant_id = await merchant(house)
    pages, form = browser(house, owner(tenant_id)), "/maintenance/windows/new"
    for field, value in (
        ("date", "2026-02-30"),
        ("clock", "25:00"),
        ("hours", "x"),
        ("hours", "0"),
        ("zone", "Europe/Nowhere"),
        ("repeat", "never"),
        ("component", "till"),
        ("left_out", "tomorrow"),
        ("note", "x" * 201),
    ):
        reply = await pages.post(form, page=form, **WINDOW | {field: value}, do="save")
        assert (reply.status, "Nothing was saved" in reply.text) == (400, True), (field, value)
    assert await _windows(house, tenant_id) == []


async def test_maintenance_is_turned_on_after_a_confirmation(house: House) -> None:
    pages, form = browser(house, STAFF), "/maintenance/mode"
    asked = {"component": "portal", "reason": "New <b>disks</b>", "until_date": "2026-03-14", "until_clock": "15:00"}
    sure = await pages.post(form, page=form, **asked, do="check")
    assert "Expected until Sat 2026-03-14, 15:00" in sure.text
    assert b"<b>disks" not in sure.body
    assert (await pages.get("/v1/status")).status == 200
    assert json.loads((await pages.get("/v1/status")).body)["state"] == "ok"
    await pages.follow(await pages.post(form, page=form, **asked, do="on"))
    status = json.loads((await pages.get("/v1/status")).body)
    assert (status["state"], status["maintenance"][0]["until"]) == ("maintenance", "2026-03-14T14:00:00Z")
    # The API is refused, the pages are not.
    off = "/maintenance/mode/off?component=portal"
    done = await pages.follow(await pages.post("/maintenance/mode/off", page=off, component="portal"))
    assert "Maintenance is over." in done.text


async def test_a_wrong_switch_is_marked(house: House) -> None:
    pages, form = browser(house, STAFF), "/maintenance/mode"
    right = {"component": "portal", "reason": "x", "until_date": "2026-03-14", "until_clock": "15:00"}
    for field, value in (("until_date", "2026-03-13"), ("until_clock", ""), ("reason", ""), ("component", "x")):
        for do in ("check", "on"):
            reply = await pages.post(form, page=form, **right | {field: value}, do=do)
            assert reply.status == 400, (field, do)


async def test_who_may_only_look_changes_nothing(house: House) -> None:
    await founded(house)
    tenant_id = await merchant(house)
    looking = browser(house, somebody(tenant_id, "maintenance.view"))
    text = (await looking.get("/maintenance")).text
    assert "/maintenance/windows/new" not in text
    for path in ("/maintenance/windows/new", "/maintenance/mode", f"/maintenance/windows/{1:032x}"):
        assert (await looking.get(path)).status == 403
    nobody = browser(house, somebody(tenant_id, "locations.edit"))
    assert (await nobody.get("/maintenance")).status == 403
    # An owner of a merchant does not even find the form of what is everybody's.
    assert (await browser(house, owner(tenant_id)).get(f"/maintenance/windows/{1:032x}")).status == 404
    assert (await browser(house, owner(tenant_id)).post("/maintenance/mode", token="forged")).status == 403


async def test_the_public_calendar_says_what_is_expanded_here(house: House) -> None:
    await founded(house)
    reply = await browser(house, None, "fr").get("/maintenance/calendar.ics")
    assert reply.headers["content-type"] == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(reply.body)
    events = list(calendar.walk("VEVENT"))
    assert [str(event["summary"]) for event in events] == [
        "Maintenance\N{NO-BREAK SPACE}: Portail",
        "Maintenance\N{NO-BREAK SPACE}: Bons cadeaux",
        "Maintenance\N{NO-BREAK SPACE}: Boutique de bons",
    ]
    assert {str(zone["tzid"]) for zone in calendar.walk("VTIMEZONE")} == {"Europe/Berlin"}
    async with house.database.reading() as connection:
        standing = await Maintenance(house).standing(connection, None, house.runtime.clock.now())
    for event, window in zip(events, standing.windows, strict=True):
        assert _starts(event) == [span.start for span in spans(window.plan.recurrence, *_YEAR)]


async def test_single_dates_come_back_from_the_calendar(house: House) -> None:
    tenant_id = await merchant(house)
    wanted = plan(left_out=("2026-05-06T03:00",), added=("2026-05-09T22:00",), zone="America/New_York")
    async with house.database.writing() as connection:
        window = await Maintenance(house).make_window(connection, owner(tenant_id), wanted)
        await Maintenance(house).new_feed(connection, owner(tenant_id))
        token = await Maintenance(house).feed_token(connection, tenant_id)
    reply = await browser(house, None).get(f"/maintenance/calendar/{token}.ics")
    (event,) = Calendar.from_ical(reply.body).walk("VEVENT")
    assert str(event["uid"]) == f"{window.id}@127.0.0.1"
    assert _starts(event) == [span.start for span in spans(wanted.recurrence, *_YEAR)]


async def test_a_merchants_feed_has_an_address_that_can_be_replaced(house: House) -> None:
    tenant_id = await merchant(house)
    await planned(house, owner(tenant_id), auto_switch=False)
    pages = browser(house, owner(tenant_id))
    tokens = []
    for _ in range(2):
        await pages.follow(await pages.post("/maintenance/feed", page="/maintenance"))
        async with house.database.reading() as connection:
            tokens.append(await Maintenance(house).feed_token(connection, tenant_id) or "")
        assert tokens[-1] in (await pages.get("/maintenance")).text
    anybody = browser(house, None)
    found = await anybody.get(f"/maintenance/calendar/{tokens[1]}.ics")
    assert (found.status, found.text.count("BEGIN:VEVENT")) == (200, 1)
    assert found.headers["cache-control"] == "private, no-store"
    forged = tokens[1][:-1] + ("0" if tokens[1][-1] != "0" else "1")
    for token in (tokens[0], forged, tokens[1][:32], "x"):
        assert (await anybody.get(f"/maintenance/calendar/{token}.ics")).status == 404
    # The id that stands in the database is not the address.
    assert len(tokens[1]) == 64


async def test_programs_ask_for_a_stretch_of_the_calendar(house: House) -> None:
    await founded(house)
    tenant_id = await merchant(house)
    await planned(house, owner(tenant_id), auto_switch=False)
    async with house.database.writing() as connection:
        await Maintenance(house).new_feed(connection, owner(tenant_id))
        token = await Maintenance(house).feed_token(connection, tenant_id)
    anybody = browser(house, None)
    path = f"{PREFIX}/maintenance?from=2026-03-14T00:00:00Z&to=2026-04-01T01:00:00Z"
    windows = json.loads((await anybody.get(path)).body)["windows"]
    assert [(one["component"], one["start"], one["merchant"]) for one in windows] == [
        ("shop", "2026-03-18T03:00:00Z", False)
    ]
    own = json.loads((await anybody.get(path, authorization=f"Bearer {token}")).body)["windows"]
    assert [one["merchant"] for one in own] == [True, False]
    assert (await anybody.get(path, authorization="Bearer forged")).status == 401
    for query, place in (
        ("from=2026-01-01T00:00:00Z&to=2027-02-06T00:00:00Z", "to"),
        ("from=2026-01-01T00:00:00", "from"),
        ("to=2020-01-01T00:00:00Z", "to"),
        ("from=now", "from"),
    ):
        reply = await anybody.get(f"{PREFIX}/maintenance?{query}")
        assert (reply.status, json.loads(reply.body)["place"]) == (400, place), query


async def test_a_route_of_the_api_is_closed_while_maintenance_is_on(house: House, clock: HandClock) -> None:
    tenant_id = await merchant(house)
    done: list[str] = []

    async def whose() -> str | None:
        return tenant_id

    router = APIRouter(dependencies=[Depends(open_for_business(house, Component.VOUCHERS, whose))])

    @router.post("/redeem")
    async def redeem() -> dict[str, bool]:
        done.append("redeemed")
        return {"done": True}

    program = browser(house, None, "de", Feature("redeeming", api=router))
    assert (await program.ask("POST", "/v1/redeem")).status == 200
    await on(house, owner(tenant_id), Component.VOUCHERS, clock.now() + timedelta(hours=2))
    reply = await program.ask("POST", "/v1/redeem")
    body = json.loads(reply.body)
    assert (reply.status, body["code"], body["number"]) == (503, "maintenance", "X903")
    assert (reply.headers["retry-after"], body["detail"], body["component"]) == ("7200", "New servers", "vouchers")
    assert body["until"] == (clock.now() + timedelta(hours=2)).isoformat()
    assert (await program.get("/healthz")).status == 200
    assert (await program.get("/v1/status")).status == 200
    assert done == ["redeemed"]


async def test_times_are_those_of_the_head_office(house: House) -> None:
    await founded(house)
    tenant_id = await merchant(house)
    await shop(house, tenant_id, 1)
    text = (await browser(house, owner(tenant_id)).get("/maintenance")).text
    assert "Times are those of Europe/Berlin." in text
    assert _dashed('<time datetime="2026-04-01T01:00:00+00:00">Wed 2026-04-01, 03:00--05:00</time>') in text


def _dashed(text: str) -> str:
    return text.replace("--", "\N{EN DASH}")


_YEAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def _starts(event: Any) -> list[datetime]:
    """The starts of 2026 in UTC, as another program would find them: with its own reading of the file."""
    start: datetime = event["dtstart"].dt
    found = set()
    if "rrule" in event:
        rule = rrulestr(event["rrule"].to_ical().decode(), dtstart=start)
        found = set(rule.between(start - timedelta(days=1), start.replace(year=2027, month=1, day=1)))
    for name, change in (("rdate", found.add), ("exdate", found.discard)):
        if name in event:
            for one in event[name].dts:
                change(one.dt)
    return sorted(one.astimezone(UTC) for one in found if at("2026-01-01") <= one < at("2027-01-01"))


async def _windows(house: House, tenant_id: str) -> list[str]:
    async with house.database.reading() as connection:
        standing = await Maintenance(house).standing(connection, tenant_id, house.runtime.clock.now())
    return [window.id for window in standing.windows]
