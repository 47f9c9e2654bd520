"""A payment that nobody wants to stand is taken back by an operation of its own; only that closes it."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.engine.house import MINUTE, SETTINGS, TEN, ask, house
from tests.unit.engine.puppet import LOST, Puppet
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind, Progress, Stage
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
)
from tillbridge.engine.engine import Engine
from tillbridge.engine.journal.records import EventType
from tillbridge.engine.rules import EngineSettings, LostAbort, Signature
from tillbridge.protocols.contract import Capabilities, Payment, Recovery, Unanswered, Unsigned
from tillbridge.runtime.manual import run_manual

KINDS = frozenset({Kind.SALE, Kind.REFUND, Kind.VOID})
BY_ID = Capabilities(kinds=KINDS, recovery=Recovery.BY_ID, max_minor=10**9)
WANTED_BACK = InDoubt(DoubtReason.REVERSAL_ASKED, "the terminal asks for a reversal")
PAID = Approved(TEN, signature=True)


async def signing(engine: Engine, payment: Payment) -> None:
    with engine.watch() as changes:
        if (await engine.inquire(payment.id)).progress is Progress.AWAITING_SIGNATURE:
            return
        async for change in changes:
            if change.progress is Progress.AWAITING_SIGNATURE:
                return


def test_an_accepted_signature_is_a_payment(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(BY_ID, signs=True)
        async with house(tmp_path, puppet) as engine:
            payment = await engine.start(ask())
            puppet.answers.put_nowait(PAID)
            await signing(engine, payment)
            await engine.sign(payment.id, accepted=True, by="Anna")
            payment = await engine.wait(payment.id, MINUTE)
            assert payment.outcome == PAID
            said = [event.detail for event in engine.events(payment.id) if event.type is EventType.SIGNATURE]
            assert said == [{"accepted": True, "by": "Anna", "amount": str(TEN)}]
            with pytest.raises(BridgeError) as late:
                await engine.sign(payment.id, accepted=False, by="Anna")
            assert late.value.code is Code.NOTHING_TO_SIGN

    run_manual(main())


def test_a_refused_signature_is_reversed_before_the_till_hears_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(BY_ID, signs=True)
        async with house(tmp_path, puppet) as engine:
            payment = await engine.start(ask())
            puppet.answers.put_nowait(PAID)
            await signing(engine, payment)
            puppet.signs = False
            puppet.answers.put_nowait(Approved(TEN))
            await engine.sign(payment.id, accepted=False, by="Anna")
            payment = await engine.wait(payment.id, MINUTE)
            assert payment.outcome == Aborted(AbortedBy.CASHIER, "reversed")
            (void,) = engine.children(payment.id)
            assert (void.kind, void.stage, void.caller) == (Kind.VOID, Stage.APPROVED, "tillbridge:reversal")
            assert [operation.kind for operation in puppet.taken] == [Kind.SALE, Kind.VOID]
            assert puppet.taken[1].parent is not None
            assert puppet.taken[1].parent.wire_reference == payment.id
            assert (await engine.start(ask(key="next"))).stage is Stage.ACCEPTED

    run_manual(main())


@pytest.mark.parametrize("answer", list(Signature))
def test_nobody_at_the_counter(answer: Signature, tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(BY_ID, signs=True)
        settings = EngineSettings(time_zone="UTC", probe_seconds=0, signature_unanswered=answer, signature_seconds=30)
        async with house(tmp_path, puppet, settings=settings) as engine:
            began = asyncio.get_running_loop().time()
            payment = await engine.start(ask())
            puppet.answers.put_nowait(PAID)
            puppet.answers.put_nowait(Approved(TEN))
            await signing(engine, payment)
            puppet.signs = False
            payment = await engine.wait(payment.id, MINUTE)
            assert asyncio.get_running_loop().time() - began == pytest.approx(30)
            wanted = Stage.APPROVED if answer is Signature.ACCEPT else Stage.ABORTED
            assert payment.stage is wanted

    run_manual(main())


def test_a_door_whose_till_checks_signatures_itself_is_not_kept_waiting(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(BY_ID, signs=True)
        async with house(tmp_path, puppet) as engine:
            began = asyncio.get_running_loop().time()
            puppet.answers.put_nowait(PAID)
            payment = await engine.start(ask(unsigned=Unsigned(accept=True, seconds=0)))
            payment = await engine.wait(payment.id, MINUTE)
            assert payment.outcome == PAID
            assert asyncio.get_running_loop().time() == began

    run_manual(main())


def test_a_reversal_whose_answer_is_lost_is_asked_about_and_never_sent_again(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(BY_ID)
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(WANTED_BACK)
            puppet.answers.put_nowait(LOST)
            puppet.inquiry = Unanswered.STILL_RUNNING
            payment = await engine.start(ask())
            payment = await engine.wait(payment.id, MINUTE)
            assert payment.stage is Stage.IN_DOUBT
            with pytest.raises(BridgeError) as locked:
                await engine.start(ask(key="next"))
            assert locked.value.code is Code.TERMINAL_LOCKED
            puppet.inquiry = Approved(TEN)
            await asyncio.sleep(10 * MINUTE)
            payment = await engine.inquire(payment.id)
            assert payment.outcome == Aborted(AbortedBy.UNSPECIFIED, "reversed")
            assert [operation.kind for operation in puppet.taken] == [Kind.SALE, Kind.VOID]
            (void,) = engine.children(payment.id)
            assert set(puppet.inquiries) == {void.id}

    run_manual(main())


def test_a_reversal_that_never_started_is_tried_again(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(BY_ID)
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(WANTED_BACK)
            puppet.answers.put_nowait(NotStarted(NotStartedReason.NETWORK_UNAVAILABLE))
            puppet.answers.put_nowait(Approved(TEN))
            payment = await engine.start(ask())
            await engine.wait(payment.id, MINUTE)
            await asyncio.sleep(MINUTE)
            assert (await engine.inquire(payment.id)).stage is Stage.ABORTED
            assert [child.stage for child in engine.children(payment.id)] == [Stage.NOT_STARTED, Stage.APPROVED]

    run_manual(main())


def test_a_refused_reversal_leaves_the_payment_to_a_person(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(BY_ID)
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(WANTED_BACK)
            puppet.answers.put_nowait(Declined())
            payment = await engine.start(ask())
            await engine.wait(payment.id, MINUTE)
            await asyncio.sleep(10 * MINUTE)
            payment = await engine.inquire(payment.id)
            assert payment.stage is Stage.IN_DOUBT
            assert len(puppet.taken) == 2
            settled = await engine.resolve(payment.id, taken=True, by="Anna", reason="the slip says so")
            assert settled.stage is Stage.APPROVED

    run_manual(main())


@pytest.mark.parametrize("proven", [True, False])
def test_a_stop_in_the_middle_of_a_reversal(proven: bool, tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(BY_ID)
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(WANTED_BACK)
            payment = await engine.start(ask())
            while len(puppet.taken) < 2:
                await asyncio.sleep(0)
        again = Puppet(BY_ID, inquiry=Approved(TEN) if proven else Unanswered.STILL_RUNNING)
        async with house(tmp_path, again) as engine:
            await asyncio.sleep(MINUTE)
            stage = (await engine.inquire(payment.id)).stage
            assert stage is (Stage.ABORTED if proven else Stage.IN_DOUBT)
            assert again.taken == []
            (void,) = engine.children(payment.id)
            assert void.stage is (Stage.APPROVED if proven else Stage.IN_DOUBT)

    run_manual(main())


def test_a_reversal_that_was_over_when_the_connector_stopped_is_not_repeated(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(BY_ID)
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(WANTED_BACK)
            puppet.answers.put_nowait(Declined())
            payment = await engine.start(ask())
            await engine.wait(payment.id, MINUTE)
        again = Puppet(BY_ID)
        async with house(tmp_path, again) as engine:
            await asyncio.sleep(MINUTE)
            assert again.taken == []
            assert (await engine.inquire(payment.id)).stage is Stage.IN_DOUBT

    run_manual(main())


def test_a_person_reverses_what_a_till_never_heard_of(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(BY_ID)
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(Approved(TEN))
            sale = await engine.start(ask(keyless=True))
            await engine.wait(sale.id, MINUTE)
            await engine.delivered(sale.id, "till", reached=False)
            await asyncio.sleep(3 * MINUTE)
            assert [held.id for held in engine.undelivered()] == [sale.id]
            with pytest.raises(BridgeError) as held_up:
                await engine.start(ask(keyless=True))
            assert held_up.value.code is Code.DOOR_HELD
            puppet.answers.put_nowait(Approved(TEN))
            void = await engine.reverse(sale.id, by="Anna", reason="the customer left", key="r1")
            assert void.stage is Stage.APPROVED
            assert (await engine.reverse(sale.id, by="Anna", reason="the customer left", key="r1")).replayed
            assert engine.undelivered() == []
            assert (await engine.start(ask(keyless=True))).stage is Stage.ACCEPTED
            assert len(puppet.taken) == 2

    run_manual(main())


@pytest.mark.parametrize("policy", list(LostAbort))
def test_a_card_that_beats_the_abort(policy: LostAbort, tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(BY_ID)
        settings = EngineSettings(time_zone="UTC", probe_seconds=0, lost_abort=policy)
        async with house(tmp_path, puppet, settings=settings) as engine:
            payment = await engine.start(ask())
            await engine.abort(payment.id)
            puppet.answers.put_nowait(Approved(TEN))
            puppet.answers.put_nowait(Approved(TEN))
            payment = await engine.wait(payment.id, MINUTE)
            kept = policy is LostAbort.KEEP
            assert payment.outcome == (Approved(TEN) if kept else Aborted(AbortedBy.CASHIER, "reversed"))
            assert [operation.kind for operation in puppet.taken] == [Kind.SALE] + ([] if kept else [Kind.VOID])

    run_manual(main())


def test_the_settings_say_who_is_unsigned() -> None:
    assert SETTINGS.unsigned == Unsigned(accept=True, seconds=90)
