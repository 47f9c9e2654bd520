"""The control API: what a person in front of the terminal can see and do, and clear words for what they cannot."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.virtual.asgi_calls import Reply, call
from tests.unit.virtual.desk import PATIENCE, at_counter, pay, wish
from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import Fault
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.control import LARGEST_BODY, Simulated, control_app
from tillbridge.virtual.control_bodies import InlineScenario
from tillbridge.virtual.scenarios import SCENARIOS
from tillbridge.virtual.terminal import VirtualTerminal
from tillbridge.web.asgi import App

AT = "/terminals/counter"


def simulator(delay: float = 0.0) -> tuple[VirtualTerminal, ScriptedBehaviour, App]:
    terminal = at_counter(delay)
    behaviour = ScriptedBehaviour(terminal)
    return terminal, behaviour, control_app({"counter": Simulated(terminal, behaviour)})


def problem(reply: Reply, status: int, code: str, place: str | None = None) -> None:
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")
    assert (reply.json["code"], reply.json["status"], reply.json.get("place")) == (code, status, place)
    assert reply.json["detail"]


def test_a_terminal_shows_its_screen_amount_and_payment() -> None:
    async def main() -> None:
        terminal, _, app = simulator(delay=10.0)
        idle = (await call(app, "GET", AT)).json
        assert idle == {
            "name": "counter",
            "screen": "idle",
            "amount": None,
            "payment": None,
            "line": "plugged",
            "script": [],
            "undelivered": [],
        }
        payment = await terminal.start(wish(1250, order_id="7"))
        shown = (await call(app, "GET", AT)).json
        assert shown["screen"] == "waiting_for_card"
        assert shown["amount"] == {"minor": 1250, "currency": "EUR", "text": "12.50 EUR"}
        assert shown["payment"]["id"] == payment.id
        assert (shown["payment"]["stage"], shown["payment"]["order_id"]) == ("sending", "7")
        await terminal.wait(payment.id, PATIENCE)
        await terminal.delivered(payment.id, "till", reached=False)
        (over,) = (await call(app, "GET", "/terminals")).json["terminals"]
        assert (over["screen"], over["payment"]["stage"], over["undelivered"]) == ("ended", "approved", [payment.id])
        assert over["payment"]["outcome"]["approved"]["minor"] == 1250

    run_manual(main())


def test_the_ledger_is_read_in_pages_with_its_sums() -> None:
    async def main() -> None:
        terminal, _, app = simulator()
        for minor in (100, 200, 1291):
            await pay(terminal, wish(minor))
        whole = (await call(app, "GET", f"{AT}/ledger")).json
        assert [(row["movement"], row["minor"], row["stage"]) for row in whole["rows"]] == [
            ("taken", 100, "approved"),
            ("taken", 200, "approved"),
            ("nothing", 0, "declined"),
        ]
        assert (whole["count"], whole["balance"], whole["held"]) == (3, {"EUR": 300}, {"EUR": 0})
        page = (await call(app, "GET", f"{AT}/ledger?after=1&limit=1")).json
        assert ([row["number"] for row in page["rows"]], page["count"]) == ([2], 3)

    run_manual(main())


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=1.5", "after=99999999999999999999"])
def test_a_page_that_is_no_page_is_refused(query: str) -> None:
    async def main() -> None:
        _, _, app = simulator()
        problem(await call(app, "GET", f"{AT}/ledger?{query}"), 400, "field_invalid", query.split("=", maxsplit=1)[0])

    run_manual(main())


def test_a_named_scenario_rules_the_next_payments_and_a_reset_leaves_the_ledger_alone() -> None:
    async def main() -> None:
        terminal, _, app = simulator()
        shown = await call(app, "POST", f"{AT}/scenario", {"name": "decline_failed", "times": 2})
        assert (shown.status, shown.json["script"]) == (200, [{"name": "decline_failed", "times": 2}])
        assert (await pay(terminal, wish())).stage is Stage.DECLINED
        reset = await call(app, "DELETE", f"{AT}/scenario")
        assert (reset.status, reset.json["script"]) == (200, [])
        assert (await pay(terminal, wish())).stage is Stage.APPROVED
        assert len(terminal.ledger.rows) == 2

    run_manual(main())


def test_every_named_scenario_is_listed_and_taken() -> None:
    async def main() -> None:
        _, _, app = simulator()
        listed = (await call(app, "GET", "/scenarios")).json
        assert [each["name"] for each in listed["scenarios"]] == list(SCENARIOS)
        assert listed["by_amount_ending"][".95"] == "approve_then_drop"
        for name in SCENARIOS:
            assert (await call(app, "POST", f"{AT}/scenario", {"name": name, "times": "always"})).status == 200

    run_manual(main())


def test_an_inline_scenario_says_everything_itself() -> None:
    async def main() -> None:
        terminal, behaviour, app = simulator()
        body = {"outcome": "partial", "minor": 700, "delay": 7, "faults": {"bad_lrc": 2, "byte_by_byte": "always"}}
        assert (await call(app, "POST", f"{AT}/scenario", {"inline": body})).status == 200
        over = await pay(terminal, wish(1000))
        assert isinstance(over.outcome, Approved)
        assert over.outcome.amount.minor == 700
        assert asyncio.get_running_loop().time() == pytest.approx(7.0)
        assert [behaviour.strikes(Fault.BAD_LRC, over.id) for _ in range(3)] == [True, True, False]
        assert all(behaviour.strikes(Fault.BYTE_BY_BYTE, over.id) for _ in range(9))

    run_manual(main())


@pytest.mark.parametrize(
    ("inline", "stage"),
    [
        ({}, Stage.APPROVED),
        ({"outcome": "decline"}, Stage.DECLINED),
        ({"outcome": "decline", "reason": "referral"}, Stage.DECLINED),
        ({"outcome": "cancel"}, Stage.ABORTED),
        ({"outcome": "cancel", "by": "cashier"}, Stage.ABORTED),
        ({"outcome": "partial", "share": 10}, Stage.APPROVED),
        ({"reboot": "lost"}, Stage.DECLINED),
        ({"reboot": "taken"}, Stage.APPROVED),
    ],
)
def test_every_outcome_can_be_had_inline(inline: dict[str, object], stage: Stage) -> None:
    async def main() -> None:
        terminal, _, app = simulator()
        assert (await call(app, "POST", f"{AT}/scenario", {"inline": inline})).status == 200
        over = await pay(terminal, wish())
        assert over.stage is stage
        view = (await call(app, "GET", AT)).json["payment"]["outcome"]
        asked = inline.get("reason") or inline.get("by")
        assert asked is None or view["reason"] == asked

    run_manual(main())


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        (b"{", "body_invalid", None),
        (b"\xff\xfe", "body_invalid", None),
        (b"[" * 5000, "body_invalid", None),
        (b'{"name": "approve", "times": %b}' % (b"1" * 5000), "body_invalid", None),
        (b'{"name": "approve", "times": %b}' % (b"1" * 4000), "field_invalid", "times"),
        ({}, "field_invalid", "body"),
        ({"name": "approve", "inline": {}}, "field_invalid", "body"),
        ([], "field_invalid", "body"),
        ({"name": "no such"}, "field_invalid", "name"),
        ({"name": 7}, "field_invalid", "name"),
        ({"name": "approve", "times": 0}, "field_invalid", "times"),
        ({"name": "approve", "times": True}, "field_invalid", "times"),
        ({"name": "approve", "times": "often"}, "field_invalid", "times"),
        ({"name": "approve", "more": 1}, "field_invalid", "more"),
        ({"inline": {"outcome": "maybe"}}, "field_invalid", "inline.outcome"),
        ({"inline": {"delay": -1}}, "field_invalid", "inline.delay"),
        ({"inline": {"delay": "1"}}, "field_invalid", "inline.delay"),
        ({"inline": {"faults": {"earthquake": 1}}}, "field_invalid", "inline.faults.earthquake"),
        ({"inline": {"faults": {"bad_lrc": 0}}}, "field_invalid", "inline.faults.bad_lrc"),
        ({"inline": {"outcome": "partial"}}, "field_invalid", "inline"),
        ({"inline": {"outcome": "partial", "minor": 1, "share": 1}}, "field_invalid", "inline"),
        ({"inline": {"outcome": "approve", "reason": "refused"}}, "field_invalid", "inline"),
        ({"inline": {"outcome": "decline", "by": "customer"}}, "field_invalid", "inline"),
        ({"inline": {"reboot": "maybe"}}, "field_invalid", "inline.reboot"),
    ],
)
def test_a_wrong_scenario_is_refused_by_the_name_of_its_field(body: object, code: str, place: str | None) -> None:
    async def main() -> None:
        terminal, _, app = simulator()
        problem(await call(app, "POST", f"{AT}/scenario", body), 400, code, place)
        assert terminal.script.steps == ()

    run_manual(main())


def test_a_person_plays_the_customer() -> None:
    async def main() -> None:
        terminal, _, app = simulator()
        await call(app, "POST", f"{AT}/scenario", {"name": "manual", "times": "always"})
        payment = await terminal.start(wish())
        await asyncio.sleep(60)
        assert (await call(app, "POST", f"{AT}/card")).json["screen"] == "waiting_for_pin"
        assert (await call(app, "POST", f"{AT}/pin", {})).json["payment"]["stage"] == "approved"
        second = await terminal.start(wish())
        shown = await call(app, "POST", f"{AT}/cancel-key", {"by": "cashier"})
        assert shown.json["payment"]["outcome"] == {"reason": "cashier"}
        third = await terminal.start(wish())
        assert (await call(app, "POST", f"{AT}/reboot")).json["screen"] == "rebooting"
        stages = [(await terminal.inquire(each.id)).stage for each in (payment, second, third)]
        assert stages == [Stage.APPROVED, Stage.ABORTED, Stage.DECLINED]

    run_manual(main())


@pytest.mark.parametrize("button", ["card", "pin", "cancel-key"])
def test_a_button_that_nothing_waits_for_says_what_the_screen_shows(button: str) -> None:
    async def main() -> None:
        _, _, app = simulator()
        reply = await call(app, "POST", f"{AT}/{button}")
        problem(reply, 404, "payment_unknown")
        assert "idle" in reply.json["detail"]

    run_manual(main())


def test_the_line_is_pulled_and_plugged_in_again() -> None:
    async def main() -> None:
        _, behaviour, app = simulator()
        assert (await call(app, "POST", f"{AT}/pull-line")).json["line"] == "pulled"
        assert behaviour.strikes(Fault.SILENT_TO_ENQ)
        assert (await call(app, "POST", f"{AT}/plug-line")).json["line"] == "plugged"
        assert not behaviour.strikes(Fault.SILENT_TO_ENQ)

    run_manual(main())


def test_strange_requests_get_clear_answers_and_change_nothing() -> None:
    async def main() -> None:
        terminal, behaviour, app = simulator()
        reply = await call(app, "GET", "/terminals/another")
        problem(reply, 404, "terminal_unknown")
        assert "counter" in reply.json["detail"]
        assert (await call(app, "GET", "/elsewhere")).json["code"] == "path_unknown"
        wrong = await call(app, "GET", f"{AT}/reboot")
        assert (wrong.status, wrong.json["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "POST")
        problem(await call(app, "POST", f"{AT}/reboot", {"now": 1}), 400, "field_invalid", "now")
        problem(await call(app, "POST", f"{AT}/cancel-key", {"by": "timeout"}), 400, "field_invalid", "by")
        large = await call(app, "POST", f"{AT}/scenario", b" " * (LARGEST_BODY + 1))
        problem(large, 413, "body_too_large")
        foreign = await call(app, "POST", f"{AT}/reboot", headers={"origin": "https://elsewhere.example"})
        problem(foreign, 403, "origin_not_allowed", "Origin")
        bent = await call(app, "GET", "/terminals", headers={"host": "elsewhere.example"})
        problem(bent, 403, "host_not_allowed", "Host")
        assert (terminal.screen.value, behaviour.line_pulled) == ("idle", False)

    run_manual(main())


_NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 1.5])
_WORDS = st.text(max_size=5) | st.sampled_from(["name", "inline", "times", "approve", "always", "bad_lrc", "partial"])
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=10,
)
_BODY = _JSON | st.fixed_dictionaries(
    {},
    optional={
        "name": _JSON | st.sampled_from(list(SCENARIOS)),
        "times": _JSON,
        "inline": st.dictionaries(st.sampled_from(list(InlineScenario.model_fields)), _JSON, max_size=4),
    },
)


@given(_BODY.map(lambda body: json.dumps(body).encode()) | st.binary(max_size=60))
def test_whatever_is_sent_gets_a_clear_answer_and_a_refusal_changes_nothing(raw: bytes) -> None:
    async def main() -> None:
        terminal, _, app = simulator()
        await call(app, "POST", f"{AT}/scenario", {"name": "slow"})
        before = terminal.script.steps
        for path in ("scenario", "card", "cancel-key"):
            reply = await call(app, "POST", f"{AT}/{path}", raw)
            assert reply.status in {200, 400, 404}
            if reply.status != 200:
                assert reply.json["detail"]
                assert path != "scenario" or terminal.script.steps == before

    run_manual(main())
