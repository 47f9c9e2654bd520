"""Slips of vouchers from what the desk knows: nothing is said on paper that the portal has not confirmed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, assert_never

from tillbridge.connector.vouchers.model import Action, Kind, Line, State
from tillbridge.connector.vouchers.providers.asking import Balance, state_of
from tillbridge.domain.money import Money, currency
from tillbridge.domain.voucher_code import masked
from tillbridge.domain.voucher_slip import SlipKind, VoucherSlip
from tillbridge.link.voucher_messages import VoucherFacts


def slip_of_facts(facts: VoucherFacts, location: str) -> VoucherSlip:
    """What is on a voucher, as the portal has just said it."""
    balance = Money(facts.balance, currency(facts.currency))
    state = facts.state.value
    return VoucherSlip(SlipKind.BALANCE, masked(facts.number), facts.as_of, balance, state=state, location=location)


def slip_of_balance(number: str, seen: Balance, unit: str, at: datetime, location: str) -> VoucherSlip:
    """What is on a voucher of another maker, as its provider has just said it."""
    balance, state = Money(seen.balance, currency(unit)), state_of(seen).value
    return VoucherSlip(SlipKind.BALANCE, f"…{number[-4:]}", at, balance, state=state, location=location)


def slip_of_action(action: Action, history: Sequence[Line], location: str) -> VoucherSlip:
    """What an action came to. Only what was booked has a balance: the one that was told with it, at that moment."""
    kind = SlipKind.UNCHECKED if action.untold and action.state in _PAID else _kind(action)
    minor = action.amount if kind is SlipKind.GOING_BACK and action.taken is None else action.taken
    confirmed = kind in {SlipKind.REDEEMED, SlipKind.LOADED}
    booked = [line.at for line in history if line.state is State.DONE]
    return VoucherSlip(
        kind=kind,
        number=action.masked,
        at=booked[-1] if confirmed and booked else action.changed_at,
        balance=_money(action, action.balance) if confirmed else None,
        amount=None if kind in {SlipKind.NOT_KNOWN, SlipKind.NOTHING} else _money(action, minor),
        location=location,
        receipt=action.receipt,
        key=action.key,
    )


_PAID: Final = frozenset({State.DONE, State.CONFIRM_QUEUED})


def _kind(action: Action) -> SlipKind:
    match action.state:
        case State.INTENT | State.SENT | State.UNKNOWN:
            return SlipKind.NOT_KNOWN
        case State.DONE | State.CONFIRM_QUEUED | State.CONFIRMED:
            return SlipKind.LOADED if action.kind is Kind.LOAD else SlipKind.REDEEMED
        case State.PUTBACK_QUEUED:
            return SlipKind.GOING_BACK
        case State.PUTBACK_DONE:
            return SlipKind.BACK
        case State.REVERSE_QUEUED:
            return SlipKind.NOT_KNOWN
        case State.REVERSED:
            return SlipKind.REVERSED
        case State.REFUSED | State.VOIDED:
            return SlipKind.NOTHING
        case _:
            assert_never(action.state)


def _money(action: Action, minor: int | None) -> Money | None:
    return None if minor is None or not action.currency else Money(minor, currency(action.currency))
