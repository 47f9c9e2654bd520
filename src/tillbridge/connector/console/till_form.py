"""What a cashier enters to take a payment: the form, and the request that it becomes."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tillbridge.connector.console.settling import one_line
from tillbridge.connector.console.views import Badge, terminal_card
from tillbridge.connector.console.words import Words
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE, Money, currency, parse_major
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import Payment, PaymentRequest, TerminalStatus

CALLER: Final = "console:till"
"""Whoever is signed in at the console is one till; keys are matched within it."""

DOOR: Final = "console"

LONGEST_ORDER: Final = 64
"""Characters of an order number, as in the native interface."""

AT_TILL: Final = (Kind.SALE, Kind.REFUND, Kind.AUTHORIZATION, Kind.CAPTURE, Kind.VOID)
"""What the till page takes, in the order of its tabs."""

GOES_BACK: Final = frozenset({Kind.CAPTURE, Kind.VOID})
"""Kinds that make no sense without an earlier payment; a refund does."""

_KEY: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TillForm:
    """What was entered, as it was entered, with what is wrong by the name of its field.

    `key` names the payment that this form is: sent twice, it is still one payment. `standing` is a payment that stands
    in the way.
    """

    kind: Kind
    key: str
    terminal: str = ""
    amount: str = ""
    unit: str = ""
    order: str = ""
    parent: Payment | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    standing: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A terminal that can do it, and whether it is free to."""

    name: str
    badge: Badge
    why: str
    chosen: bool


def kind_of(text: str | None) -> Kind:
    """The tab that was asked for; a sale for anything else."""
    return next((kind for kind in AT_TILL if kind == text), Kind.SALE)


def blank(kind: Kind, key: str, parent: Payment | None, unit: str, words: Words) -> TillForm:
    """The form before anything was entered. What goes back to a payment starts from that payment's money."""
    if parent is None:
        return TillForm(kind, key, unit=unit)
    money = approved_money(parent)
    amount = "" if money is None else money.major(words.t("format.decimal"))
    return TillForm(kind, key, parent.terminal, amount, unit if money is None else money.currency.code, "", parent)


def approved_money(payment: Payment) -> Money | None:
    """What the terminal approved of a payment, else what was asked of it."""
    return payment.outcome.amount if isinstance(payment.outcome, Approved) else payment.amount


def read(form: Mapping[str, str], parent: Payment | None, words: Words) -> tuple[TillForm, Money | None]:
    """What was entered, and the money that it means; `wrong` is empty where it may be asked for.

    `BridgeError(BODY_INVALID)` for what no page of ours sends.
    """
    kind, key = kind_of(form.get("kind")), form.get("key", "")
    if _KEY.fullmatch(key) is None:
        raise BridgeError(Code.BODY_INVALID, "the form carries no key")
    entered = TillForm(
        kind,
        key,
        parent.terminal if parent is not None else form.get("terminal", ""),
        form.get("amount", ""),
        form.get("unit", ""),
        one_line(form.get("order", "")),
        parent,
    )
    if kind is Kind.VOID:
        return entered, None
    wrong: dict[str, str] = {}
    money = _money(entered)
    if money is None:
        wrong["amount"] = words.t("till.wrong.amount")
    if not entered.terminal:
        wrong["terminal"] = words.t("till.wrong.terminal")
    if len(entered.order) > LONGEST_ORDER:
        wrong["order"] = words.t("error.too_long", limit=LONGEST_ORDER)
    return replace(entered, wrong=wrong), money


def request_of(form: TillForm, money: Money | None) -> PaymentRequest:
    """What the engine is asked for."""
    parent = None if form.parent is None else form.parent.id
    meaning = "\n".join((form.kind, form.terminal, str(money), form.order, parent or ""))
    return PaymentRequest(
        kind=form.kind,
        amount=money,
        caller=CALLER,
        door=DOOR,
        terminal=form.terminal,
        order_id=form.order or None,
        key=form.key,
        fingerprint=hashlib.sha256(meaning.encode()).hexdigest(),
        parent=parent,
    )


def choices(form: TillForm, terminals: Sequence[TerminalStatus], words: Words) -> list[Choice]:
    """The terminals that can do it. The one that was chosen stays so; else the first that is free."""
    able = [one for one in terminals if can(one, form.kind, linked=form.parent is not None)]
    if form.parent is not None:
        able = [one for one in able if one.name == form.parent.terminal]
    named = next((one.name for one in able if one.name == form.terminal), None)
    free = next((one.name for one in able if one.occupied_by is None), None)
    first = named or free or (able[0].name if able else None)
    cards = [terminal_card(one, words) for one in able]
    return [Choice(card.name, card.badge, card.why, card.name == first) for card in cards]


def can(terminal: TerminalStatus, kind: Kind, *, linked: bool) -> bool:
    """Whether a terminal can run this kind, with or without an earlier payment named."""
    able = terminal.capabilities
    return kind in able.kinds and (linked or kind not in able.linked)


def units(terminals: Sequence[TerminalStatus]) -> list[str]:
    """The currencies that at least one terminal takes."""
    if any(one.capabilities.currencies is None for one in terminals):
        return sorted(BY_CODE)
    return sorted({code for one in terminals for code in one.capabilities.currencies or ()})


def _money(form: TillForm) -> Money | None:
    try:
        money = parse_major(form.amount, currency(form.unit))
    except BridgeError:
        return None
    return money if money.minor > 0 else None
