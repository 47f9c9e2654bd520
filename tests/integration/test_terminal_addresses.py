"""A terminal with a new address: what the native interface and the console show, and how a named person accepts it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.console.api import ask, decide, problem
from tests.support.console.counter import BY_HAND, Around, Counter, counter
from tests.support.console.manual_counter import sale
from tests.support.touchscreen import Network, driver_settings, lone_door, taken
from tillbridge.connector.console.language import CATALOGUES
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.engine import TerminalSetup
from tillbridge.engine.journal.reading import Filter
from tillbridge.protocols.touchscreen.driver import TouchScreenTerminal
from tillbridge.protocols.touchscreen.profile import built_in
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.runtime.sqlite import InlineCommitter
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

HOME = "terminal:33350"
AWAY = "10.0.0.5:33350"
PAGE = "/terminals/bar/address"
PERSON = {"by": "Ada", "reason": "read from its screen"}


class Bar:
    """A touch-screen terminal that has moved from HOME to AWAY, and proves nothing."""

    def __init__(self) -> None:
        self.desk = VirtualTerminal("bar", manual_runtime())
        self.network = Network()
        self.network.apps["10.0.0.5"] = lone_door(self.desk).app
        self.terminal = TouchScreenTerminal(driver_settings(search=["10.0.0.0/29"]), built_in(), self.network)


def at_bar(folder: Path, scene: Callable[[Counter, Bar], Awaitable[None]]) -> None:
    async def main() -> None:
        bar = Bar()
        around = Around(setups=(TerminalSetup("bar", "touchscreen", bar.terminal),))
        outside = counter(folder, "front", runtime=manual_runtime(), make_committer=InlineCommitter, around=around)
        async with outside as inside:
            await scene(inside, bar)

    run_manual(main())


async def pay(counter: Counter, key: str) -> str:
    stage: str = (await ask(counter.till(), sale(terminal="bar"), key)).json["stage"]
    return stage


async def shown(counter: Counter, name: str = "bar") -> tuple[Any, ...]:
    one = (await counter.till().get(f"/v1/terminals/{name}")).json
    return one["address"], one["configured_address"], one["candidates"]


async def submit(counter: Counter, language: str = "en", **fields: str) -> Any:
    person = await counter.person(language)
    token = (await person.get(PAGE)).text.split('name="token" value="', 1)[1].split('"', 1)[0]
    return await person.submit(PAGE, token=token, **fields)


# ---------------------------------------------------------------- the native interface


def test_a_program_sees_where_it_may_be_and_says_where_it_is(tmp_path: Path) -> None:
    async def scene(counter: Counter, bar: Bar) -> None:
        assert await shown(counter) == (HOME, HOME, [])
        assert await shown(counter, "front") == (None, None, [])
        assert await pay(counter, "k1") == "not_started"
        assert await shown(counter) == (HOME, HOME, [AWAY])
        answer = await decide(counter.till(), f"/v1{PAGE}", PERSON | {"address": AWAY})
        assert (answer.status, answer.json["address"], answer.json["candidates"]) == (200, AWAY, [])
        assert answer.json["health"]["state"] == "ready"
        assert await shown(counter) == (AWAY, HOME, [])
        assert (await pay(counter, "k2"), taken(bar.desk)) == ("approved", 1250)
        again = await decide(counter.till(), f"/v1{PAGE}", PERSON | {"address": AWAY})
        assert (again.status, again.body) == (200, answer.body)
        other = await decide(counter.till(), f"/v1{PAGE}", PERSON | {"address": HOME})
        problem(other, 422, Code.KEY_CONFLICT)

    at_bar(tmp_path, scene)


def test_what_a_program_may_not_say(tmp_path: Path) -> None:
    async def scene(counter: Counter, _: Bar) -> None:
        till = counter.till()
        for number, address in enumerate(["http://10.0.0.5:1", "10.0.0.5", "0.0.0.0:1", "a" * 300 + ":1"]):
            answer = await decide(till, f"/v1{PAGE}", PERSON | {"address": address}, f"d{number}")
            assert "address" in problem(answer, 400, Code.FIELD_INVALID)["place"]
        where = PERSON | {"address": AWAY}
        problem(await decide(till, "/v1/terminals/none/address", where, "e1"), 404, Code.TERMINAL_UNKNOWN)
        problem(await decide(till, "/v1/terminals/front/address", where, "e2"), 400, Code.OPERATION_UNSUPPORTED)
        problem(await decide(till, f"/v1{PAGE}", where | {"by": ""}, "e3"), 400, Code.FIELD_INVALID)
        problem(await till.post(f"/v1{PAGE}", where), 400, Code.KEY_REQUIRED)
        assert await shown(counter) == (HOME, HOME, [])

    at_bar(tmp_path, scene)


# ---------------------------------------------------------------- the console


def test_a_person_chooses_the_terminal_that_was_seen(tmp_path: Path) -> None:
    async def scene(counter: Counter, bar: Bar) -> None:
        assert await pay(counter, "k1") == "not_started"
        listed = (await (await counter.person()).get("/terminals")).text
        assert AWAY in listed
        assert f'href="{PAGE}"' in listed
        assert listed.count("It has a new address") == 1, "a terminal on no network has no address"
        assert f'name="candidate" value="{AWAY}"' in (await (await counter.person()).get(PAGE)).text
        done = await submit(counter, candidate=AWAY, address="", **PERSON)
        assert (done.status, done.headers["location"]) == (303, "/terminals?notice=moved")
        after = (await (await counter.person()).get("/terminals?notice=moved")).text
        assert f"{AWAY} (in the settings: {HOME})" in after
        assert "used from the next payment on" in after
        assert (await pay(counter, "k2"), taken(bar.desk)) == ("approved", 1250)

    at_bar(tmp_path, scene)


def test_a_person_writes_an_address_and_is_told_what_is_wrong_with_it(tmp_path: Path) -> None:
    async def scene(counter: Counter, _: Bar) -> None:
        for fields, said in (
            ({"address": "10.0.0.5"} | PERSON, "Enter an address with its port"),
            ({"address": ""} | PERSON, "Enter an address with its port"),
            ({"address": "<b>10.0.0.5:1"} | PERSON, "&lt;b&gt;10.0.0.5:1"),
            ({"address": AWAY, "by": "", "reason": "r"}, "Enter your name."),
            ({"address": AWAY, "by": "Ada", "reason": "r" * 501}, "At most 500 characters."),
        ):
            answer = await submit(counter, **fields)
            assert answer.status == 422
            assert said in answer.text
        assert await shown(counter) == (HOME, HOME, [])
        assert (await submit(counter, address=AWAY, **PERSON)).status == 303
        assert (await shown(counter))[0] == AWAY

    at_bar(tmp_path, scene)


@pytest.mark.parametrize("language", Language)
def test_the_form_speaks_the_readers_language(tmp_path: Path, language: Language) -> None:
    async def scene(counter: Counter, _: Bar) -> None:
        say = CATALOGUES[language]
        page = (await (await counter.person(language)).get(PAGE)).text
        for words in (say("place.title", terminal="bar"), say("place.lead"), say("place.confirm")):
            assert words.replace("'", "&#39;") in page

    at_bar(tmp_path, scene)


def test_a_terminal_whose_payment_runs_is_left_where_it_is(tmp_path: Path) -> None:
    async def scene(counter: Counter, bar: Bar) -> None:
        await decide(counter.till(), f"/v1{PAGE}", PERSON | {"address": AWAY})
        bar.desk.script.set(Step(BY_HAND))
        await ask(counter.till(), sale(terminal="bar"), wait=1)
        (running,) = counter.engine.payments(where=Filter(terminal="bar"))
        assert running.running
        refused = await submit(counter, address=HOME, **PERSON)
        assert refused.status == 422
        assert "Another payment is running on the terminal" in refused.text
        answer = await decide(counter.till(), f"/v1{PAGE}", PERSON | {"address": HOME}, "d2")
        assert problem(answer, 409, Code.TERMINAL_BUSY)["payment_id"] == running.id
        with pytest.raises(BridgeError) as shared:
            await counter.tester.check_line_free(driver_settings(host="10.0.0.5"))
        assert (shared.value.code, shared.value.payment_id) == (Code.TERMINAL_BUSY, running.id)
        bar.desk.present_card()
        bar.desk.enter_pin()
        assert (await counter.engine.wait(running.id, 120)).stage == "approved"

    at_bar(tmp_path, scene)


def test_there_is_no_form_for_what_has_no_address(tmp_path: Path) -> None:
    async def scene(counter: Counter, _: Bar) -> None:
        person = await counter.person()
        for name in ("front", "none"):
            answer = await person.get(f"/terminals/{name}/address")
            assert (answer.status, answer.headers["location"]) == (303, "/terminals")

    at_bar(tmp_path, scene)
