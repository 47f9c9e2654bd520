"""The pages of connectors."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.portal.browser import Browser
from tests.portal.clock import HandClock
from tests.portal.commands.lines import answer, heartbeat
from tests.portal.people import Standing, owner, somebody
from tests.portal.shops import merchant
from tillbridge.domain.cashier_texts import Language
from tillbridge.link.message_words import CommandState, StationHealth
from tillbridge.link.messages import Station
from tillbridge.portal.app import portal_app
from tillbridge.portal.commands import store
from tillbridge.portal.commands.feature import feature
from tillbridge.portal.commands.model import Holder, Report
from tillbridge.portal.commands.service import CommandDesk
from tillbridge.portal.house import House
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import feature as locations_feature
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.rights import Person
from tillbridge.portal.storage.database import Dialect
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.service import Tokens

Ask = Callable[[Person | None], Browser]

_ATTEMPT = re.compile(r'name="attempt" value="([0-9a-f]{32})"')


@pytest.fixture
def dialect() -> Dialect:
    """Pages are the same on both databases; what stands behind them is tried on both elsewhere."""
    return Dialect.SQLITE


@pytest.fixture
def ask(house: House, links: Links) -> Ask:
    features = [
        locations_feature.feature(house, links),
        feature(house, links, Callers(Tokens(house, links)), Maintenance(house)),
    ]
    return lambda person: Browser(portal_app(house, Standing(person), features))


@pytest.fixture
async def reported(house: House, holder: Holder) -> Holder:
    """The location after a heartbeat."""
    stations = (
        Station(name="front", health=StationHealth.READY, busy=False),
        Station(name="back", health=StationHealth.UNREACHABLE, busy=False),
        Station(name="bar", health=StationHealth.READY, busy=True),
    )
    now = house.runtime.clock.now()
    report = Report(holder.location_id, holder.link_id, now, 0, heartbeat("1.2.3", stations=stations))
    async with house.database.writing() as connection:
        await store.write_reports(connection, [report])
    return holder


async def start(browser: Browser, holder: Holder, **form: str) -> str:
    """Fills the form in, and returns where it leads to."""
    page = f"/connectors/{holder.location_id}"
    found = _ATTEMPT.search((await browser.get(page)).text)
    assert found is not None
    filled = {"amount": "12,50", "terminal": "front", "order": "A-17", "attempt": found[1]} | form
    sent = await browser.post(f"{page}/payment", page=page, **filled)
    assert sent.status == 303, sent.text
    return sent.location


@pytest.mark.parametrize("language", Language)
async def test_every_page_speaks_every_language(ask: Ask, reported: Holder, language: Language) -> None:
    browser = ask(owner(reported.tenant_id))
    browser.language = language.value
    words = CATALOGUES[language]
    listed = await browser.get("/connectors")
    assert words("commands.lead") in listed.text
    shown = await browser.get(f"/connectors/{reported.location_id}")
    for key in ("commands.health.ready", "commands.health.unreachable", "commands.health.busy", "commands.pay.start"):
        assert words(key) in shown.text
    live = await browser.get(await start(browser, reported))
    assert words("commands.payment.queued") in live.text
    assert words("commands.state.queued") in live.text


async def test_a_payment_from_the_form_to_its_end(house: House, desk: CommandDesk, ask: Ask, reported: Holder) -> None:
    browser = ask(owner(reported.tenant_id))
    path = await start(browser, reported)
    live = await browser.get(path)
    assert 'http-equiv="refresh"' in live.text
    assert ("12.50" in live.text, "A-17" in live.text) == (True, True)
    command_id = path.rpartition("/")[2]
    async with house.database.writing() as connection:
        await store.take(connection, [reported.location_id], house.runtime.clock.now())
    assert "it is not known whether the payment has begun" in (await browser.get(path)).text
    await desk.answered(reported, answer(command_id, CommandState.RUNNING, "in_doubt"))
    doubt = (await browser.get(path)).text
    assert "In doubt" in doubt
    assert "Do not start it again" in doubt
    assert "eclined" not in doubt
    await desk.answered(reported, answer(command_id, CommandState.DONE, "approved"))
    done = (await browser.get(path)).text
    assert "The card was charged." in done
    assert 'http-equiv="refresh"' not in done
    assert "Approved" in (await browser.get(f"/connectors/{reported.location_id}")).text


async def test_a_form_that_is_sent_twice_leads_to_one_payment(house: House, ask: Ask, reported: Holder) -> None:
    browser = ask(owner(reported.tenant_id))
    first = await start(browser, reported, attempt="7" * 32)
    assert await start(browser, reported, attempt="7" * 32) == first
    async with house.database.reading() as connection:
        assert len(await store.waiting(connection)) == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"amount": ""}, "Enter an amount"),
        ({"amount": "0"}, "Enter an amount"),
        ({"amount": "-5"}, "Enter an amount"),
        ({"amount": "12.345"}, "Enter an amount"),
        ({"amount": "twelve"}, "Enter an amount"),
        ({"order": "x" * 51}, "At most 50 characters"),
        ({"order": "two\nlines"}, "At most 50 characters"),
    ],
)
async def test_what_cannot_be_is_said_beside_its_field(
    house: House, ask: Ask, reported: Holder, form: dict[str, str], said: str
) -> None:
    page = f"/connectors/{reported.location_id}"
    filled = {"amount": "1", "order": "kept", "attempt": "7" * 32} | form
    answered = await ask(owner(reported.tenant_id)).post(f"{page}/payment", page=page, **filled)
    assert answered.status == 422
    assert said in answered.text
    assert 'value="' + "7" * 32 + '"' in answered.text
    assert 'aria-invalid="true"' in answered.text or "order" in form
    async with house.database.reading() as connection:
        assert await store.waiting(connection) == []


async def test_a_form_without_its_own_mark_is_refused(house: House, ask: Ask, reported: Holder) -> None:
    page = f"/connectors/{reported.location_id}"
    for attempt in ("", "7" * 31, "G" * 32):
        answered = await ask(owner(reported.tenant_id)).post(f"{page}/payment", page=page, amount="1", attempt=attempt)
        assert answered.status == 400
    async with house.database.reading() as connection:
        assert await store.waiting(connection) == []


async def test_a_forged_form_is_refused(house: House, ask: Ask, reported: Holder) -> None:
    answered = await ask(owner(reported.tenant_id)).post(
        f"/connectors/{reported.location_id}/payment", token="guessed", amount="1", attempt="7" * 32
    )
    assert answered.status == 403
    async with house.database.reading() as connection:
        assert await store.waiting(connection) == []


async def test_nothing_of_another_merchant_is_found(house: House, ask: Ask, reported: Holder) -> None:
    mine = ask(owner(reported.tenant_id))
    path = await start(mine, reported)
    stranger = ask(owner(await merchant(house, "Café Nord")))
    for asked in (f"/connectors/{reported.location_id}", path):
        assert (await stranger.get(asked)).status == 404
    for act in ("payment", "configuration"):
        answered = await stranger.post(
            f"/connectors/{reported.location_id}/{act}", token="the-token-of-this-test", amount="1", attempt="8" * 32
        )
        assert answered.status == 404
    assert "Am Markt" not in (await stranger.get("/connectors")).text
    async with house.database.reading() as connection:
        assert len(await store.waiting(connection)) == 1


async def test_a_command_is_found_at_its_own_location_only(ask: Ask, reported: Holder, neighbour: Holder) -> None:
    browser = ask(owner(reported.tenant_id))
    command_id = (await start(browser, reported)).rpartition("/")[2]
    assert (await browser.get(f"/connectors/{neighbour.location_id}/commands/{command_id}")).status == 404
    assert (await browser.get(f"/connectors/{reported.location_id}/commands/{'9' * 32}")).status == 404


async def test_rights_decide_what_is_seen_and_offered(ask: Ask, reported: Holder) -> None:
    page = f"/connectors/{reported.location_id}"
    path = await start(ask(owner(reported.tenant_id)), reported)
    technician = ask(somebody(reported.tenant_id, "interfaces.pos.edit"))
    shown = (await technician.get(page)).text
    assert ("Terminals" in shown, "/configuration" in shown) == (True, True)
    # Whoever looks after the technology does not see what was paid.
    assert ("12.50" in shown, f"{page}/payment" in shown) == (False, False)
    assert (await technician.get(path)).status == 403
    accountant = ask(somebody(reported.tenant_id, "payments.view"))
    shown = (await accountant.get(page)).text
    assert ("12.50" in shown, f"{page}/payment" in shown, "/configuration" in shown) == (True, False, False)
    assert (await accountant.get(path)).status == 200
    refused = await accountant.post(f"{page}/payment", token="the-token-of-this-test", amount="1", attempt="7" * 32)
    assert refused.status == 403
    assert (await ask(somebody(reported.tenant_id, "reports.view")).get(page)).status in {403, 404}
    assert (await ask(None).get(page)).status == 303


async def test_the_menu_names_it_to_those_who_may_see_it(ask: Ask, reported: Holder) -> None:
    assert 'href="/connectors"' in (await ask(somebody(reported.tenant_id, "payments.view")).get("/connectors")).text
    others = ask(somebody(reported.tenant_id, "locations.view"))
    assert 'href="/connectors"' not in (await others.get("/locations")).text


async def test_an_operator_who_helps_no_merchant_is_offered_nothing(house: House, ask: Ask) -> None:
    staff = Person("2" * 32, "Otto", "otto@portal.example", None, None, operator=True)
    browser = ask(staff)
    assert (await browser.get("/connectors")).status == 403
    assert 'href="/connectors"' not in (await browser.get("/connectors")).text
    assert house.settings.operator is not None


async def test_settings_are_sent_and_followed_until_they_are_in_force(
    house: House, desk: CommandDesk, ask: Ask, reported: Holder, clock: HandClock
) -> None:
    browser, page = ask(owner(reported.tenant_id)), f"/connectors/{reported.location_id}"
    nothing = await browser.post(f"{page}/configuration", page=page, receipt_header="  ")
    assert nothing.status == 400
    sent = await browser.post(
        f"{page}/configuration", page=page, receipt_header="Am Markt 1\r\n04109 Leipzig", receipt_language="de"
    )
    command_id = sent.location.rpartition("/")[2]
    async with house.database.writing() as connection:
        (given,) = await store.take(connection, [reported.location_id], clock.now())
    assert given.body == {"settings": {"receipt_header": ["Am Markt 1", "04109 Leipzig"], "receipt_language": "de"}}
    assert given.expires_at - given.created_at == timedelta(days=7)
    await desk.answered(reported, answer(command_id, CommandState.DONE, answer={"revision": "abc"}))
    kept = (await browser.get(sent.location)).text
    assert "in force after its next start" in kept
    assert "In force since" not in kept
    report = Report(reported.location_id, reported.link_id, clock.now(), 0, heartbeat(configuration_revision="abc"))
    async with house.database.writing() as connection:
        await store.write_reports(connection, [report])
    assert "In force since" in (await browser.get(sent.location)).text
    assert "In force since" in (await browser.get(page)).text


async def test_what_a_connector_refused_is_said_in_its_own_words(
    house: House, desk: CommandDesk, ask: Ask, reported: Holder
) -> None:
    browser = ask(owner(reported.tenant_id))
    for code, said in (
        ("payments_not_accepted", "accept_payments: false"),
        ("terminal_busy", "busy with another payment"),
        ("command_expired", "too late"),
        ("something_new", "The connector did not start the payment. Nothing was charged."),
    ):
        path = await start(browser, reported)
        async with house.database.writing() as connection:
            await store.take(connection, [reported.location_id], house.runtime.clock.now())
        await desk.answered(reported, answer(path.rpartition("/")[2], CommandState.REFUSED, code=code))
        shown = (await browser.get(path)).text
        assert said in shown
        assert "Nothing was charged." in shown
