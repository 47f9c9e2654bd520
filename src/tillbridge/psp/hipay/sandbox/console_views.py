"""What the pages of the provider's small console show, in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tillbridge.domain.money import Money
from tillbridge.psp.hipay.sandbox.faults import TIMED, Fault, Switch
from tillbridge.psp.hipay.sandbox.model import Delivery, Message, Mode, Notice, Passed, Transaction
from tillbridge.psp.hipay.sandbox.statuses import CHARGEBACKS, CREDITS, UNDECIDED, Status
from tillbridge.web.words import Moment, Words

_TONES: Final[Mapping[Status, str]] = {
    **dict.fromkeys((Status.AUTHORIZED, Status.CAPTURED, Status.PARTIALLY_CAPTURED, *CREDITS), "good"),
    **dict.fromkeys((Status.REFUSED,), "bad"),
    **dict.fromkeys((*UNDECIDED, Status.CAPTURE_REQUESTED, Status.REFUND_REQUESTED), "running"),
    **dict.fromkeys((Status.REFUND_REFUSED, Status.CAPTURE_REFUSED, *CHARGEBACKS), "alert"),
}

_DELIVERY_TONES: Final[Mapping[Delivery, str]] = {
    Delivery.WAITING: "running",
    Delivery.DELIVERED: "good",
    Delivery.GIVEN_UP: "bad",
}


@dataclass(frozen=True, slots=True)
class Badge:
    """A state in a word, with the tone that the icon and the colour have."""

    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """A line of the list."""

    reference: str
    order_id: str
    at: Moment
    mode: str
    badge: Badge
    amount: str
    refunded: str


@dataclass(frozen=True, slots=True)
class Offers:
    """What may be done with a transaction now; amounts are what would be left to do."""

    capture: str | None
    refund: str | None
    cancel: bool
    collect: bool
    chargeback: bool
    answer: bool

    @property
    def any(self) -> bool:
        """Whether anything may be done at all."""
        return bool(self.capture or self.refund or self.cancel or self.collect or self.chargeback or self.answer)


@dataclass(frozen=True, slots=True)
class StepRow:
    """A line of a history."""

    at: Moment
    badge: Badge
    kind: str
    operation_id: str
    amount: str


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notification."""

    seq: int
    reference: str
    order_id: str
    made: Moment
    status: Badge
    delivery: Badge
    attempts: str
    said: str


@dataclass(frozen=True, slots=True)
class MessageRow:
    """What our own receiver was told."""

    seq: int
    at: Moment
    receiver: str
    mid: str
    kind: str
    order_id: str
    amount: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A switch. `state` says how often it still acts; None while it is off."""

    name: str
    means: str
    timed: bool
    state: str | None


def status_badge(status: Status, words: Words) -> Badge:
    """A status in words, with its number."""
    return Badge(_TONES.get(status, "calm"), f"{int(status)} {words.t(f'status.{int(status)}')}")


def transaction_row(one: Transaction, words: Words) -> TransactionRow:
    """A line of the list."""
    refunded = words.amount(Money(one.sums.refunded, one.currency)) if one.sums.refunded else ""
    return TransactionRow(
        one.reference,
        one.order_id,
        words.moment(one.created),
        words.t(f"mode.{one.mode}"),
        status_badge(one.status, words),
        words.amount(one.amount),
        refunded,
    )


def facts(one: Transaction, words: Words) -> list[tuple[str, str]]:
    """Everything that is known of a transaction, by name."""
    sums, asked = one.sums, one.asked
    amounts = {
        "asked": one.amount.minor,
        "authorized": sums.authorized,
        "captured": sums.captured,
        "refunded": sums.refunded,
        "credited": sums.credited,
    }
    found = [("reference", one.reference), ("order", one.order_id), ("mode", words.t(f"mode.{one.mode}"))]
    found += [(name, words.amount(Money(minor, one.currency))) for name, minor in amounts.items()]
    found += [
        ("created", words.moment(one.created).text),
        ("mid", one.mid),
        ("acquirer_reference", one.acquirer_reference),
        ("description", asked.get("description", "")),
        ("terminal", asked.get("payment_terminal_id", "")),
        ("email", asked.get("email", "")),
        ("custom_data", asked.get("custom_data", "")),
    ]
    return [(words.t(f"fact.{name}"), text) for name, text in found if text]


def offers(one: Transaction, words: Words) -> Offers:
    """What may be done with it now."""
    sums = one.sums
    to_capture = sums.authorized - sums.captured
    capturable = one.status in (Status.AUTHORIZED, Status.PARTIALLY_CAPTURED, Status.CAPTURE_REFUSED)
    to_refund = sums.captured - sums.refunded
    return Offers(
        words.amount(Money(to_capture, one.currency)) if capturable and to_capture > 0 else None,
        words.amount(Money(to_refund, one.currency)) if to_refund > 0 else None,
        one.status in (Status.AUTHORIZED, Status.AWAITING_TERMINAL),
        one.status is Status.AUTHORIZED and one.mode is Mode.PASSIVE,
        sums.captured > 0 and one.status not in CHARGEBACKS,
        one.status in UNDECIDED,
    )


def step_row(passed: Passed, one: Transaction, words: Words) -> StepRow:
    """A line of a history."""
    amount = "" if passed.minor is None else words.amount(Money(passed.minor, one.currency))
    kind = words.t(f"kind.{passed.kind}") if passed.kind else ""
    return StepRow(words.moment(passed.at), status_badge(passed.status, words), kind, passed.operation_id, amount)


def notice_row(notice: Notice, words: Words) -> NoticeRow:
    """A notification."""
    delivery = Badge(_DELIVERY_TONES[notice.delivery], words.t(f"delivery.{notice.delivery}"))
    return NoticeRow(
        notice.seq,
        notice.reference,
        notice.order_id,
        words.moment(notice.made),
        status_badge(notice.status, words),
        delivery,
        words.count(notice.attempts),
        notice.said,
    )


def message_row(message: Message, words: Words) -> MessageRow:
    """What our own receiver was told."""
    return MessageRow(
        message.seq,
        words.moment(message.at),
        message.receiver,
        message.mid,
        message.kind,
        message.order_id,
        words.amount(message.amount) if message.amount is not None else "",
        message.reference,
    )


def fault_rows(on: Mapping[Fault, Switch], words: Words) -> list[FaultRow]:
    """Every switch, those that are on before the others."""
    ordered = sorted(Fault, key=lambda one: one not in on)
    return [FaultRow(one, words.t(f"fault.{one}"), one in TIMED, _state(on.get(one), words)) for one in ordered]


def _state(switch: Switch | None, words: Words) -> str | None:
    if switch is None:
        return None
    if switch.times is None:
        return words.t("faults.on")
    return words.t("faults.on_for", times=words.count(switch.times))
