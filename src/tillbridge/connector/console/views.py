"""What the pages show: payments and terminals as values that a template only has to write down."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from tillbridge.connector.console.words import Moment, Words
from tillbridge.domain.cashier_texts import outcome_text, running_text
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind, Progress, Stage
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import AbortSupport, Capabilities, HealthState, Payment, Recovery, TerminalStatus


class Tone(StrEnum):
    """How a state looks; the words beside it say the same, so that nobody needs the colour."""

    GOOD = "good"
    BAD = "bad"
    CALM = "calm"
    ALERT = "alert"
    RUNNING = "running"


TONES: Final = {
    Stage.ACCEPTED: Tone.RUNNING,
    Stage.SENDING: Tone.RUNNING,
    Stage.APPROVED: Tone.GOOD,
    Stage.DECLINED: Tone.BAD,
    Stage.ABORTED: Tone.CALM,
    Stage.NOT_STARTED: Tone.CALM,
    Stage.IN_DOUBT: Tone.ALERT,
}

WORTH_EXPLAINING: Final = frozenset({HealthState.BUSY, HealthState.SILENT, HealthState.UNREACHABLE})
"""States in which a technician wants to know what exactly was seen."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A state in a word."""

    tone: Tone
    text: str


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """One line of the list. `asked` is there only where less was approved; `say` is read out when the line changes.

    `plain` and `unit` are the amount as a form takes it.
    """

    id: str
    at: Moment
    kind: str
    order: str | None
    terminal: str
    amount: str
    asked: str | None
    badge: Badge
    say: str
    plain: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class TerminalCard:
    """One terminal: its state, and why it is in it. `payment_id` is what occupies it, `detail` is for a technician."""

    name: str
    driver: str
    badge: Badge
    why: str
    payment_id: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class DoubtCard:
    """A payment in doubt, with what is needed to settle it. `asking`: the terminal is still being asked."""

    id: str
    name: str
    amount: str
    terminal: str
    at: Moment
    order: str | None
    sentence: str
    asking: bool
    say: str


def badge(payment: Payment, words: Words) -> Badge:
    """The payment's state."""
    return Badge(TONES[payment.stage], words.standing(payment))


def approved_in_part(payment: Payment) -> bool:
    """Whether less was approved than was asked for."""
    asked = payment.amount
    return asked is not None and isinstance(payment.outcome, Approved) and payment.outcome.amount != asked


def sentence(payment: Payment, words: Words) -> str:
    """What happened, in one plain sentence."""
    if payment.outcome is None:
        return running_text(words.t.language)
    return outcome_text(payment.kind, payment.outcome, words.t.language, in_part=approved_in_part(payment))


def payment_row(payment: Payment, words: Words) -> PaymentRow:
    """The payment as a line of the list."""
    state = badge(payment, words)
    in_part = approved_in_part(payment)
    counted = _counted(payment)
    return PaymentRow(
        id=payment.id,
        at=words.moment(payment.accepted_at),
        kind=words.kind(payment.kind),
        order=payment.order_id,
        terminal=payment.terminal,
        amount=words.amount(counted),
        asked=words.amount(payment.amount) if in_part else None,
        badge=state,
        say=f"{words.name(payment)}, {payment.terminal}: {state.text}",
        plain="" if counted is None else counted.major(words.t("format.decimal")),
        unit="" if counted is None else counted.currency.code,
    )


def _counted(payment: Payment) -> Money | None:
    """The money that a line of the list shows; a reconciliation moves none."""
    if isinstance(payment.outcome, Approved) and payment.kind is not Kind.RECONCILIATION:
        return payment.outcome.amount
    return payment.amount


def terminal_card(status: TerminalStatus, words: Words) -> TerminalCard:
    """The terminal with its state and the reason for it."""
    payment = status.occupied_by
    if payment is None:
        state, why = unoccupied(status.health.state, words)
        detail = status.health.detail if status.health.state in WORTH_EXPLAINING else ""
        return TerminalCard(status.name, status.driver, state, why, None, detail)
    if payment.running:
        state = Badge(Tone.RUNNING, words.t("terminal.busy"))
        why = words.t("terminal.why.busy", payment=words.name(payment), state=words.standing(payment))
    else:
        state = Badge(Tone.ALERT, words.t("terminal.locked"))
        why = words.t("terminal.why.locked", payment=words.name(payment))
    return TerminalCard(status.name, status.driver, state, why, payment.id, "")


def doubt_card(payment: Payment, terminals: Sequence[TerminalStatus], words: Words) -> DoubtCard:
    """The payment in doubt as a call to somebody who can look at the terminal."""
    recovery = {one.name: one.capabilities.recovery for one in terminals}
    return DoubtCard(
        id=payment.id,
        name=words.kind(payment.kind),
        amount=words.amount(payment.amount),
        terminal=payment.terminal,
        at=words.moment(payment.accepted_at),
        order=payment.order_id,
        sentence=sentence(payment, words),
        asking=recovery.get(payment.terminal) is Recovery.BY_ID,
        say=f"{words.stage(payment.stage)}: {words.name(payment)}, {payment.terminal}",
    )


def unoccupied(health: HealthState, words: Words) -> tuple[Badge, str]:
    """How a terminal that nothing of ours occupies looks, and what to do about it."""
    match health:
        case HealthState.READY:
            tone, name = Tone.GOOD, "free"
        case HealthState.BUSY:
            tone, name = Tone.RUNNING, "busy_itself"
        case HealthState.SILENT:
            tone, name = Tone.BAD, "silent"
        case HealthState.UNREACHABLE:
            tone, name = Tone.BAD, "unreachable"
        case HealthState.UNKNOWN:
            tone, name = Tone.CALM, "unknown"
        case _:
            assert_never(health)
    return Badge(tone, words.t(f"terminal.{name}")), words.t(f"terminal.why.{name}")


GOES_ON_WITH: Final = {
    Kind.SALE: (Kind.REFUND, Kind.VOID),
    Kind.CAPTURE: (Kind.REFUND, Kind.VOID),
    Kind.AUTHORIZATION: (Kind.CAPTURE, Kind.VOID),
    Kind.REFUND: (Kind.VOID,),
    Kind.VOID: (),
    Kind.RECONCILIATION: (),
}
"""What a person can do with an approved payment of each kind, where its terminal can."""


TOO_LATE: Final = frozenset({Progress.AWAITING_SIGNATURE, Progress.PRINTING})
"""Progress at which the terminal has decided: a wish to stop would only confuse who stands there."""


def follow_ups(payment: Payment, terminals: Sequence[TerminalStatus]) -> list[Kind]:
    """What can be asked for that goes back to this payment."""
    able = next((one.capabilities for one in terminals if one.name == payment.terminal), None)
    return [] if able is None else onward_from(payment, able)


def onward_from(payment: Payment, able: Capabilities) -> list[Kind]:
    """What a terminal of these capabilities can do with the payment."""
    if payment.stage is not Stage.APPROVED:
        return []
    return [
        kind
        for kind in GOES_ON_WITH[payment.kind]
        if kind in able.kinds and (kind is not Kind.VOID or payment.kind in able.voids)
    ]


def abortable(payment: Payment, terminals: Sequence[TerminalStatus]) -> bool:
    """Whether there is something to stop, and a terminal that can be asked to. What is approved already is not."""
    return (payment.running and payment.progress not in TOO_LATE) and any(
        one.name == payment.terminal and one.capabilities.abort is not AbortSupport.NONE for one in terminals
    )


def awaits_signature(payment: Payment) -> bool:
    """Whether the terminal waits for a person to compare the signature."""
    return payment.running and payment.progress is Progress.AWAITING_SIGNATURE
