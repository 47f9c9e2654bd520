"""The engine's laws, one by one, against a terminal whose every move the test decides."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.engine.house import MINUTE, PAID, TEN, ask, house
from tests.unit.engine.puppet import CAPABILITIES, LOST, Puppet
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DoubtReason,
    InDoubt,
    MoneyMoved,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.engine.journal.records import EventType
from tillbridge.protocols.contract import AbortReply, Capabilities, LateResult, Payment, Recovery, Unanswered
from tillbridge.runtime.manual import run_manual

NO = Declined()


def by_id(capabilities: Capabilities, recovery: Recovery) -> Capabilities:
    return Capabilities(capabilities.kinds, recovery, capabilities.max_minor)


def types(events: list[object]) -> list[object]:
    return [getattr(event, "type", None) for event in events]


def test_a_payment_runs_from_the_request_to_the_stored_outcome(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            payment = await engine.start(ask(order_id="7"))
            assert payment.stage is Stage.ACCEPTED
            puppet.answers.put_nowait(PAID)
            payment = await engine.wait(payment.id, MINUTE)
            assert (payment.stage, payment.outcome, payment.money_moved) == (Stage.APPROVED, PAID, MoneyMoved.YES)
            assert types(list(engine.events(payment.id))) == [
                EventType.ACCEPTED,
                EventType.SENDING,
                EventType.OUTCOME,
            ]
            assert puppet.acknowledged == [PAID]
        assert puppet.closed
        async with house(tmp_path, Puppet()) as engine:
            assert (await engine.inquire(payment.id)) == payment
            assert (await engine.find_order("hipay:log", "7")).id == payment.id

    run_manual(main())


@pytest.mark.parametrize(
    "answer",
    [Declined(), Aborted(AbortedBy.CUSTOMER), NotStarted(NotStartedReason.TERMINAL_SILENT), PAID],
    ids=lambda answer: type(answer).__name__,
)
def test_each_closed_outcome_frees_the_lane(tmp_path: Path, answer: Outcome) -> None:
    async def main() -> None:
        puppet = Puppet(sends=not isinstance(answer, NotStarted))
        async with house(tmp_path, puppet) as engine:
            for _ in range(2):
                puppet.answers.put_nowait(answer)
                payment = await engine.wait((await engine.start(ask())).id, MINUTE)
                assert payment.outcome == answer
                assert not payment.open

    run_manual(main())


def test_a_busy_terminal_says_at_once_with_what(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            first = await engine.start(ask(order_id="1"))
            with pytest.raises(BridgeError) as refusal:
                await engine.start(ask(Money(500, EUR), order_id="2"))
            assert refusal.value.code is Code.TERMINAL_BUSY
            assert refusal.value.payment_id == first.id
            assert "10.00 EUR" in refusal.value.detail
            puppet.answers.put_nowait(PAID)
            await engine.wait(first.id, MINUTE)
            assert [operation.id for operation in puppet.taken] == [first.id]

    run_manual(main())


def test_lanes_do_not_wait_for_each_other(tmp_path: Path) -> None:
    async def main() -> None:
        slow, quick = Puppet(), Puppet()
        async with house(tmp_path, slow, quick) as engine:
            waiting = await engine.start(ask(terminal="t1"))
            quick.answers.put_nowait(PAID)
            done = await engine.wait((await engine.start(ask(terminal="t2"))).id, MINUTE)
            assert done.stage is Stage.APPROVED
            assert (await engine.inquire(waiting.id)).running
            with pytest.raises(BridgeError) as refusal:
                await engine.start(ask())
            assert refusal.value.code is Code.TERMINAL_UNKNOWN

    run_manual(main())


def test_in_doubt_locks_the_lane_until_a_named_person_settles_it(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(LOST)
            doubt = await engine.wait((await engine.start(ask())).id, MINUTE)
            assert (doubt.stage, doubt.money_moved) == (Stage.IN_DOUBT, MoneyMoved.UNKNOWN)
            assert engine.in_doubt() == [doubt]
            with pytest.raises(BridgeError) as refusal:
                await engine.start(ask())
            assert (refusal.value.code, refusal.value.payment_id) == (Code.TERMINAL_LOCKED, doubt.id)
            for by, reason in (("", "slip"), ("Anna", " ")):
                with pytest.raises(BridgeError) as missing:
                    await engine.resolve(doubt.id, taken=True, by=by, reason=reason)
                assert missing.value.code is Code.FIELD_INVALID
            settled = await engine.resolve(doubt.id, taken=True, by="Anna", reason="slip 12 says paid")
            assert settled.outcome == PAID
            event = engine.events(doubt.id)[-1]
            assert (event.type, event.detail["by"]) == (EventType.RESOLVED, "Anna")
            with pytest.raises(BridgeError) as again:
                await engine.resolve(doubt.id, taken=False, by="Bert", reason="no")
            assert again.value.code is Code.ALREADY_CLOSED
            puppet.answers.put_nowait(NO)
            assert (await engine.wait((await engine.start(ask())).id, MINUTE)).outcome == NO

    run_manual(main())


def test_a_running_payment_cannot_be_settled_by_hand(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            payment = await engine.start(ask())
            with pytest.raises(BridgeError) as refusal:
                await engine.resolve(payment.id, taken=True, by="Anna", reason="in a hurry")
            assert refusal.value.code is Code.STILL_RUNNING

    run_manual(main())


def test_patience_ends_but_the_payment_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            payment = await engine.wait((await engine.start(ask())).id, 180)
            assert (payment.stage, payment.money_moved) == (Stage.SENDING, MoneyMoved.UNKNOWN)
            puppet.answers.put_nowait(PAID)
            assert (await engine.wait(payment.id, 180)).stage is Stage.APPROVED

    run_manual(main())


def test_abort_is_a_request_and_the_card_may_win(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            payment = await engine.start(ask())
            await asyncio.sleep(1)
            assert await engine.abort(payment.id) is AbortReply.REQUESTED
            assert puppet.aborted == [payment.id]
            assert (await engine.inquire(payment.id)).running
            puppet.answers.put_nowait(PAID)
            assert (await engine.wait(payment.id, MINUTE)).stage is Stage.APPROVED
            assert EventType.ABORT_REQUESTED in types(list(engine.events(payment.id)))
            assert await engine.abort(payment.id) is AbortReply.NOT_RUNNING
            with pytest.raises(BridgeError):
                await engine.abort("nothing")

    run_manual(main())


def test_an_approval_of_other_money_is_in_doubt(tmp_path: Path) -> None:
    async def main() -> None:
        for wrong in (Money(1001, EUR), Money(999, EUR), Money(1000, currency("USD"))):
            puppet = Puppet()
            async with house(tmp_path / str(wrong.minor) / wrong.currency.code, puppet) as engine:
                puppet.answers.put_nowait(Approved(wrong))
                payment = await engine.wait((await engine.start(ask())).id, MINUTE)
                assert isinstance(payment.outcome, InDoubt)
                assert payment.outcome.reason is DoubtReason.ANSWER_MISMATCH

    for wrong in ("1001/EUR", "999/EUR", "1000/USD"):
        (tmp_path / wrong).mkdir(parents=True)
    run_manual(main())


@pytest.mark.parametrize("sends", [True, False])
def test_a_driver_that_breaks_never_becomes_a_lie(tmp_path: Path, sends: bool) -> None:
    async def main() -> None:
        puppet = Puppet(sends=sends)
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(RuntimeError("a bug"))
            payment = await engine.wait((await engine.start(ask())).id, MINUTE)
            expected = Stage.IN_DOUBT if sends else Stage.NOT_STARTED
            assert payment.stage is expected

    run_manual(main())


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (ask(kind=Kind.CAPTURE), Code.OPERATION_UNSUPPORTED),
        (ask(Money(100_000_000, EUR)), Code.AMOUNT_TOO_LARGE),
        (ask(Money(0, EUR)), Code.AMOUNT_INVALID),
        (ask(terminal="nowhere"), Code.TERMINAL_UNKNOWN),
    ],
)
def test_what_a_terminal_cannot_do_is_refused_before_anything_is_sent(
    tmp_path: Path, request_: object, code: Code
) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            with pytest.raises(BridgeError) as refusal:
                await engine.start(request_)  # type: ignore[arg-type]
            assert refusal.value.code is code
            assert puppet.taken == []
            assert engine.payments() == []

    run_manual(main())


# ------------------------------------------------------------ evidence


def late(outcome: Outcome, amount: Money | None = TEN, register: str | None = "01") -> LateResult:
    return LateResult(outcome, register, amount)


async def brought_in_doubt(engine: object, puppet: Puppet) -> Payment:
    puppet.answers.put_nowait(LOST)
    started = await engine.start(ask())  # type: ignore[attr-defined]
    payment: Payment = await engine.wait(started.id, MINUTE)  # type: ignore[attr-defined]
    assert payment.stage is Stage.IN_DOUBT
    return payment


@pytest.mark.parametrize(
    ("result", "stage"),
    [
        (late(PAID), Stage.APPROVED),
        (late(Declined()), Stage.DECLINED),
        (late(Declined(), Money(0, EUR)), Stage.DECLINED),
        (late(Declined(), None), Stage.DECLINED),
        (late(Approved(Money(1, EUR)), Money(1, EUR)), Stage.IN_DOUBT),
        (late(PAID, TEN, "02"), Stage.IN_DOUBT),
    ],
)
def test_a_late_answer_closes_exactly_the_payment_that_it_fits(
    tmp_path: Path, result: LateResult, stage: Stage
) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            doubt = await brought_in_doubt(engine, puppet)
            puppet.lates.put_nowait(result)
            await asyncio.sleep(1)
            assert (await engine.inquire(doubt.id)).stage is stage
            # The terminal hears the acknowledgement only after the evidence is on disk.
            assert puppet.acknowledged == [result]

    run_manual(main())


def test_a_late_answer_is_found_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with house(tmp_path, Puppet()) as engine:
            payment = await engine.start(ask())
            await asyncio.sleep(1)
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            assert (await engine.inquire(payment.id)).stage is Stage.IN_DOUBT
            puppet.lates.put_nowait(late(PAID))
            await asyncio.sleep(1)
            assert (await engine.inquire(payment.id)).outcome == PAID

    run_manual(main())


def test_what_contradicts_a_closed_payment_is_an_alarm_and_no_change(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            doubt = await brought_in_doubt(engine, puppet)
            await engine.resolve(doubt.id, taken=False, by="Anna", reason="the customer left")
            puppet.lates.put_nowait(late(PAID))
            puppet.lates.put_nowait(late(Declined()))
            await asyncio.sleep(1)
            payment = await engine.inquire(doubt.id)
            assert payment.stage is Stage.DECLINED
            assert types(list(engine.events(doubt.id)))[-2:] == [EventType.CONTRADICTION, EventType.LATE_REPEAT]

    run_manual(main())


def test_a_terminal_that_can_be_asked_unlocks_itself(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(capabilities=by_id(CAPABILITIES, Recovery.BY_ID))
        async with house(tmp_path, puppet) as engine:
            puppet.inquiry = Unanswered.STILL_RUNNING
            doubt = await brought_in_doubt(engine, puppet)
            await asyncio.sleep(10)
            assert (await engine.inquire(doubt.id)).stage is Stage.IN_DOUBT
            puppet.inquiry = PAID
            await asyncio.sleep(30)
            assert (await engine.inquire(doubt.id)).outcome == PAID
            assert puppet.settled == [doubt.id]
            asked = len(puppet.inquiries)
            await asyncio.sleep(300)
            assert len(puppet.inquiries) == asked

    run_manual(main())


def test_a_last_result_is_evidence_but_closes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(capabilities=by_id(CAPABILITIES, Recovery.LAST_RESULT), inquiry=PAID)
        async with house(tmp_path, puppet) as engine:
            doubt = await brought_in_doubt(engine, puppet)
            await asyncio.sleep(5)
            assert (await engine.inquire(doubt.id)).stage is Stage.IN_DOUBT
            assert EventType.EVIDENCE in types(list(engine.events(doubt.id)))

    run_manual(main())


def test_after_a_restart_each_open_payment_is_where_it_belongs(tmp_path: Path) -> None:
    async def main() -> None:
        silent = Puppet(sends=False)
        async with house(tmp_path, Puppet(), silent) as engine:
            sent = await engine.start(ask(terminal="t1"))
            unsent = await engine.start(ask(terminal="t2"))
            await asyncio.sleep(1)
        async with house(tmp_path, Puppet(), Puppet()) as engine:
            first = await engine.inquire(sent.id)
            assert isinstance(first.outcome, InDoubt)
            assert first.outcome.reason is DoubtReason.CONNECTOR_STOPPED
            second = await engine.inquire(unsent.id)
            assert isinstance(second.outcome, NotStarted)
            with pytest.raises(BridgeError):
                await engine.start(ask(terminal="t1"))
            assert (await engine.start(ask(terminal="t2"))).stage is Stage.ACCEPTED

    run_manual(main())


def test_a_payment_in_doubt_on_a_removed_terminal_can_still_be_settled(tmp_path: Path) -> None:
    async def main() -> None:
        async with house(tmp_path, Puppet(), Puppet()) as engine:
            payment = await engine.start(ask(terminal="t2"))
            await asyncio.sleep(1)
        async with house(tmp_path, Puppet()) as engine:
            assert [doubt.id for doubt in engine.in_doubt()] == [payment.id]
            settled = await engine.resolve(payment.id, taken=False, by="Anna", reason="terminal sold")
            assert settled.stage is Stage.DECLINED
            assert engine.in_doubt() == []

    run_manual(main())
