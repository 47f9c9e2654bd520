"""Terminals that lack something, and answers that nobody expects: the driver says so and stays honest."""

import asyncio
from typing import Any

import pytest

from tests.support.touchscreen import (
    GONE,
    REFUSED,
    SECRET,
    about,
    call,
    failing,
    last,
    lone_door,
    operation,
    profile,
    shop,
    start_of,
)
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, NotStarted
from tillbridge.protocols.contract import AbortReply, AbortSupport, HealthState, PaymentRequest, Unanswered
from tillbridge.protocols.touchscreen.link import Ended, Heard, Question
from tillbridge.protocols.touchscreen.presented import presented
from tillbridge.protocols.touchscreen.profile import Op, Profile, built_in
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.terminal import VirtualTerminal

BASE = "/api/switchio/pay/v6"


def without(*ops: Op) -> Profile:
    """The built-in profile without these operations."""
    operations = {op.value: one.model_dump() for op, one in built_in().operations.items()}
    for op in ops:
        operations[op.value]["enabled"] = False
    return profile(operations=operations)


def saying(name: str, *answers: Heard) -> Any:
    """Answers these requests so, the last answer for ever."""
    left = list(answers)

    def deny(question: Question) -> Ended | None:
        if last(question.path) != name:
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    return deny


def test_a_terminal_that_cannot_be_stopped() -> None:
    async def main() -> None:
        async with shop(facts=without(Op.CANCEL), delay=20.0) as here, asyncio.TaskGroup() as group:
            assert here.terminal.capabilities.abort is AbortSupport.NONE
            selling = group.create_task(here.sell())
            await asyncio.sleep(5.0)
            assert await here.terminal.abort("op-1") is AbortReply.CANNOT
            assert isinstance(await selling, Approved)

    run_manual(main())


def test_a_terminal_that_cannot_be_stopped_and_takes_too_long_is_only_followed() -> None:
    async def main() -> None:
        async with shop(facts=without(Op.CANCEL), delay=900.0) as here:
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.NO_ANSWER
            assert "cancel" not in here.network.asked

    run_manual(main())


def test_a_terminal_without_a_state() -> None:
    async def main() -> None:
        async with shop(facts=without(Op.TERMINAL)) as here:
            health = await here.terminal.health()
            assert (health.state, health.detail) == (HealthState.READY, "version v6")

    run_manual(main())


HEALTHS = [
    (Heard(500, b"oops"), HealthState.UNKNOWN, "HTTP 500 (unknown)"),
    (Heard(401, b""), HealthState.UNKNOWN, "HTTP 401 (password)"),
    (Heard(200, b"oops"), HealthState.UNKNOWN, "cannot be read"),
    (Heard(404, b"Endpoint not supported."), HealthState.UNKNOWN, "no longer speaks"),
    (GONE, HealthState.SILENT, "gone"),
    (REFUSED, HealthState.UNREACHABLE, "refused"),
]


@pytest.mark.parametrize(("answer", "state", "said"), HEALTHS, ids=str)
def test_odd_signs_of_life(answer: Ended, state: HealthState, said: str) -> None:
    async def main() -> None:
        async with shop() as here:
            here.network.deny = failing("terminal", answer)
            health = await here.terminal.health()
            assert health.state is state
            assert said in health.detail
            assert (await here.terminal.health()).state is HealthState.READY

    run_manual(main())


@pytest.mark.parametrize("answer", [Heard(500, b""), Heard(200, b"[]"), Heard(302, b"")], ids=str)
def test_a_probe_with_an_odd_answer_starts_nothing(answer: Heard) -> None:
    async def main() -> None:
        async with shop() as here:
            here.network.deny = failing("info", answer)
            assert isinstance(await here.sell(), NotStarted)
            assert here.network.asked == ["sending", "info", "outcome"]

    run_manual(main())


STARTS = [
    (Heard(400, b""), NotStarted),
    (Heard(422, b"{}"), NotStarted),
    (Heard(404, b"Endpoint not supported."), NotStarted),
    (Heard(200, b'{"isStarted":false}'), NotStarted),
    (Heard(404, b"what?"), InDoubt),
    (Heard(408, b""), InDoubt),
    (Heard(500, b'{"isStarted":false}'), InDoubt),
    (Heard(302, b""), InDoubt),
    (Heard(200, b"<html>"), InDoubt),
    (Heard(200, b"{}"), InDoubt),
    (Heard(200, b'{"isStarted":"false"}'), InDoubt),
    (Heard(200, b'{"isStarted":false,"transactionId":"another"}'), InDoubt),
]


@pytest.mark.parametrize(("answer", "wanted"), STARTS, ids=str)
def test_only_a_plain_refusal_of_a_start_proves_anything(answer: Heard, wanted: type[object]) -> None:
    """The terminal never heard of it here: where the answer proves nothing, it stays in doubt all the same."""

    async def main() -> None:
        async with shop() as here:
            here.network.deny = failing("payment", answer)
            outcome = await here.sell()
            assert type(outcome) is wanted
            assert here.network.asked.count("payment") == 1

    run_manual(main())


def test_a_status_that_says_nothing_ends_in_doubt() -> None:
    async def main() -> None:
        async with shop() as here:
            here.network.deny = saying("status", Heard(200, b'{"status":null}'))
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.ANSWER_UNREADABLE

    run_manual(main())


def test_what_cannot_be_asked() -> None:
    async def main() -> None:
        async with shop(facts=without(Op.REFUND)) as here:
            assert await here.terminal.inquire(operation(kind=Kind.REFUND)) is Unanswered.CANNOT_ASK
            here.network.apps.clear()
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK

    run_manual(main())


def test_a_confirmation_with_an_odd_answer_is_still_owed() -> None:
    async def main() -> None:
        async with shop() as here:
            odd = (
                Heard(200, b"x"),
                Heard(500, b""),
                Heard(200, b'{"isConfirmed":"true"}'),
                Heard(200, b'{"isConfirmed":true}'),
            )
            here.network.deny = saying("confirm", *odd)
            assert isinstance(await here.sell(), Approved)
            await asyncio.sleep(60.0)
            assert here.network.asked.count("confirm") == 4

    run_manual(main())


def test_a_profile_without_confirmations() -> None:
    async def main() -> None:
        async with shop(facts=profile(ack={"order": "none"})) as here:
            assert isinstance(await here.sell(), Approved)
            await here.terminal.settle(operation())
            assert "confirm" not in here.network.asked

    run_manual(main())


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("Basic dGlsbDpwd2Q=", "pwd"),
        ("basic dGlsbDpwd2Q=", "pwd"),
        ("Bearer dGlsbDpwd2Q=", None),
        ("Basic !", None),
        ("Basic eDpwd2Q=", None),
        ("", None),
    ],
)
def test_a_password_in_http_basic(header: str, wanted: str | None) -> None:
    facts = profile(secret={"value": "x", "placement": "basic", "field": "till"})
    assert presented({}, {"authorization": header}, facts) == wanted


# ---------------------------------------------------------------- a desk that fails


class Failing(VirtualTerminal):
    """A desk that breaks where a test says so."""

    broken: Exception | None = None
    deaf = False

    async def start(self, request: PaymentRequest) -> Any:
        if self.broken is not None:
            raise self.broken
        return await super().start(request)

    async def delivered(self, payment_id: str, receiver: str, reached: bool) -> None:
        if self.deaf:
            raise OSError("no space left")
        await super().delivered(payment_id, receiver, reached)


@pytest.mark.parametrize(
    ("broken", "status", "started"),
    [
        (OSError("disk"), 500, None),
        (BridgeError(Code.INTERNAL), 500, None),
        (BridgeError(Code.JOURNAL_UNAVAILABLE), 200, False),
        (BridgeError(Code.CONNECTOR_STOPPING), 200, False),
        (BridgeError(Code.TERMINAL_LOCKED), 200, False),
        (BridgeError(Code.PARENT_SPENT), 200, False),
    ],
    ids=str,
)
def test_a_desk_that_fails_is_never_a_refusal_unless_it_says_so(
    broken: Exception, status: int, started: bool | None
) -> None:
    async def main() -> None:
        desk = Failing(runtime=manual_runtime())
        desk.broken = broken
        code, body = await call(lone_door(desk).app, f"{BASE}/payment", start_of())
        assert code == status
        assert body.get("isStarted") is started

    run_manual(main())


def test_a_delivery_that_cannot_be_noted_spoils_no_answer() -> None:
    async def main() -> None:
        desk = Failing(runtime=manual_runtime())
        desk.deaf = True
        app = lone_door(desk).app
        await call(app, f"{BASE}/payment", start_of())
        await desk.wait((await desk.find_key("touchscreen:till", about()["transactionId"])).id, 10)
        assert (await call(app, f"{BASE}/result", about()))[1]["responseCode"] == "OK"

    run_manual(main())


def test_a_wrong_method_is_named() -> None:
    async def main() -> None:
        app = lone_door(VirtualTerminal(runtime=manual_runtime())).app
        assert (await call(app, f"{BASE}/payment", None))[0] == 405
        assert (await call(app, f"{BASE}/info", {"secureString": SECRET}))[0] == 405

    run_manual(main())
