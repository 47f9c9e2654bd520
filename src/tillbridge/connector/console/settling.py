"""The form by which a named person settles a payment in doubt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from unicodedata import category

from tillbridge.connector.console.words import Words
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import Money, parse_major
from tillbridge.engine.engine import MAX_PERSON_TEXT
from tillbridge.protocols.contract import Payment

ANSWERS: Final = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person entered, as it was entered, with what is wrong by the name of its field."""

    taken: bool
    by: str = ""
    reason: str = ""
    amount: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)
    money: Money | None = None


def blank(payment: Payment, words: Words, *, taken: bool) -> Verdict:
    """The form before anything was entered. The amount stands there already, to be compared with the slip."""
    return Verdict(taken, amount="" if payment.amount is None else payment.amount.major(words.t("format.decimal")))


def read_verdict(payment: Payment, form: Mapping[str, str], words: Words, *, taken: bool) -> Verdict:
    """What was entered; `wrong` is empty where it may go to the journal."""
    by, reason = one_line(form.get("by", "")), one_line(form.get("reason", ""))
    wrong = {name: words.t(f"error.{name}") for name, text in (("by", by), ("reason", reason)) if not text}
    for name, text in (("by", by), ("reason", reason)):
        if len(text) > MAX_PERSON_TEXT:
            wrong[name] = words.t("error.too_long", limit=MAX_PERSON_TEXT)
    amount = form.get("amount", "")
    money = _money(payment, amount) if taken else None
    if taken and money is None:
        asked = words.amount(payment.amount)
        wrong["amount"] = words.t("error.amount", amount=asked)
    return Verdict(taken, by, reason, amount, wrong, money)


def one_line(text: str) -> str:
    """Without control characters, which the journal's other readers (a console, a log) would act on."""
    return " ".join("".join(" " if category(one) == "Cc" else one for one in text).split())


def _money(payment: Payment, text: str) -> Money | None:
    """The amount of the slip; None where it is no amount, nothing, or more than was asked."""
    asked = payment.amount
    if asked is None:
        return None
    try:
        money = parse_major(text, asked.currency)
    except BridgeError:
        return None
    return money if 0 < money.minor <= asked.minor else None
