"""What becomes of an action that nobody can tell about: after a break, and by a person's word."""

from datetime import datetime

from tillbridge.connector.vouchers.model import Action, Case, Decision, State
from tillbridge.connector.vouchers.moves import NOTHING_NEW, Found
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError


def broken_off(action: Action) -> tuple[State, Found]:
    """Where an action goes on that was broken off. Of our own portal the same key can always be asked again.

    A provider was asked for nothing as long as only the intent is written; once it is written as sent, it may have it.
    """
    if action.claim is None:
        return State.UNKNOWN, NOTHING_NEW
    if action.state is State.INTENT:
        members = {"provider": action.claim.name}
        return State.REFUSED, Found(refusal=BridgeError(Code.PROVIDER_DOWN, "nothing was sent", members=members))
    return State.UNKNOWN, Found(case=None if action.claim.idempotent else Case.PROVIDER_UNKNOWN)


def settles(action: Action, decision: Decision, now: datetime) -> tuple[State, datetime, Found]:
    """Where a person's word takes it. `BridgeError(FIELD_INVALID)`: with neither of the two words it stays open."""
    claim = action.claim
    match decision:
        case Decision.BOOKED if claim is not None:
            return State.DONE, now, Found(taken=claim.asked or action.amount, balance=claim.after)
        case Decision.NOT_BOOKED if claim is not None:
            refusal = BridgeError(Code.PROVIDER_REFUSED, "a person has found out", members={"provider": claim.name})
            return State.REFUSED, now, Found(refusal=refusal)
        case _:
            raise BridgeError(Code.FIELD_INVALID, "it was booked, or it was not", place="decision")
