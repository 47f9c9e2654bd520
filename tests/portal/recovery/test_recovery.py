"""A portal that was restored from a backup: nothing that was spent can be spent again."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text

from tests.portal.clock import HandClock
from tests.portal.recovery.conftest import Shop
from tests.portal.recovery.telling import Journal, load, spend, tell
from tests.portal.vouchers.floor import Floor
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.recovery_messages import RecoveryAsk, Resubmission, ToldState
from tillbridge.link.voucher_messages import Lookup, OperationState
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.ledger.tables import operation
from tillbridge.portal.links.tables import link
from tillbridge.portal.recovery.model import Cause, RecoveryEvent, Verdict
from tillbridge.portal.recovery.service import Recoveries
from tillbridge.portal.sealing.restored import ANCHOR_FILE
from tillbridge.portal.sealing.sealer import LedgerSealer
from tillbridge.portal.sealing.verifying import verify_chain
from tillbridge.portal.vouchers.model import Counter


async def linked(floor: Floor, *counters: Counter) -> None:
    """These locations have a connector."""
    house = floor.house
    async with house.database.writing() as connection:
        for one in counters:
            words = dict.fromkeys(("connector_name", "connector_version", "connector_os"), "x")
            row = {"id": house.runtime.ids.new(), "location_id": one.location_id, "tenant_id": one.tenant_id}
            more = {"state": "active", "conversion_due": False, "connector_id": "c" * 32}
            now = house.runtime.clock.now()
            await connection.execute(insert(link).values(**row, **more, **words, state_since=now, created_at=now))


async def sealed(floor: Floor) -> None:
    await LedgerSealer(floor.house).catch_up()


async def kept(house: House, key: str) -> OperationState:
    async with house.database.reading() as connection:
        found = await connection.execute(select(operation.c.state).where(operation.c.key == key))
        return OperationState(found.scalar_one())


async def test_what_was_spent_after_the_backup_is_not_spendable_after_the_restore(closed_shop: Shop) -> None:
    async with closed_shop.open() as floor:
        await linked(floor, floor.here)
        mine, number = Journal(floor.here), await floor.voucher()
        await load(floor, mine, number, 5_000)
        await spend(floor, mine, number, 1_000)
        await sealed(floor)
    closed_shop.back_up()
    async with closed_shop.open() as floor:
        await spend(floor, mine, number, 3_000)
        last = await spend(floor, mine, number, 1_000)
        await sealed(floor)
    closed_shop.restore()
    async with closed_shop.open() as floor:
        recoveries = Recoveries(floor.house, floor.desk)
        assert await floor.balance(number) == 4_000
        assert await recoveries.notice()
        looked_up = floor.desk.lookup(floor.here, Lookup(number=number, currency="EUR"))
        for asking in (floor.redeem(number, 100), floor.load(number, 100), looked_up):
            with pytest.raises(BridgeError) as caught:
                await asking
            assert (caught.value.code, caught.value.members["until"]) == (Code.MAINTENANCE, None)
        assert (await tell(recoveries, mine)).told
        assert await recoveries.finish() == 1
        assert await floor.balance(number) == 0
        refused = await floor.redeem(number, 100)
        assert json.loads(refused.body)["code"] == Code.VOUCHER_EMPTY.value
        state = await floor.desk.state(floor.here, last)
        assert (state.state, state.taken, state.balance) == (OperationState.INTERIM, 1_000, 0)
        await floor.sound()
        await sealed(floor)
        assert (await verify_chain(floor.house)).sound
        assert list(closed_shop.folder.glob("ledger-anchor-*-4.json"))
        assert await _noted(floor.house) == [RecoveryEvent.BEGUN, RecoveryEvent.TOLD, RecoveryEvent.ENDED]


async def _noted(house: House) -> list[str]:
    async with house.database.reading() as connection:
        events = (await connection.execute(select(audit_entry.c.event).order_by(audit_entry.c.id))).scalars()
        return [one for one in events if one.startswith("recovery.")]


def told_again(journal: Journal) -> Resubmission:
    return Resubmission(actions=tuple(journal.actions))


async def _two_tills(closed_shop: Shop) -> tuple[Journal, Journal, str, str, str]:
    """What two tills did after the backup: their journals, the voucher, what was put back and what was confirmed."""
    async with closed_shop.open() as floor:
        await linked(floor, floor.here, floor.there)
        mine, other, number = Journal(floor.here), Journal(floor.there), await floor.voucher()
        await load(floor, mine, number, 1_000)
    closed_shop.back_up()
    async with closed_shop.open() as floor:
        await spend(floor, mine, number, 1_000)
        await load(floor, other, number, 700)
        await spend(floor, mine, number, 300)
        back = await spend(floor, mine, number, 200)
        await floor.desk.put_back(floor.here, back)
        mine.becomes(back, ToldState.TAKEN_BACK)
        paid = await spend(floor, mine, number, 150)
        await floor.desk.confirm(floor.here, paid)
        mine.becomes(paid, ToldState.CONFIRMED)
        assert await floor.balance(number) == 250
    return mine, other, number, back, paid


async def test_two_tills_tell_out_of_order_in_halves_and_twice(closed_shop: Shop) -> None:
    """What one spent waits for the load that the other has yet to tell."""
    mine, other, number, back, paid = await _two_tills(closed_shop)
    closed_shop.restore()
    async with closed_shop.open() as floor:
        recoveries = Recoveries(floor.house, floor.desk)
        assert len(await recoveries.begin(Cause.PERSON, PORTAL)) == 1
        facts = await tell(recoveries, mine, batch=2, most=1)
        assert (facts.after, facts.told) == (2, False)
        assert (await tell(recoveries, mine, batch=2)).told
        assert await recoveries.finish() == 0
        standing = await recoveries.standing(floor.system_id)
        assert standing is not None
        assert [one.location_id for one in standing.waiting] == [floor.there.location_id]
        assert standing.counts[Verdict.WAITING] == 2
        facts = await tell(recoveries, other)
        assert facts.told
        for journal in (mine, other):
            assert (await recoveries.told(journal.at, facts.id or "", told_again(journal))).told
        assert await recoveries.finish() == 1
        assert await recoveries.finish() == 0
        assert await floor.balance(number) == 250
        states = [await kept(floor.house, one) for one in (back, paid)]
        assert states == [OperationState.VOIDED, OperationState.CONFIRMED]
        assert (await recoveries.asked(floor.here, RecoveryAsk(newest=paid))).id is None
        await floor.sound()


async def test_what_the_backup_has_is_brought_to_where_the_connector_knows_it(closed_shop: Shop) -> None:
    async with closed_shop.open() as floor:
        await linked(floor, floor.here)
        mine, number = Journal(floor.here), await floor.voucher()
        loaded, keys = await load(floor, mine, number, 1_000), []
        keys = [await spend(floor, mine, number, 100) for _ in range(2)]
    closed_shop.back_up()
    mine.becomes(keys[0], ToldState.CONFIRMED)
    mine.becomes(keys[1], ToldState.TAKEN_BACK)
    async with closed_shop.open() as floor:
        recoveries = Recoveries(floor.house, floor.desk)
        await recoveries.begin(Cause.PERSON, PORTAL)
        await tell(recoveries, mine)
        await recoveries.finish()
        states = [await kept(floor.house, one) for one in (loaded, *keys)]
        assert states == [OperationState.LOADED, OperationState.CONFIRMED, OperationState.PUT_BACK]
        assert await floor.balance(number) == 900
        await floor.sound()


async def _one_till_is_lost(closed_shop: Shop) -> tuple[Journal, Journal, tuple[str, str], tuple[str, str]]:
    """Of two tills one tells nothing: their journals, two vouchers, and two redemptions that lack its loads."""
    async with closed_shop.open() as floor:
        await linked(floor, floor.here, floor.there)
        mine, other = Journal(floor.here), Journal(floor.there)
        first, second = await floor.voucher(), await floor.voucher()
        await load(floor, mine, first, 500)
    closed_shop.back_up()
    async with closed_shop.open() as floor:
        (unknown,) = await floor.vouchers(1)
        await load(floor, other, first, 700)
        partly = await spend(floor, mine, first, 1_100)
        await load(floor, other, second, 100)
        nothing = await spend(floor, mine, second, 100)
        await load(floor, mine, unknown, 300)
    return mine, other, (first, second), (partly, nothing)


async def test_what_cannot_be_booked_is_an_open_case_and_never_below_zero(closed_shop: Shop) -> None:
    """The till of the load is gone for good: a person ends it."""
    mine, other, (first, second), (partly, nothing) = await _one_till_is_lost(closed_shop)
    closed_shop.restore()
    async with closed_shop.open() as floor:
        recoveries = Recoveries(floor.house, floor.desk)
        await recoveries.begin(Cause.PERSON, PORTAL)
        await tell(recoveries, mine)
        assert await recoveries.finish() == 0
        (standing,) = await recoveries.standings()
        await recoveries.end(standing.recovery.id, PORTAL, "the till was stolen")
        ended = await recoveries.standing(floor.system_id)
        assert ended is not None
        assert [(one.verdict, one.short) for one in ended.cases] == [
            (Verdict.SHORT, 600),
            (Verdict.SHORT, 100),
            (Verdict.UNKNOWN_VOUCHER, 300),
        ]
        assert [await floor.balance(one) for one in (first, second)] == [0, 0]
        state = await floor.desk.state(floor.here, partly)
        assert (state.state, state.taken) == (OperationState.INTERIM, 500)
        assert await kept(floor.house, nothing) is OperationState.VOIDED
        await floor.sound()
        # The till is found again: what it tells late goes to what was short of it, and the rest is there again.
        assert (await tell(recoveries, other)).told
        assert [await floor.balance(one) for one in (first, second)] == [100, 0]
        late = await recoveries.standing(floor.system_id)
        assert late is not None
        (case,) = late.cases
        assert case.verdict is Verdict.UNKNOWN_VOUCHER
        await recoveries.settle(standing.recovery.id, case.id, PORTAL, "a new voucher was handed out")
        with pytest.raises(BridgeError):
            await recoveries.settle(standing.recovery.id, case.id, PORTAL, "twice")
        await floor.sound()


async def test_a_connector_that_knows_more_than_the_portal_is_only_noted(closed_shop: Shop) -> None:
    """Else any till could take money from vouchers without a PIN by saying that something was lost."""
    async with closed_shop.open() as floor:
        await linked(floor, floor.here)
        recoveries, number = Recoveries(floor.house, floor.desk), await floor.voucher(loaded=500)
        for _ in range(2):
            facts = await recoveries.asked(floor.here, RecoveryAsk(newest="made-up-by-the-till"))
            assert facts.id is None
        assert [(place, name != "") for place, name, _ in await recoveries.doubts()] == [(floor.here.location_id, True)]
        with pytest.raises(BridgeError) as caught:
            await recoveries.told(floor.here, "0" * 32, Resubmission(last=True))
        assert caught.value.code is Code.RECORD_UNKNOWN
        assert (await floor.redeem(number, 100)).status == 200
        assert (await recoveries.asked(floor.here, RecoveryAsk())).id is None
        await recoveries.begin(Cause.PERSON, PORTAL)
        assert await recoveries.doubts() == []


async def test_a_location_that_was_paired_anew_is_asked_too(closed_shop: Shop) -> None:
    async with closed_shop.open() as floor:
        await linked(floor, floor.here)
        recoveries = Recoveries(floor.house, floor.desk)
        await recoveries.begin(Cause.PERSON, PORTAL)
        facts = await recoveries.asked(floor.third, RecoveryAsk())
        assert facts.id is not None
        await tell(recoveries, Journal(floor.here))
        assert await recoveries.finish() == 0
        await tell(recoveries, Journal(floor.third))
        assert await recoveries.finish() == 1


async def test_connectors_begin_well_before_the_newest_entry(closed_shop: Shop, clock: HandClock) -> None:
    async with closed_shop.open() as floor:
        await linked(floor, floor.here)
        await floor.voucher(loaded=500)
        booked = clock.now()
        clock.forward(days=3)
        recoveries = Recoveries(floor.house, floor.desk)
        await recoveries.begin(Cause.PERSON, PORTAL)
        facts = await recoveries.asked(floor.here, RecoveryAsk())
        assert facts.since == booked - timedelta(days=1)


async def test_a_kill_between_two_steps_of_the_end_is_gone_on_with(
    closed_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with closed_shop.open() as floor:
        await linked(floor, floor.here)
        mine, number = Journal(floor.here), await floor.voucher()
    closed_shop.back_up()
    async with closed_shop.open() as floor:
        await floor.load(number, 500, at=floor.there)
        await spend(floor, mine, number, 500)
    closed_shop.restore()
    async with closed_shop.open() as floor:
        recoveries = Recoveries(floor.house, floor.desk)
        await recoveries.begin(Cause.PERSON, PORTAL)
        await tell(recoveries, mine)

        class _Killed(BaseException):
            """The process is gone."""

        async def killed(*_: object) -> None:
            raise _Killed

        with monkeypatch.context() as patched:
            patched.setattr("tillbridge.portal.recovery.store.end", killed)
            with pytest.raises(_Killed):
                await recoveries.finish()
        with pytest.raises(BridgeError):
            await floor.redeem(number, 1)
    async with closed_shop.open() as floor:
        assert await Recoveries(floor.house, floor.desk).finish() == 1
        await floor.sound()


async def test_an_anchor_of_before_an_earlier_recovery_begins_none(closed_shop: Shop, clock: HandClock) -> None:
    async with closed_shop.open() as floor:
        await floor.voucher(loaded=500)
        await sealed(floor)
        old = (closed_shop.folder / ANCHOR_FILE).read_text()
        clock.forward(days=2)
        recoveries = Recoveries(floor.house, floor.desk)
        await recoveries.begin(Cause.PERSON, PORTAL)
        async with floor.house.database.writing() as connection:
            if floor.house.database.dialect.value == "postgresql":
                await connection.execute(text("set local session_replication_role = replica"))
            else:
                await connection.execute(text("drop trigger ledger_seal_keep_delete"))
            await connection.execute(text("delete from ledger_seal"))
        (closed_shop.folder / ANCHOR_FILE).write_text(old)
        assert not await recoveries.notice()
        assert not (closed_shop.folder / ANCHOR_FILE).exists()
