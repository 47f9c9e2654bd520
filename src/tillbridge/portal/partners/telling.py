"""Makes messages of what happened to vouchers, afterwards, so that no booking waits for it and none pays for it.

The ledger is the only truth. Entries are found by time, because their ids begin with it, and that is quick; but what is
committed late, or by a process whose clock is behind, would so be passed over. What decides is therefore a count: each
voucher says how many entries it has, numbered without a gap, and beside it stands how many have become messages. By
that count all vouchers are gone through as well, again and again, a few at a time. An entry becomes a message in the
transaction that counts it, under a lock for its voucher: so none is missed, none comes twice, and they come in order.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.voucher_code import masked
from tillbridge.portal.house import House
from tillbridge.portal.partners import hooks_store, telling_store
from tillbridge.portal.partners.hooks_model import Delivery, DeliveryState, Topic, Webhook, topic_of
from tillbridge.portal.partners.telling_store import Cursor, Line, Subject, Told

OVERLAP: Final = timedelta(seconds=30)
"""Looked through again each time: transactions end within it, and clocks are closer to each other than that."""

AT_ONCE: Final = 500
"""Vouchers of one turn, and entries of one voucher in it."""

IN_A_TRANSACTION: Final = 50
"""Vouchers whose messages are written together: on SQLite nobody else writes meanwhile."""

COUNTED: Final = 1000
"""Vouchers of one turn that are held against their count: of ten million each is reached within hours."""

TURN: Final = timedelta(minutes=2)
"""So long another process waits for one that has begun and is not heard of any more."""


class Telling:
    """Turns entries into messages."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def look(self) -> bool:
        """One turn; True if there is more to do at once. Any number of processes may ask: one of them does it."""
        database, now = self._house.database, self._house.runtime.clock.now()
        async with database.reading() as connection:
            first = await hooks_store.first_made(connection)
        if first is None:
            return False
        async with database.writing() as connection:
            cursor = await telling_store.take_turn(connection, now, now + TURN)
        if cursor is None:
            return False
        begin = max(cursor.looked_until, first) - OVERLAP
        async with database.reading() as connection:
            moved = await telling_store.moved_since(connection, _first_id(begin), AT_ONCE)
            last = await telling_store.window_end(connection, cursor.counted_until, COUNTED)
            counted = await telling_store.untold_between(connection, cursor.counted_until, last)
        behind, more = sorted({*moved, *counted}), len(moved) == AT_ONCE
        for at in range(0, len(behind), IN_A_TRANSACTION):
            async with database.writing() as connection:
                for voucher_id in behind[at : at + IN_A_TRANSACTION]:
                    more |= await self.catch_up(connection, voucher_id)
        async with database.writing() as connection:
            looked = cursor.looked_until if more else now
            await telling_store.end_turn(connection, Cursor(looked, last or ""), now)
        return more

    async def catch_up(self, connection: AsyncConnection, voucher_id: str) -> bool:
        """Makes messages of what happened to a voucher and has not been told; True if there is more of it."""
        one = await telling_store.subject(connection, voucher_id)
        hooks = () if one is None else await hooks_store.of_tenants(connection, {one.tenant_id})
        if one is None or not hooks:
            return False
        told = await self._tell(connection, one, hooks, await telling_store.told_of(connection, one.id))
        await telling_store.keep_told(connection, one.id, told)
        return told.seq < one.seq

    async def blocked(self, connection: AsyncConnection, voucher_id: str, *, blocked: bool) -> None:
        """Makes messages of a block or its end, in the transaction that sets it; behind all that came before."""
        one = await telling_store.subject(connection, voucher_id)
        hooks = () if one is None else await hooks_store.of_tenants(connection, {one.tenant_id})
        if one is None or not hooks:
            return
        told = await telling_store.told_of(connection, one.id)
        while told.seq < one.seq:
            told = await self._tell(connection, one, hooks, told)
        place = told.messages + 1
        topic = Topic.BLOCKED if blocked else Topic.UNBLOCKED
        body = {"voucher": _voucher(one), "balance": one.balance}
        now = self._house.runtime.clock.now()
        made = [self._message(hook, one.id, place, topic, now, body) for hook in hooks if topic in hook.topics]
        await hooks_store.take(connection, made)
        await telling_store.keep_told(connection, one.id, Told(told.seq, place))

    async def _tell(self, connection: AsyncConnection, one: Subject, hooks: Sequence[Webhook], told: Told) -> Told:
        since = min(hook.created_at for hook in hooks)
        found = await telling_store.lines(connection, one.id, told.seq, one.seq, since, AT_ONCE)
        made = []
        for place, line in enumerate(found, told.messages + 1):
            topic, body = topic_of(line.kind), _body(one, line)
            made += [
                self._message(hook, one.id, place, topic, line.booked_at, body)
                for hook in hooks
                if topic in hook.topics and line.booked_at >= hook.created_at
            ]
        await hooks_store.take(connection, made)
        seq = found[-1].seq if len(found) == AT_ONCE else max(one.seq, told.seq)
        return Told(seq, told.messages + len(found))

    def _message(
        self, hook: Webhook, voucher_id: str, place: int, topic: Topic, at: datetime, body: dict[str, object]
    ) -> Delivery:
        now = self._house.runtime.clock.now()
        return Delivery(
            id=self._house.runtime.ids.new(),
            webhook_id=hook.id,
            voucher_id=voucher_id,
            place=place,
            topic=topic,
            happened_at=at,
            body=body,
            state=DeliveryState.WAITING,
            attempts=0,
            since=now,
            next_at=now,
        )


def _first_id(at: datetime) -> str:
    """The least id that can be made at this moment (RFC 9562, version 7)."""
    return f"{max(0, int(at.timestamp() * 1000)):012x}{'0' * 20}"


def _voucher(one: Subject) -> dict[str, object]:
    return {"id": one.id, "number": masked(one.number), "system": one.system, "currency": one.currency}


def _body(one: Subject, line: Line) -> dict[str, object]:
    """What is told of an entry: no PIN, and no whole number."""
    place = None
    if line.location_number is not None:
        place = {"number": line.location_number, "name": line.location_name}
    return {
        "voucher": _voucher(one),
        "entry": line.seq,
        "reverses": line.reverses,
        "amount": line.amount,
        "balance": line.balance_after,
        "location": place,
        "station": line.station,
        "operator": line.operator,
        "transaction_ref": line.transaction_ref,
        "business_day": line.business_day,
    }
