"""Outcomes as the JSON of the journal, and back. The stage column says which of them it is."""

import json
from typing import Any, assert_never

from tillbridge.domain.card import CardUse, EntryMode
from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    BatchTotal,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
    Side,
)


def write_outcome(outcome: Outcome) -> str:
    """Compact JSON with only what is known; the card is masked long before it comes here (law 7)."""
    match outcome:
        case Approved():
            fields: dict[str, Any] = {
                "minor": outcome.amount.minor,
                "currency": outcome.amount.currency.code,
                "card": _write_card(outcome.card),
                "authorization_code": outcome.authorization_code,
                "contract": outcome.contract,
                "ticket": outcome.ticket,
                "reference": outcome.reference,
                "signature": outcome.signature or None,
                "totals": [_write_total(total) for total in outcome.totals] or None,
            }
        case Declined():
            fields = {"reason": outcome.reason, "wire_reason": outcome.wire_reason, "ticket": outcome.ticket}
        case Aborted():
            fields = {"by": outcome.by, "wire_reason": outcome.wire_reason, "ticket": outcome.ticket}
        case NotStarted() | InDoubt():
            fields = {"reason": outcome.reason, "detail": outcome.detail}
        case _:
            assert_never(outcome)
    return json.dumps({name: value for name, value in fields.items() if value is not None}, ensure_ascii=False)


def read_outcome(stage: Stage, text: str) -> Outcome:
    """The outcome that `write_outcome` wrote for an operation in this stage."""
    fields = json.loads(text)
    match stage:
        case Stage.APPROVED:
            amount = Money(fields.pop("minor"), currency(fields.pop("currency")))
            card = _read_card(fields.pop("card", None))
            totals = tuple(_read_total(total) for total in fields.pop("totals", ()))
            return Approved(amount, card, totals=totals, **fields)
        case Stage.DECLINED:
            return Declined(DeclineReason(fields.pop("reason")), **fields)
        case Stage.ABORTED:
            return Aborted(AbortedBy(fields.pop("by")), **fields)
        case Stage.NOT_STARTED:
            return NotStarted(NotStartedReason(fields.pop("reason")), **fields)
        case Stage.IN_DOUBT:
            return InDoubt(DoubtReason(fields.pop("reason")), **fields)
        case Stage.ACCEPTED | Stage.SENDING:
            raise ValueError(f"an operation in stage {stage} has no outcome")
        case _:
            assert_never(stage)


def _write_total(total: BatchTotal) -> dict[str, object]:
    amount = total.amount
    return {"side": total.side, "count": total.count, "minor": amount.minor, "currency": amount.currency.code}


def _read_total(fields: dict[str, Any]) -> BatchTotal:
    return BatchTotal(Side(fields["side"]), fields["count"], Money(fields["minor"], currency(fields["currency"])))


def _write_card(card: CardUse | None) -> dict[str, str] | None:
    if card is None:
        return None
    fields = {
        "masked_pan": card.masked_pan,
        "entry_mode": card.entry_mode,
        "application": card.application,
        "aid": card.aid,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _read_card(fields: dict[str, str] | None) -> CardUse | None:
    if fields is None:
        return None
    mode = fields.pop("entry_mode", None)
    return CardUse(entry_mode=None if mode is None else EntryMode(mode), **fields)
