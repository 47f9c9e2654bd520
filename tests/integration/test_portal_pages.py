"""The page *Portal* and the routes under `/v1/portal`, with a real portal behind them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.counter_callers import Callers
from tests.integration.portal_house import NUMBER, Portal, real_portal
from tests.lines import PATIENCE
from tests.support.console.asgi_client import Answer, Client
from tests.support.console.counter import CONSOLE, KEY, SETTINGS, direct
from tests.support.console.reading import hidden
from tillbridge import __version__
from tillbridge.connector.console.app import console_app
from tillbridge.connector.console.site import Premises
from tillbridge.connector.doors import Doors
from tillbridge.connector.features import open_features
from tillbridge.connector.host import Host
from tillbridge.connector.portal.desk import PortalDesk
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.receipts.settings import ReceiptSettings
from tillbridge.connector.wiretest.session import open_tester
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.engine import TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.runtime.effects import Runtime
from tillbridge.web.webhooks.addresses import WebhookSettings


@dataclass(frozen=True)
class Counter(Callers):
    """A connector's console with its portal."""

    desk: PortalDesk


@asynccontextmanager
async def counter(folder: Path, settings: PortalSettings | None = None) -> AsyncIterator[Counter]:
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240  # the test has nothing else to do
    runtime = Runtime()
    setups = [TerminalSetup("front", "virtual", direct("front", runtime))]
    async with (
        open_engine(folder, setups, SETTINGS, runtime) as engine,
        open_tester(folder, (), engine, runtime) as tester,
        open_features(
            WebhookSettings(), ReceiptSettings(), engine, folder, runtime, __version__, portal=settings
        ) as features,
        asyncio.TaskGroup() as group,
    ):
        app = console_app(
            engine,
            Host(engine, lambda _: None),
            key=KEY,
            settings=CONSOLE,
            runtime=runtime,
            premises=Premises(Doors(), tester, features),
        )
        running = group.create_task(features.portal.run())
        await asyncio.sleep(0)
        yield Counter(app, features.portal)
        running.cancel()


async def submit(person: Client, path: str, **fields: str) -> Answer:
    token = hidden(await person.get("/portal"), "/sign-out")["token"]
    return await person.submit(path, token=token, **fields)


async def over(here: Counter) -> None:
    """Returns when no pairing is under way."""
    connection = await here.desk.connection()
    async with asyncio.timeout(PATIENCE):
        while here.desk.standing().exchange is not None:
            await connection.board.change()


def of(portal: Portal) -> PortalSettings:
    return PortalSettings(address=portal.address, location_number=str(NUMBER))


async def test_the_place_is_asked_for_once_and_then_only_the_pin(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal:
        async with counter(tmp_path / "till") as here:
            person = await here.person()
            first = await person.get("/portal")
            assert 'name="location_number"' in first.text
            assert 'name="pin"' not in first.text
            kept = await submit(person, "/portal/place", address=portal.address, location_number=f" {NUMBER} ")
            assert kept.headers["location"] == "/portal?notice=place"
        async with counter(tmp_path / "till") as here:
            person = await here.person()
            page = await person.get("/portal")
            assert 'name="location_number"' not in page.text
            pin = re.search(r'<input id="pin"[^>]*>', page.text)
            assert pin is not None
            assert 'inputmode="numeric"' in pin[0]
            assert 'autocomplete="off"' in pin[0]
            assert 'value=""' in pin[0]
            assert (await submit(person, "/portal/retrieve", pin=await portal.pin())).status == 303
            await over(here)
            shown = (await person.get("/portal?notice=paired")).text
            for words in ("Am Markt", str(NUMBER), "Bäckerei Sommer", "localhost", "tbm_••••", __version__):
                assert words in shown
            connection = await here.desk.connection()
            credential = connection.keystore.link.credential
            assert credential.pair.public.fingerprint in shown
            assert credential.master_token not in shown
            assert "data-copy" not in shown
            assert "The key of the connection lies in a file" in shown


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": "http://portal.example", "location_number": str(NUMBER)}, "Enter an address such as"),
        ({"address": "https://user:secret@portal.example", "location_number": str(NUMBER)}, "Enter an address such as"),
        ({"address": "https://portal.example/x", "location_number": str(NUMBER)}, "Enter an address such as"),
        ({"address": "https://portal.example", "location_number": "10047111"}, "This is no location number"),
        ({"address": "https://portal.example", "location_number": ""}, "This is no location number"),
        ({}, "Enter an address such as"),
    ],
)
async def test_what_cannot_be_right_is_said_beside_its_field(
    tmp_path: Path, fields: Mapping[str, str], words: str
) -> None:
    async with counter(tmp_path / "till") as here:
        person = await here.person()
        answer = await submit(person, "/portal/place", **fields)
        assert answer.status == 422
        assert words in answer.text
        assert here.desk.place is None
        assert list((tmp_path / "till").glob("portal.json")) == []


async def test_every_language_says_every_state(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal, counter(tmp_path / "till", of(portal)) as here:
        people = {language: await here.person(language) for language in Language}
        pages = {language: (await person.get("/portal")).text for language, person in people.items()}
        assert len(set(pages.values())) == len(Language)
        for language, text in pages.items():
            assert f'<html lang="{language}">' in text
        right = await portal.pin()
        wrong = f"{(int(right) + 1) % 10_000:04d}"
        await submit(people[Language.EN], "/portal/retrieve", pin=wrong)
        await over(here)
        for language, person in people.items():
            text = (await person.get("/portal")).text
            assert refusal_text(Code.PIN_REFUSED, language).replace("'", "&#39;") in text
            assert wrong not in re.sub(r'name="token" value="[^"]*"', "", text)
        await submit(people[Language.EN], "/portal/retrieve", pin=right)
        await over(here)
        await portal.revoke()
        connection = await here.desk.connection()
        with pytest.raises(BridgeError):
            await connection.tokens.contact(connection.http())
        for language, person in people.items():
            text = (await person.get("/portal")).text
            assert refusal_text(Code.LINK_REVOKED, language).replace("'", "&#39;") in text
            assert 'name="pin"' in text


async def test_while_the_office_decides_both_screens_show_one_code_and_a_person_can_give_up(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal, counter(tmp_path / "till", of(portal)) as here:
        await portal.ask_consent()
        person = await here.person()
        await submit(person, "/portal/retrieve", pin=await portal.pin())
        connection = await here.desk.connection()
        async with asyncio.timeout(PATIENCE):
            while (exchange := connection.board.exchange) is None or exchange.fingerprint is None:
                await connection.board.change()
        page = (await person.get("/portal")).text
        assert exchange.fingerprint in page
        assert "data-again" in page
        assert 'http-equiv="refresh"' in page
        assert 'name="pin"' not in page
        # A second press meanwhile changes nothing, and its PIN is not used.
        assert (await submit(person, "/portal/retrieve", pin="1234")).headers["location"] == "/portal"
        assert connection.board.exchange is not None
        assert connection.board.exchange.id == exchange.id
        assert (await submit(person, "/portal/stop")).headers["location"] == "/portal?notice=stopped"
        assert here.desk.standing().exchange is None
        assert 'name="pin"' in (await person.get("/portal")).text


async def test_the_link_is_ended_by_somebody_with_a_name_and_a_reason(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal, counter(tmp_path / "till", of(portal)) as here:
        person = await here.person()
        assert (await person.get("/portal/unpair")).headers["location"] == "/portal"
        await submit(person, "/portal/retrieve", pin=await portal.pin())
        await over(here)
        assert "Am Markt" in (await person.get("/portal/unpair")).text
        assert (await submit(person, "/portal/unpair", by="", reason="moving")).status == 422
        assert here.desk.standing().link is not None
        ended = await submit(person, "/portal/unpair", by="Ada", reason="moving")
        assert ended.headers["location"].startswith("/portal?notice=unpaired")
        assert here.desk.standing().link is None


# ---------------------------------------------------------------- the native interface


async def post(till: Client, path: str, key: str, body: object) -> Answer:
    return await till.post(path, body, **{"idempotency-key": key})


async def test_a_program_pairs_looks_and_ends(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal, counter(tmp_path / "till", of(portal)) as here:
        till = here.program()
        before = (await till.get("/v1/portal")).json
        assert (before["state"], before["portal"], before["link"]) == ("not_paired", portal.address, None)
        right = await portal.pin()
        wrong = f"{(int(right) + 1) % 10_000:04d}"
        begun = await post(till, "/v1/portal/pair", "one", {"pin": wrong})
        await over(here)
        # The same request again is no second guess.
        again = await post(till, "/v1/portal/pair", "one", {"pin": wrong})
        assert (begun.status, again.status) == (202, 202)
        assert begun.json["exchange"]["id"] == again.json["exchange"]["id"]
        failed = (await till.get("/v1/portal")).json["last_exchange"]
        assert (failed["id"], failed["refusal"]["number"]) == (begun.json["exchange"]["id"], "P101")
        assert set(failed["refusal"]["cashier_text"]) == {"de", "fr", "cs", "en"}
        await post(till, "/v1/portal/pair", "two", {"pin": right})
        await over(here)
        found = await till.get("/v1/portal")
        assert found.json["state"] == "active", found.text
        assert found.json["link"]["masked_token"].startswith("tbm_••••")
        connection = await here.desk.connection()
        assert connection.keystore.link.credential.master_token not in found.text
        checks: Any = (await till.get("/v1/portal/checks")).json["checks"]
        assert {
            one["part"]: one["verdict"] for one in checks if one["part"] not in {"key", "licence"}
        } == dict.fromkeys(("place", "dns", "tls", "clock", "token", "right"), "ok")
        ended = await post(till, "/v1/portal/unpair", "three", {"by": "Ada", "reason": "moving"})
        assert set(ended.json) == {"portal_told"}
        assert (await till.get("/v1/portal")).json["state"] == "not_paired"


@pytest.mark.parametrize("pin", ["", "12", "123", "1234567", "12a4", "٠١٢٣", 1234, None])
async def test_what_cannot_be_a_pin_is_refused_and_not_repeated(tmp_path: Path, pin: object) -> None:
    async with counter(tmp_path / "till") as here:
        answer = await post(here.program(), "/v1/portal/pair", "k", {"pin": pin})
        assert answer.status == 400
        problem = json.loads(answer.body)
        assert problem["place"] == "pin"
        if isinstance(pin, str) and pin:
            assert pin not in answer.text


async def test_without_a_place_there_is_nothing_to_pair_with(tmp_path: Path) -> None:
    async with counter(tmp_path / "till") as here:
        answer = await post(here.program(), "/v1/portal/pair", "k", {"pin": "1234"})
        assert (answer.status, answer.json["code"]) == (403, Code.NOT_PAIRED)
        checks: Any = (await here.program().get("/v1/portal/checks")).json["checks"]
        assert checks[0]["verdict"] == "wrong"
        assert {one["verdict"] for one in checks[1:]} == {"unknown"}
