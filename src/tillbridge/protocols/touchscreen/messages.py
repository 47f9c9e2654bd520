"""Bodies of the wire, as a till writes requests and reads answers (README, sections 2 and 3).

Every field of an answer is optional. Texts are read leniently; what speaks of money is either read or noted as odd. The
full card number ends here (law 7): `pan` leaves as a masked one, and the expiry date is not read at all.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from tillbridge.domain.card import CardUse, hide_card_numbers, mask
from tillbridge.domain.money import Currency, Money
from tillbridge.domain.outcome import Side
from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.strict_json import JsonObject
from tillbridge.protocols.touchscreen.figures import read_major, read_minor, read_unit
from tillbridge.protocols.touchscreen.profile import (
    AmountStyle,
    CurrencyStyle,
    Envelope,
    IdStyle,
    Op,
    Placement,
    Profile,
)
from tillbridge.protocols.touchscreen.strict_json import read_object

MAX_TEXT: Final = 200
"""Characters of a text that is kept; a status or a message has some dozen."""

MAX_ITEMS: Final = 20
"""Entries of a list that are looked at; a card is verified in two ways at most."""

MAX_COUNT: Final = 10**9
"""Operations in one batch; more is no count."""

_HEX: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NAMESPACE: Final = uuid.UUID("5b1f3c1e-6f0e-5d59-8a35-3c0c6a1f7d20")
"""For references that are no UUID: the same reference always gives the same one."""

_SIDES: Final = (Side.DEBITS, Side.CREDITS, Side.ADJUSTMENTS)


# ---------------------------------------------------------------- requests


def wire_id(reference: str, profile: Profile) -> str:
    """How the wire names the operation with this reference of ours."""
    if profile.id.style is IdStyle.PLAIN:
        return reference
    if _HEX.fullmatch(reference):
        return str(uuid.UUID(reference))
    return str(uuid.uuid5(_NAMESPACE, reference))


@dataclass(frozen=True, slots=True)
class Start:
    """What a start says. `amount` is None for a void and a closing, `parent_id` is the wire's id of what is undone."""

    op: Op
    id: str
    amount: Money | None = None
    parent_id: str | None = None
    sub_merchant: str | None = None


def start_body(start: Start, secret: str, profile: Profile) -> JsonObject:
    """The body that starts an operation."""
    names = profile.request
    inner: JsonObject = {names.id: start.id}
    if start.amount is not None:
        inner[names.amount] = _amount(start.amount, profile)
        inner[names.currency] = _currency(start.amount.currency, profile)
    if start.parent_id is not None:
        inner[names.parent_id] = start.parent_id
    if start.sub_merchant is not None:
        inner[names.sub_merchant] = start.sub_merchant
    nested = profile.operations[start.op].envelope is Envelope.NESTED
    return _with_secret({names.nested: inner} if nested else inner, secret, profile)


def question_body(wire_reference: str, secret: str, profile: Profile) -> JsonObject:
    """The body of `status`, `result` and `cancel`."""
    return _with_secret({profile.request.id: wire_reference}, secret, profile)


def confirm_body(wire_reference: str, secret: str, profile: Profile) -> JsonObject:
    """The body of `confirm`."""
    return question_body(wire_reference, secret, profile) | {profile.request.confirm: profile.ack.value}


def terminal_body(secret: str, profile: Profile) -> JsonObject:
    """The body of `terminal`: asks about the terminal itself and leaves the bank's host alone."""
    return _with_secret({profile.request.check_online: False}, secret, profile)


def _with_secret(body: JsonObject, secret: str, profile: Profile) -> JsonObject:
    if profile.secret.placement is not Placement.BODY:
        return body
    return {profile.secret.field: secret} | body


def _amount(amount: Money, profile: Profile) -> int | str:
    return amount.major() if profile.amount.style is AmountStyle.DECIMAL_TEXT else amount.minor


def _currency(unit: Currency, profile: Profile) -> int | str:
    match profile.currency.style:
        case CurrencyStyle.NUMBER:
            return int(unit.numeric)
        case CurrencyStyle.NUMERIC_TEXT:
            return unit.numeric
        case CurrencyStyle.ALPHA:
            return unit.code


# ---------------------------------------------------------------- answers


@dataclass(frozen=True, slots=True)
class Told:
    """An answer to a start, a status, a confirmation or a cancellation. `flag` is None where it says neither."""

    id: str | None = None
    status: str | None = None
    flag: bool | None = None


@dataclass(frozen=True, slots=True)
class TerminalState:
    """What `terminal` or `info` say: the names are guesses of the profile."""

    identities: tuple[str, ...] = ()
    version: str | None = None
    name: str | None = None
    online: str | None = None


@dataclass(frozen=True, slots=True)
class BatchColumn:
    """One column of a closing's totals, in minor units of the result's currency."""

    side: Side
    count: int
    minor: int


@dataclass(frozen=True, slots=True)
class Result:
    """What `result` says; None is absent, and what is there but cannot be read stands in `odd` by its canonical name.

    `amount` is as the wire has it: minor units, or major units as a Decimal.
    """

    id: str | None = None
    code: str | None = None
    message: str | None = None
    amount: int | Decimal | None = None
    currency: Currency | None = None
    card: CardUse = field(default_factory=CardUse)
    cvm: tuple[str, ...] = ()
    authorization: str | None = None
    reference: str | None = None
    contract: str | None = None
    call_reversal: bool = False
    reversed: bool = False
    totals: tuple[BatchColumn, ...] = ()
    odd: frozenset[str] = frozenset()


def read_told(body: bytes, profile: Profile, flag: Sequence[str] = ()) -> Told:
    """Reads an answer; `flag` names its yes or no. `ProtocolError` for what is no JSON object."""
    found = read_object(body, lenient=True)
    names = profile.answer
    said = _first(found, flag)
    return Told(
        id=_id(_first(found, names.id)),
        status=_text(_first(found, names.status)),
        flag=said if isinstance(said, bool) else None,
    )


def read_terminal(body: bytes, profile: Profile) -> TerminalState:
    """Reads what a terminal says of itself. `ProtocolError` for what is no JSON object."""
    found = read_object(body, lenient=True)
    names = profile.identity
    return TerminalState(
        identities=tuple(text for key in names.terminal_id if (text := _text(found.get(key)))),
        version=_text(_first(found, names.version)),
        name=_text(_first(found, names.name)),
        online=_text(_first(found, profile.answer.online_text)) or _text(_first(found, profile.answer.online)),
    )


def read_result(body: bytes, profile: Profile) -> Result:
    """Reads a result. `ProtocolError` for what is no JSON object."""
    found = read_object(body, lenient=True)
    names = profile.result
    reading = _Reading(found)
    totals = reading.totals(names.totals, profile)
    return Result(
        id=reading.id(profile.answer.id),
        code=reading.text("code", names.code),
        message=_text(_first(found, names.message)),
        amount=reading.amount(names.amount, profile),
        currency=reading.currency(names.currency),
        card=_card(found, profile),
        cvm=reading.texts("cvm", names.cvm),
        authorization=_text(_first(found, names.authorization)),
        reference=_text(_first(found, names.reference)),
        contract=_text(_first(found, names.contract)),
        call_reversal=reading.flag("call_reversal", names.call_reversal),
        reversed=reading.flag("reversed", names.reversed),
        totals=totals,
        odd=frozenset(reading.odd),
    )


class _Reading:
    """Reads fields of one object, and notes those that are there and make no sense."""

    def __init__(self, found: Mapping[str, object]) -> None:
        self._found = found
        self.odd: set[str] = set()

    def id(self, names: Sequence[str]) -> str | None:
        value = _first(self._found, names)
        if value is not None and not isinstance(value, str):
            self.odd.add("id")
        return _id(value)

    def text(self, what: str, names: Sequence[str]) -> str | None:
        value = _first(self._found, names)
        if value is not None and not isinstance(value, str | int):
            self.odd.add(what)
        return _text(value)

    def texts(self, what: str, names: Sequence[str]) -> tuple[str, ...]:
        value = _first(self._found, names)
        if value is None:
            return ()
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or len(items) > MAX_ITEMS or not all(isinstance(one, str) for one in items):
            self.odd.add(what)
            return ()
        return tuple(text for one in items if (text := _text(one)))

    def flag(self, what: str, names: Sequence[str]) -> bool:
        value = _first(self._found, names)
        if value is not None and not isinstance(value, bool):
            self.odd.add(what)
        return value is True

    def amount(self, names: Sequence[str], profile: Profile) -> int | Decimal | None:
        value = _first(self._found, names)
        if value is None:
            return None
        read = read_major(value) if profile.amount.style is AmountStyle.DECIMAL_TEXT else read_minor(value)
        if read is None:
            self.odd.add("amount")
        return read

    def currency(self, names: Sequence[str]) -> Currency | None:
        value = _first(self._found, names)
        if value is None:
            return None
        unit = read_unit(value)
        if unit is None:
            self.odd.add("currency")
        return unit

    def totals(self, names: Sequence[str], profile: Profile) -> tuple[BatchColumn, ...]:
        value = _first(self._found, names)
        if value is None:
            return ()
        if not isinstance(value, dict):
            self.odd.add("totals")
            return ()
        columns = (profile.totals.debits, profile.totals.credits, profile.totals.adjustments)
        read = []
        for side, column in zip(_SIDES, columns, strict=True):
            count, minor = read_minor(_first(value, column.count)), read_minor(_first(value, column.amount))
            if count is None and minor is None and _lacks(value, (*column.count, *column.amount)):
                continue
            if count is None or minor is None or count > MAX_COUNT:
                self.odd.add("totals")
                continue
            read.append(BatchColumn(side, count, minor))
        return tuple(read)


def _lacks(found: Mapping[str, object], names: Sequence[str]) -> bool:
    return all(found.get(name) is None for name in names)


def _first(found: Mapping[str, object], names: Sequence[str]) -> object:
    return next((found[name] for name in names if found.get(name) is not None), None)


def _text(value: object) -> str | None:
    """A text as it can be kept: bounded, on one line, in whole characters, without card numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).encode("utf-8", "replace").decode()[:MAX_TEXT]
    shown = "".join(character if character.isprintable() else " " for character in text).strip()
    return hide_card_numbers(shown) or None


def _id(value: object) -> str | None:
    """An id as it came: it is only compared, and half of a UUID's digits can look like a card number."""
    return value[:MAX_TEXT] if isinstance(value, str) else None


def _card(found: Mapping[str, object], profile: Profile) -> CardUse:
    names = profile.result
    pan = _first(found, names.pan)
    return CardUse(
        masked_pan=mask(str(pan)[:MAX_TEXT]) if isinstance(pan, str | int) and not isinstance(pan, bool) else None,
        entry_mode=profile.entries.get((_text(_first(found, names.entry)) or "").upper()),
        application=_text(_first(found, names.application)),
        aid=_text(_first(found, names.aid)),
    )


def is_ended(status: str | None, profile: Profile) -> bool:
    """Whether this status text means that the operation is over; any case, as profiles say."""
    return status is not None and status.casefold() in {text.casefold() for text in profile.states.ended}


def one_line(body: bytes) -> str:
    """An answer as a technician may see it in a log: bounded, without card numbers and expiry dates."""
    try:
        found = read_object(body, lenient=True)
    except ProtocolError as error:
        return f"{len(body)} bytes that are no JSON object: {error}"
    return "JSON with " + (", ".join(sorted(_text(key) or "?" for key in list(found)[:MAX_ITEMS])) or "nothing in it")
