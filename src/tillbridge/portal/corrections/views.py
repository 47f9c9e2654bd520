"""Corrections as pages show and read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import parse_major
from tillbridge.domain.voucher_code import masked
from tillbridge.portal.corrections.model import TAKES_BACK, Correction, Failure, Kind, Listed, Reversible, State, Wanted
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.locations.views import Badge
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers.batches_model import Happened, grouped
from tillbridge.portal.vouchers.systems_model import VoucherSystem
from tillbridge.web.language import Catalogue
from tillbridge.web.words import Moment, Words

LONGEST_AMOUNT: Final = 20
LONGEST_CODE: Final = 512

_TONES: Final[Mapping[State, str]] = {
    State.OPEN: "running",
    State.BOOKED: "good",
    State.REFUSED: "bad",
    State.FAILED: "alert",
    State.WITHDRAWN: "calm",
    State.EXPIRED: "calm",
}

_FIELD: Final[Mapping[Failure, str]] = {
    **dict.fromkeys((Failure.FUNDS, Failure.SPENT, Failure.TAKEN_BACK, Failure.CAP, Failure.AMOUNT), "amount"),
    **dict.fromkeys((Failure.TARGET, Failure.COUNTRY), "target"),
}
"""The field that a failure is about; the others are about the voucher as a whole."""

_WRONG: Final = {
    "reason": "vouchers.wrong.reason",
    "location": "corrections.wrong.location",
    "original": "corrections.wrong.original",
    "target": "corrections.wrong.target",
}

_SIGNS: Final[Mapping[Kind, str]] = {
    Kind.MORE: "+",
    Kind.PUT_BACK: "+",
    Kind.LESS: "\N{MINUS SIGN}",
    Kind.REVERSE: "\N{MINUS SIGN}",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A request in a list. `amount` is "" where there is none."""

    one: Correction
    number: str
    kind: str
    amount: str
    at: Moment
    state: Badge


@dataclass(frozen=True, slots=True)
class Line:
    """An entry of the voucher beside a request."""

    one: Happened
    at: Moment
    amount: str
    after: str


def sees_whole(person: Person) -> bool:
    """Whether this reader may see whole numbers."""
    return person.may(Area.VOUCHER_CODES, Action.EDIT)


def number_for(person: Person, number: str) -> str:
    """A number as this reader may see it."""
    return grouped(number) if sees_whole(person) else masked(number)


def state_badge(t: Catalogue, state: State) -> Badge:
    """A request's state in one word."""
    return Badge(_TONES[state], t(f"corrections.state.{state}"))


def money(words: Words, one: Correction, code: str) -> str:
    """What a request is about, with its sign where the balance changes; "" for none."""
    return f"{_SIGNS.get(one.kind, '')}{amount(words, one.amount, code)}" if one.amount else ""


def row(words: Words, person: Person, listed: Listed, code: str, now: datetime) -> Row:
    """A request of a list."""
    one = listed.one
    return Row(
        one,
        number_for(person, listed.number),
        words.t(f"corrections.kind.{one.kind}"),
        money(words, one, code),
        words.moment(one.requested_at),
        state_badge(words.t, one.state_at(now)),
    )


def line(words: Words, one: Happened, code: str) -> Line:
    """An entry beside a request."""
    sign = "+" if one.amount > 0 else ""
    after = amount(words, one.balance_after, code)
    return Line(one, words.moment(one.booked_at), f"{sign}{amount(words, one.amount, code)}", after)


def choice_of(words: Words, one: Reversible, code: str) -> str:
    """An entry in a list to choose from: when, where, how much, and what of it can be taken back."""
    parts = [
        words.t("vouchers.history.seq", seq=one.seq),
        words.moment(one.booked_at).text,
        *filter(None, [one.location]),
        amount(words, one.amount, code),
    ]
    if one.receipt:
        parts.append(words.t("vouchers.history.receipt", name=one.receipt))
    if one.free != one.amount:
        parts.append(words.t("corrections.original.free", amount=amount(words, one.free, code)))
    return " · ".join(parts)


def read_wanted(
    form: Mapping[str, str], kind: Kind, system: VoucherSystem, entries: tuple[Reversible, ...]
) -> tuple[Wanted, dict[str, str]]:
    """A request as it was entered, and for each field that cannot be read the key of a text that says so.

    No amount means all that can be taken back of an entry.
    """
    wrong: dict[str, str] = {}
    chosen = next((one for one in entries if one.entry_id == form.get("original", "")), None)
    entered, minor = form.get("amount", "").strip(), 0
    if kind in TAKES_BACK and not entered:
        minor = 0 if chosen is None else chosen.free
    elif kind in {*TAKES_BACK, Kind.MORE, Kind.LESS}:
        try:
            minor = parse_major(entered[:LONGEST_AMOUNT], system.unit).minor
        except BridgeError:
            wrong["amount"] = "vouchers.wrong.amount"
    seq = form.get("seq", "")
    wanted = Wanted(
        kind=kind,
        reason=form.get("reason", ""),
        seen_seq=int(seq) if seq.isascii() and seq.isdigit() and len(seq) < len("1000000000") else -1,
        amount=minor,
        original_id=None if chosen is None else chosen.entry_id,
        target=form.get("target", "")[: LONGEST_CODE + 1],
        location_id=form.get("location"),
    )
    return wanted, wrong


def wrong_of(error: BridgeError) -> dict[str, str]:
    """The key of the text for the field that an error is about; the error itself if the form has no such field."""
    if error.place not in _WRONG:
        raise error
    return {error.place: _WRONG[error.place]}


def stands_in_the_way(failure: Failure) -> dict[str, str]:
    """The key of the text for what stands in the way, by the field that it is about ("voucher" for none)."""
    return {_FIELD.get(failure, "voucher"): f"corrections.failure.{failure}"}
