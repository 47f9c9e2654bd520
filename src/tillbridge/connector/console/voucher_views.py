"""What the pages of vouchers show: actions as values that a template only has to write down."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Final

from tillbridge.connector.api.voucher_events import told_with_until
from tillbridge.connector.console.views import Badge, Tone
from tillbridge.connector.console.words import Moment, Words
from tillbridge.connector.vouchers.model import RUNNING, Action, Case, Claim, Decision, Kind, Line, State
from tillbridge.connector.vouchers.providers.asking import Balance, state_of
from tillbridge.connector.vouchers.providers.profile import PinRule, Profile
from tillbridge.connector.vouchers.service import Readiness, VoucherService
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.cashier_vouchers import voucher_text
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.voucher_code import PIN_DIGITS, VoucherCode, masked
from tillbridge.link.voucher_messages import VoucherFacts, VoucherState

TONES: Final[Mapping[State, Tone]] = {
    State.INTENT: Tone.RUNNING,
    State.SENT: Tone.RUNNING,
    State.UNKNOWN: Tone.ALERT,
    State.DONE: Tone.GOOD,
    State.CONFIRM_QUEUED: Tone.RUNNING,
    State.CONFIRMED: Tone.GOOD,
    State.PUTBACK_QUEUED: Tone.RUNNING,
    State.PUTBACK_DONE: Tone.CALM,
    State.REVERSE_QUEUED: Tone.RUNNING,
    State.REVERSED: Tone.CALM,
    State.REFUSED: Tone.BAD,
    State.VOIDED: Tone.CALM,
}
_SPENDABLE: Final = frozenset({VoucherState.LOADED})
_SAID_OF_PROVIDERS: Final = frozenset({State.SENT, State.UNKNOWN, State.CONFIRM_QUEUED, State.PUTBACK_QUEUED})
"""States whose sentence would speak of the portal."""

_PAID: Final = frozenset({State.DONE, State.CONFIRM_QUEUED, State.CONFIRMED})


@dataclass(frozen=True, slots=True)
class Entered:
    """What was scanned and typed; `wrong` is by the name of the field. The PIN is never shown again."""

    code: str = field(default="", repr=False)
    amount: str = ""
    unit: str = ""
    receipt: str = ""
    key: str = ""
    loading: bool = False
    wrong: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VoucherCard:
    """A voucher that was looked up; `has_pin` says that its code carried the PIN."""

    number: str
    badge: Badge
    balance: str
    at: Moment
    has_pin: bool
    spendable: bool
    provider: str = ""
    """The name of another maker's provider, with what it says of the voucher; nothing is loaded there."""
    message: str = ""
    pin_needed: bool = True
    longest_pin: int = PIN_DIGITS


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action. `case` says why a person has to look at it; empty for no reason."""

    key: str
    at: Moment
    kind: str
    number: str
    amount: str
    asked: str
    receipt: str
    badge: Badge
    late: bool
    case: str


@dataclass(frozen=True, slots=True)
class ReceiptCard:
    """A receipt that is still open, with what its vouchers have paid so far."""

    ref: str
    rows: tuple[ActionRow, ...]
    closable: bool
    cancellable: bool = True


@dataclass(frozen=True, slots=True)
class ActionPage:
    """One action with everything that can be said of it, and done about it."""

    row: ActionRow
    sentence: str
    balance: str
    history: tuple[tuple[Moment, str, str], ...]
    running: bool
    can_put_back: bool
    can_reverse: bool
    decisions: tuple[Decision, ...]
    evidence: "Evidence | None" = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What another maker's provider has to do with an action; amounts are empty where nothing is known.

    `final`: it takes nothing back, so the receipt has to be finished.
    """

    name: str
    asked: str
    before: str
    after: str
    at: Moment | None
    said: str
    final: bool


def provider_card(code: VoucherCode, seen: Balance, profile: Profile, words: Words, at: datetime) -> VoucherCard:
    """This voucher of another maker."""
    state = state_of(seen)
    spendable = seen.redeemable and seen.balance > 0
    return VoucherCard(
        f"…{code.number[-4:]}",
        Badge(Tone.GOOD if spendable else Tone.CALM, words.t(f"vouchers.life.{state}")),
        words.amount(Money(seen.balance, currency(profile.currency))),
        words.moment(at),
        code.pin is not None or profile.pin is PinRule.NONE,
        spendable,
        provider=profile.name,
        message=seen.message,
        pin_needed=profile.pin is PinRule.REQUIRED,
        longest_pin=profile.pin_digits,
    )


def voucher_card(facts: VoucherFacts, words: Words, *, has_pin: bool) -> VoucherCard:
    """This voucher."""
    spendable = facts.state in _SPENDABLE
    return VoucherCard(
        masked(facts.number),
        Badge(Tone.GOOD if spendable else Tone.CALM, words.t(f"vouchers.life.{facts.state}")),
        words.amount(Money(facts.balance, currency(facts.currency))),
        words.moment(facts.as_of),
        has_pin,
        spendable,
    )


def action_row(action: Action, case: Case | None, words: Words) -> ActionRow:
    """This action."""
    asked = _amount(action, action.amount, words)
    shown = asked if action.taken is None else _amount(action, action.taken, words)
    return ActionRow(
        key=action.key,
        at=words.moment(action.begun_at),
        kind=words.t(f"vouchers.kind.{action.kind}"),
        number=action.masked,
        amount=shown,
        asked=asked if asked != shown else "",
        receipt=action.receipt,
        badge=Badge(Tone.ALERT if case else TONES[action.state], words.t(_state(action))),
        late=action.late(words.now),
        case="" if case is None else words.t(f"vouchers.case.{case}"),
    )


def receipt_cards(actions: Iterable[Action], words: Words) -> list[ReceiptCard]:
    """Open actions by their receipt, in the order of receipts."""
    by_receipt = sorted(actions, key=lambda one: (one.receipt, one.begun_at))
    cards: list[ReceiptCard] = []
    for ref, group in groupby(by_receipt, key=lambda one: one.receipt):
        found = tuple(group)
        known = all(one.state not in RUNNING for one in found)
        final = any(one.claim is not None and one.state in _PAID and not one.claim.reversible for one in found)
        cards.append(ReceiptCard(ref, tuple(action_row(one, None, words) for one in found), known, not final))
    return cards


def action_page(action: Action, case: Case | None, history: Iterable[Line], words: Words) -> ActionPage:
    """This action with its history."""
    lines = ((words.moment(line.at), words.t(f"vouchers.state.{line.state}"), _signed(line)) for line in history)
    here = case is None and not action.set_aside
    return ActionPage(
        row=action_row(action, case, words),
        sentence=_sentence(action, words),
        balance="" if action.balance is None else _amount(action, action.balance, words),
        history=tuple(lines),
        running=action.state in RUNNING and not action.set_aside and not _decidable(action),
        can_put_back=here and action.kind is Kind.REDEEM and _can_go_back(action),
        can_reverse=here and action.kind is Kind.LOAD and action.state in RUNNING | {State.DONE},
        decisions=_decisions(case),
        evidence=None if action.claim is None else _evidence(action, action.claim, words),
    )


def said(error: BridgeError, words: Words, unit: str) -> str:
    """A refusal as the person at the till reads it, with its figures."""

    def amount(minor: int) -> str:
        return words.amount(Money(minor, currency(unit)))

    told = voucher_text(error, words.t.language, amount, lambda at: words.moment(at).text) if unit else None
    return told or refusal_text(error.code, words.t.language)


def service_sentence(service: VoucherService | None, words: Words) -> str:
    """Why no voucher can be taken now, said before one is scanned; empty where they can, or never could."""
    if service is None or service.trouble is None or service.state is Readiness.NOT_PAIRED:
        return ""
    text = said(told_with_until(service), words, EUR.code)
    return f"{text} {words.t(f'vouchers.cause.{service.cause}')}" if service.cause else text


def _decidable(action: Action) -> bool:
    """Whether all that there is to decide by is on the page."""
    return action.with_person and action.claim is not None and action.claim.looked_at is not None


def _can_go_back(action: Action) -> bool:
    if action.claim is not None:
        return action.state in _PAID and action.claim.reversible
    return action.state in RUNNING | _PAID


def _evidence(action: Action, claim: Claim, words: Words) -> Evidence:
    def amount(minor: int | None) -> str:
        return "" if minor is None else _amount(action, minor, words)

    return Evidence(
        name=f"{claim.prefix} {claim.name}",
        asked=amount(claim.asked),
        before=amount(claim.before),
        after=amount(claim.after),
        at=None if claim.looked_at is None else words.moment(claim.looked_at),
        said=claim.said if action.case is not None else "",
        final=action.state in _PAID and not claim.reversible,
    )


def _decisions(case: Case | None) -> tuple[Decision, ...]:
    match case:
        case None:
            return ()
        case Case.SILENT:
            return (Decision.CONFIRM, Decision.PUT_BACK)
        case Case.PROVIDER_UNKNOWN:
            return (Decision.BOOKED, Decision.NOT_BOOKED)
        case _:
            return (Decision.NOTED,)


def _state(action: Action) -> str:
    loaded = action.kind is Kind.LOAD and action.state is State.DONE
    return "vouchers.state.loaded" if loaded else f"vouchers.state.{action.state}"


def _sentence(action: Action, words: Words) -> str:
    if action.set_aside:
        return words.t("vouchers.say.set_aside")
    if action.state is State.REFUSED and action.refusal is not None:
        return said(action.refusal, words, action.currency)
    if action.untold and action.state in _PAID:
        return words.t("vouchers.say.unchecked")
    if action.loss and action.state in _PAID:
        return words.t("vouchers.say.lost", amount=_amount(action, action.loss, words))
    if action.claim is not None and action.state in _SAID_OF_PROVIDERS:
        return words.t(f"vouchers.provider.say.{action.state}")
    loaded = action.kind is Kind.LOAD and action.state is State.DONE
    return words.t("vouchers.say.loaded" if loaded else f"vouchers.say.{action.state}")


def _signed(line: Line) -> str:
    """Who decided it, and why."""
    by, reason = line.words.get("by"), line.words.get("reason")
    return f"{by}: {reason}" if by and reason else ""


def _amount(action: Action, minor: int, words: Words) -> str:
    return words.amount(Money(minor, currency(action.currency)) if action.currency else None)
