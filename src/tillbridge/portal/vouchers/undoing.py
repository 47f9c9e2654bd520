"""What may become of an action by its key: confirmed, put back, reversed (docs/reference/vouchers.md, section 5).

Nothing stops money going back: neither a block nor a cap nor a licence nor a switch is asked about. A key that was
never seen gets a mark instead, so that its request, should it come later, moves nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import Occasion, Posting
from tillbridge.portal.vouchers.knowing import Known
from tillbridge.portal.vouchers.model import KeptOperation, OperationKind, Undo, Undoing, scope_of
from tillbridge.runtime.effects import Ids


@dataclass(frozen=True, slots=True)
class Outcome:
    """The action as it is now, what is booked for it, and the refusal that is said although it is written."""

    kept: KeptOperation
    posting: Posting | None = None
    refusal: BridgeError | None = None


def undone(wish: Undoing, known: Known, now: datetime, ids: Ids) -> Outcome:
    """What comes of it.

    `BridgeError`: RECORD_UNKNOWN for a confirmation of what was never seen; RECORD_CONFLICT for a put-back of a load or
    the reversal of a redemption; VOUCHER_LOAD_SPENT for a load of which something is used.
    """
    kept = known.operations.get(scope_of(wish))
    if wish.how is Undo.CONFIRM:
        return _confirmed(kept, now)
    if kept is None:
        return Outcome(_mark(wish, now, ids.new()))
    _must_fit(wish.how, kept.kind)
    match kept.state:
        case OperationState.INTERIM | OperationState.CONFIRMED:
            return _taken_back(kept, OperationState.PUT_BACK, known, now, ids)
        case OperationState.LOADED:
            return _taken_back(kept, OperationState.REVERSED, known, now, ids)
        case OperationState.PUT_BACK | OperationState.REVERSED | OperationState.REFUSED | OperationState.VOIDED:
            return Outcome(kept)
        case OperationState.NOT_SEEN:
            raise ValueError(f"action {kept.id} is stored as not seen")
        case _:
            assert_never(kept.state)


def _confirmed(kept: KeptOperation | None, now: datetime) -> Outcome:
    if kept is None:
        raise BridgeError(Code.RECORD_UNKNOWN, "no action with this key has been seen", place="key")
    match kept.state:
        case OperationState.INTERIM:
            return Outcome(replace(kept, state=OperationState.CONFIRMED, closed_at=now))
        case OperationState.CONFIRMED:
            return Outcome(kept)
        case OperationState.PUT_BACK | OperationState.VOIDED:
            # The till says paid and the guest has the money back: the first such word is kept for a person to look at.
            noted = kept if kept.contested_at is not None else replace(kept, contested_at=now)
            return Outcome(noted, refusal=BridgeError(Code.VOUCHER_ORDER))
        case OperationState.LOADED | OperationState.REVERSED | OperationState.REFUSED | OperationState.NOT_SEEN:
            raise BridgeError(Code.RECORD_CONFLICT, f"this action is {kept.state.value}", place="key")
        case _:
            assert_never(kept.state)


def _taken_back(kept: KeptOperation, state: OperationState, known: Known, now: datetime, ids: Ids) -> Outcome:
    original = known.originals[kept.id]
    account = known.accounts[original.entry.voucher_id]
    system_id = known.vouchers[account.voucher_id].system_id
    at = Occasion(
        location_id=kept.location_id,
        business_day=business_day(now, known.zones[system_id]),
        booked_at=now,
        station=original.entry.at.station,
        operator=original.entry.at.operator,
        transaction_ref=kept.transaction_ref,
    )
    # What the office took back before, in part or in whole, is not given twice.
    posting = book.take_back(account, original, original.left, at, ids.new()) if original.left else None
    return Outcome(replace(kept, state=state, closed_at=now), posting)


def _must_fit(how: Undo, kind: OperationKind) -> None:
    """A redemption is put back and a load reversed; who mixes them up means another action."""
    if (how, kind) in {(Undo.PUT_BACK, OperationKind.LOAD), (Undo.REVERSE, OperationKind.REDEEM)}:
        said = "a redemption is put back, a load is reversed"
        raise BridgeError(Code.RECORD_CONFLICT, said, place="key")


def _mark(wish: Undoing, now: datetime, operation_id: str) -> KeptOperation:
    return KeptOperation(
        id=operation_id,
        location_id=wish.at.location_id,
        key=wish.key,
        kind=OperationKind.UNKNOWN,
        body_mac=None,
        state=OperationState.VOIDED,
        voucher_id=None,
        taken=0,
        transaction_ref="",
        status=None,
        answer=None,
        created_at=now,
    )
