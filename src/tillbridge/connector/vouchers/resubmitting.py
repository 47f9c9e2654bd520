"""Tells a portal that was restored from a backup what it had answered (docs/reference/voucher-sealing.md, section 4).

The portal says since when, and how far this connector has come; the journal is told from there, so many actions at a
time. Where the line drops it is gone on with at the next question, and what is told twice counts once there.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from tillbridge.connector.vouchers.journal import Journal
from tillbridge.connector.vouchers.model import Action, Kind, State
from tillbridge.connector.vouchers.way import Way
from tillbridge.link.recovery_messages import (
    MOST_LINES,
    RecoveryFacts,
    Resubmission,
    ToldAction,
    ToldKind,
    ToldState,
)

_STATES: Final = {
    State.DONE: ToldState.BOOKED,
    # What is queued is sent by itself, and finds what was booked again.
    State.CONFIRM_QUEUED: ToldState.BOOKED,
    State.PUTBACK_QUEUED: ToldState.BOOKED,
    State.REVERSE_QUEUED: ToldState.BOOKED,
    State.CONFIRMED: ToldState.CONFIRMED,
    State.PUTBACK_DONE: ToldState.TAKEN_BACK,
    State.REVERSED: ToldState.TAKEN_BACK,
}
"""What was answered, and what became of it. Of everything else the portal never said that it was booked."""

log = structlog.get_logger(__name__)


class Resubmitter:
    """Of one journal, over one way."""

    def __init__(self, journal: Journal, way: Way) -> None:
        self._journal = journal
        self._way = way

    async def recover(self) -> bool:
        """Tells what the portal wants to hear; whether it lets nothing be taken because it still hears from others.

        `BridgeError` as `Way`: what was told by then counts, and the rest is told the next time.
        """
        portal = self._way.portal
        if portal is None:
            return False
        facts = await self._way.recovery(self._journal.newest_answered(portal))
        while facts.id is not None and not facts.told:
            facts = await self._tell(portal, facts.id, facts)
        return facts.recovering

    async def _tell(self, portal: str, recovery: str, facts: RecoveryFacts) -> RecoveryFacts:
        found: list[ToldAction] = []
        after: int | None = facts.after
        while after is not None and len(found) <= MOST_LINES:
            rows, after = self._journal.answered_page(portal, facts.since, after)
            found += _told(rows)
            await asyncio.sleep(0)  # whatever else this connector does goes on
        said = Resubmission(actions=tuple(found[:MOST_LINES]), last=after is None and len(found) <= MOST_LINES)
        answer = await self._way.tell(recovery, said)
        log.warning("voucher_told_again", actions=len(said.actions), last=said.last)
        return answer


def _told(rows: Sequence[tuple[int, Action]]) -> list[ToldAction]:
    return [one for place, action in rows if (one := _of(place, action)) is not None]


def _of(place: int, action: Action) -> ToldAction | None:
    state = _STATES.get(action.state)
    # Of what was taken without a connection the portal had taken what was there, and no more.
    taken = (action.taken or 0) - (action.loss or 0)
    if state is None or taken <= 0 or action.untold or action.kind is Kind.NOTHING:
        return None
    return ToldAction(
        place=place,
        key=action.key,
        kind=ToldKind.LOAD if action.kind is Kind.LOAD else ToldKind.REDEEM,
        state=state,
        number=action.number,
        currency=action.currency,
        taken=taken,
        balance=action.balance,
        transaction_ref=action.receipt,
        station=action.station,
        operator=action.operator,
        at=action.begun_at,
    )
