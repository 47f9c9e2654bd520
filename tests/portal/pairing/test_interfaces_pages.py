"""The Interfaces pages, as somebody with a browser meets them."""

import asyncio
import json
import re
from dataclasses import dataclass, replace

import pytest
from starlette.requests import Request

from tests.portal.browser import Browser, Reply
from tests.portal.pairing.floor import Connector, Floor, try_guess
from tests.portal.people import Standing, somebody
from tests.portal.shops import merchant, shop
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.app import portal_app
from tillbridge.portal.links.feature import feature as links_feature
from tillbridge.portal.pages.site import CATALOGUES, Visit
from tillbridge.portal.pairing.events import MOST_STREAMS, StateStream, Streams
from tillbridge.portal.pairing.feature import feature
from tillbridge.portal.pairing.model import ENDED_BY, FAILURES_OF_PORTAL, PairingEvent, PinState
from tillbridge.portal.pairing.wanted import Precondition
from tillbridge.web.asgi import Message

_DIGIT = re.compile(r'<span aria-hidden="true">(\d)</span>')


def _path(floor: Floor) -> str:
    return f"/interfaces/{floor.location_id}"


async def _press(floor: Floor, **form: str) -> Reply:
    floor.step_up()
    return await floor.browser().post(f"{_path(floor)}/pin", page=_path(floor), **form)


async def _becomes_active(floor: Floor, link_id: str) -> None:
    async with floor.house.database.writing() as connection:
        link = await floor.pairing.links.link(connection, link_id, lock=True)
        await floor.pairing.links.acknowledge(connection, link, floor.person.actor)


async def test_the_digits_are_shown_once(floor: Floor, connector: Connector) -> None:
    page = await _press(floor)
    digits = "".join(_DIGIT.findall(page.text))
    assert len(digits) == 4
    assert f'aria-label="{", ".join(digits)}"' in page.text
    assert "no-store" in page.headers["cache-control"]
    assert "10047110" in page.text
    assert 'data-countdown="86400"' in page.text
    assert "refresh" not in page.text, "a page that loaded itself anew would lose the digits"
    again = await floor.browser().get(f"{_path(floor)}/pin")
    assert (again.status, again.location) == (303, _path(floor))
    state = await floor.browser().get(_path(floor))
    assert _DIGIT.findall(state.text) == []
    assert 'http-equiv="refresh"' in state.text
    assert "0/5" in state.text
    connector.conclude(await connector.retrieve(digits))


async def test_the_state_follows_the_pairing(floor: Floor, connector: Connector) -> None:
    t = CATALOGUES[Language.EN]
    assert t("links.state.not_paired") in (await floor.browser().get("/interfaces")).text
    pin = await floor.make_pin()
    assert t("links.state.pin_open") in (await floor.browser().get("/interfaces")).text
    grant = connector.conclude(await connector.retrieve(pin))
    page = (await floor.browser().get(_path(floor))).text
    assert t("links.state.waiting_first_contact") in page
    assert t("interfaces.first_contact") in page
    await _becomes_active(floor, grant.link_id)
    async with floor.house.database.reading() as connection:
        assert (await floor.pairing.links.state_of(connection, floor.location_id)).link_id == grant.link_id
    page = (await floor.browser().get(_path(floor))).text
    assert connector.kept is not None
    assert connector.kept.key.public.fingerprint in page
    assert grant.master_token not in page
    assert f"tbm_••••{grant.master_token[-4:]}" in page


async def test_a_link_in_use_is_replaced_only_with_the_box_ticked(floor: Floor, connector: Connector) -> None:
    grant = connector.conclude(await connector.retrieve(await floor.make_pin()))
    await _becomes_active(floor, grant.link_id)
    page = await _press(floor)
    assert page.status == 409
    assert 'name="replace"' in page.text
    assert "already connected" in page.text
    assert len(_DIGIT.findall((await _press(floor, replace="yes")).text)) == 4


async def test_what_does_not_work_any_more_is_accepted_first(floor: Floor) -> None:
    floor.conditions.now = Precondition(conversion_due=True, functions=("interfaces.title",))
    page = await _press(floor)
    assert page.status == 409
    assert 'name="accept"' in page.text
    assert len(_DIGIT.findall((await _press(floor, accept="yes")).text)) == 4


async def test_a_missing_licence_is_said_instead_of_the_button(floor: Floor) -> None:
    floor.conditions.now = Precondition(refusal=BridgeError(Code.CONVERSION_LICENCE), conversion_due=True)
    page = await floor.browser().get(_path(floor))
    assert f'action="{_path(floor)}/pin"' not in page.text
    assert CATALOGUES[Language.EN]("interfaces.conversion") not in page.text


async def test_a_fresh_proof_is_asked_for_and_the_way_leads_back(floor: Floor) -> None:
    reply = await floor.browser().post(f"{_path(floor)}/pin", page=_path(floor))
    assert reply.status == 303
    assert reply.location == f"/step-up?next={_path(floor)}"


async def test_who_may_only_look_finds_no_button(floor: Floor) -> None:
    floor.keeper.person = somebody(floor.tenant_id, "interfaces.pos.view")
    page = await floor.browser().get(_path(floor))
    assert page.status == 200
    assert "<form" not in page.text.partition("<main")[2]
    assert CATALOGUES[Language.EN]("interfaces.view_only") in page.text
    token = {"token": "the-token-of-this-test"}
    for action in ("pin", "withdraw", "consent"):
        refused = await floor.browser().post(f"{_path(floor)}/{action}", **token, answer="accept")
        assert refused.status == 403, action


async def test_another_merchants_location_does_not_exist(floor: Floor) -> None:
    foreign = await shop(floor.house, await merchant(floor.house, "Another"), 1004799)
    floor.step_up()
    for location_id in (foreign, "nothing", "%27 or 1=1"):
        for path in (f"/interfaces/{location_id}", f"/interfaces/{location_id}/events"):
            assert (await floor.browser().get(path)).status == 404
        posted = await floor.browser().post(f"/interfaces/{location_id}/pin", token="the-token-of-this-test")
        assert posted.status == 404
    assert "Another" not in (await floor.browser().get("/interfaces")).text


async def test_a_form_of_another_site_is_refused(floor: Floor) -> None:
    floor.step_up()
    for action in ("pin", "withdraw", "consent"):
        assert (await floor.browser().post(f"{_path(floor)}/{action}", token="guessed")).status == 403
    assert (await floor.browser().post("/interfaces/guard", token="guessed")).status == 403
    assert await floor.events() == []


async def test_withdrawing(floor: Floor) -> None:
    await floor.make_pin()
    reply = await floor.browser().post(f"{_path(floor)}/withdraw", page=_path(floor))
    page = await floor.browser().follow(reply)
    assert CATALOGUES[Language.EN]("interfaces.done.withdrawn") in page.text
    assert CATALOGUES[Language.EN]("interfaces.pin.withdrawn") in page.text


async def test_a_code_is_compared_and_accepted_on_the_page(floor: Floor, connector: Connector) -> None:
    await floor.ask_consent_always()
    await connector.retrieve(await floor.make_pin())
    assert connector.kept is not None
    page = await floor.browser().get(_path(floor))
    assert connector.kept.key.public.fingerprint in page.text
    assert "KASSE-1" in page.text
    session = re.search(r'name="session" value="([^"]+)"', page.text)
    assert session is not None
    wrong = await floor.browser().post(f"{_path(floor)}/consent", page=_path(floor), session=session[1], answer="so so")
    assert wrong.status == 400
    reply = await floor.browser().post(
        f"{_path(floor)}/consent", page=_path(floor), session=session[1], answer="accept"
    )
    assert CATALOGUES[Language.EN]("interfaces.done.accepted") in (await floor.browser().follow(reply)).text
    connector.conclude(await connector.finish())


async def test_guarded_mode_is_said_on_every_page_and_ended_by_staff(floor: Floor) -> None:
    await floor.failures(FAILURES_OF_PORTAL, "", FAILURES_OF_PORTAL.most - 1)
    await floor.make_pin()
    await try_guess(floor, await floor.pin(), 1, "198.51.100.1")
    banner = CATALOGUES[Language.EN]("interfaces.guarded.banner")
    assert banner in (await floor.browser().get("/interfaces")).text
    assert (await floor.browser().get("/interfaces/guard")).status == 403
    floor.keeper.person = replace(floor.step_up(), operator=True)
    reply = await floor.browser().post("/interfaces/guard", page="/interfaces/guard")
    page = await floor.browser().follow(reply)
    assert banner not in page.text
    assert CATALOGUES[Language.EN]("interfaces.guard.off") in page.text


@pytest.mark.parametrize("language", [language.value for language in Language])
async def test_every_page_speaks_every_language(floor: Floor, connector: Connector, language: str) -> None:
    floor.step_up()
    browser = Browser(floor.app, language=language)
    await floor.ask_consent_always()
    pages = [await browser.get("/interfaces"), await browser.get("/interfaces?search=nothing%20fits")]
    pages.append(await browser.post(f"{_path(floor)}/pin", page=_path(floor)))
    pages.append(await browser.get(_path(floor)))
    digits = "".join(_DIGIT.findall(pages[2].text))
    await connector.retrieve(digits)
    pages.append(await browser.get(_path(floor)))
    floor.keeper.person = replace(floor.person, operator=True)
    pages.append(await browser.get("/interfaces/guard"))
    for page in pages:
        assert page.status == 200
        assert f'<html lang="{language}">' in page.text
    t = CATALOGUES[Language(language)]
    for state in PinState:
        assert t.has(f"interfaces.pin.{state}")
    for event in PairingEvent:
        assert t.has(f"audit.event.{event}")
    assert set(ENDED_BY) == set(PinState) - {PinState.OPEN}


@pytest.mark.parametrize("end", ["the reader leaves", "the right is gone"])
async def test_an_open_page_hears_at_once_what_changed(end: str) -> None:
    """The stream begins with the state of now, says each change once, and ends with the reader or the right."""
    states = iter(["one", "one", "two"])
    told: asyncio.Queue[bytes] = asyncio.Queue()
    left = asyncio.Event()
    gone = asyncio.Event()

    async def look() -> str:
        if gone.is_set():
            raise BridgeError(Code.RIGHT_MISSING)
        return next(states, "two")

    async def receive() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        await told.put(message.get("body", b""))

    streams = Streams()
    async with asyncio.TaskGroup() as group:
        group.create_task(StateStream(streams, look, 0.01)({"type": "http"}, receive, send))
        heard = b""
        while b"two" not in heard:
            heard += await told.get()
        assert streams.open == 1
        (left if end == "the reader leaves" else gone).set()
    assert heard.count(b"data: one") == 1
    assert streams.open == 0


@dataclass(slots=True)
class SignedOut(Standing):
    """Somebody whose session ends after so many requests."""

    visits: int = 0

    async def visit(self, request: Request) -> Visit | None:
        self.visits -= 1
        return await Standing.visit(self, request) if self.visits >= 0 else None


async def test_the_stream_says_the_state_and_ends_with_the_session(floor: Floor) -> None:
    await floor.make_pin()
    keeper = SignedOut(floor.person, visits=2)
    app = portal_app(floor.house, keeper, [links_feature(floor.pairing.links), feature(floor.pairing)])
    reply = await Browser(app).get(f"{_path(floor)}/events")
    said = re.findall(rb"data: (.+)", reply.body)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert [json.loads(one)["state"] for one in said] == ["pin_open"]


def test_there_is_an_end_to_open_streams() -> None:
    with pytest.raises(BridgeError) as caught:
        Streams(open=MOST_STREAMS).require_place()
    assert caught.value.code is Code.OVERLOADED
    Streams(open=MOST_STREAMS - 1).require_place()


async def test_many_locations_are_listed_by_the_hundred(floor: Floor) -> None:
    for number in range(2, 104):
        await shop(
            floor.house, floor.tenant_id, 2000000 + number, client_number=number, kind="branch", name=f"Shop {number}"
        )
    first = await floor.browser().get("/interfaces")
    assert first.text.count('scope="row"') == 100
    second = await floor.browser().get("/interfaces?page=2")
    assert second.text.count('scope="row"') == 3
    assert (await floor.browser().get("/interfaces?page=%F0")).status == 200
    found = await floor.browser().get("/interfaces?search=Shop+103")
    assert found.text.count('scope="row"') == 1
