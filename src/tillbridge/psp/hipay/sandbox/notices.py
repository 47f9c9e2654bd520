"""A notification's two bodies and its signature, as published (README.md, section 6)."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from tillbridge.psp.hipay.sandbox.answers import custom, eci, major, moment, product, told_reason
from tillbridge.psp.hipay.sandbox.model import Step, Transaction
from tillbridge.psp.hipay.sandbox.statuses import MESSAGES, state_of

SIGNATURE: Final = "x-allopass-signature"

Fields = tuple[tuple[str, str], ...]

_ELEMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_CONTROL: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME: Final = re.compile(r"([^\[\]]+)(?:\[([^\[\]]*)\])?")


class Style(StrEnum):
    """How the body is written."""

    FORM = "form"
    JSON = "json"
    XML = "xml"


class Digest(StrEnum):
    """The hash of a signature."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"


OTHER: Final = {Digest.SHA1: Digest.SHA256, Digest.SHA256: Digest.SHA1, Digest.SHA512: Digest.SHA1}
"""For the switch that signs with a hash that was not agreed on."""


def sign(body: bytes, passphrase: str, digest: Digest) -> str:
    """The signature: a plain hash over the raw body and the passphrase behind it."""
    return hashlib.new(digest, body + passphrase.encode()).hexdigest()


_JUDGED: Final[Fields] = (
    ("avs_result", ""),
    ("cvc_result", ""),
    ("three_d_secure", ""),
    ("fraud_screening[scoring]", "0"),
    ("fraud_screening[result]", "ACCEPTED"),
    ("fraud_screening[review]", ""),
)
"""Of a card that was in a shop nothing of this is known, and the provider sends it all the same."""


def fields_of(transaction: Transaction, step: Step, at: datetime) -> Fields:
    """The fields of the form for a step that was taken."""
    one, sums, asked = transaction, transaction.sums, transaction.asked
    code, message = told_reason(one)
    return (
        ("state", state_of(one.status).value),
        ("reason[code]", code),
        ("reason[message]", message),
        ("test", "true"),
        ("mid", one.mid),
        ("attempt_id", asked.get("attempt", "1")),
        ("authorization_code", asked.get("authorization_code", "")),
        ("transaction_reference", one.reference),
        ("acquirer_transaction_reference", one.acquirer_reference),
        ("date_created", moment(one.created)),
        ("date_updated", moment(at)),
        ("date_authorized", moment(one.authorized_at)),
        ("status", str(int(one.status))),
        ("message", MESSAGES[one.status]),
        ("authorized_amount", major(sums.authorized, one)),
        ("captured_amount", major(sums.captured, one)),
        ("refunded_amount", major(sums.refunded, one)),
        ("credited_amount", major(sums.credited, one)),
        ("decimals", str(one.currency.exponent)),
        ("currency", one.currency.code),
        ("ip_address", ""),
        ("ip_country", ""),
        ("device_id", asked.get("payment_terminal_id", "")),
        *((f"custom_data[{name}]", _text(value)) for name, value in custom(one).items()),
        ("eci", eci(one)),
        ("payment_product", product(one)),
        *_JUDGED,
        *_order(transaction),
        *_operation(transaction, step, at),
    )


def _order(one: Transaction) -> Fields:
    asked = one.asked
    return (
        ("order[id]", one.order_id),
        ("order[date_created]", moment(one.created)),
        ("order[attempts]", asked.get("attempt", "1")),
        ("order[amount]", one.amount.major()),
        ("order[shipping]", major(0, one)),
        ("order[tax]", major(0, one)),
        ("order[decimals]", str(one.currency.exponent)),
        ("order[currency]", one.currency.code),
        ("order[customer_id]", asked.get("cid", "")),
        ("order[language]", asked.get("language", "en_US")),
        ("order[email]", asked.get("email", "")),
    )


def _operation(transaction: Transaction, step: Step, at: datetime) -> Fields:
    """The part about a maintenance operation; nothing for a step that none has caused."""
    if not step.kind:
        return ()
    minor = transaction.amount.minor if step.minor is None else step.minor
    return (
        ("operation[type]", step.kind),
        ("operation[id]", step.operation_id),
        ("operation[reference]", transaction.reference),
        ("operation[amount]", major(minor, transaction)),
        ("operation[currency]", transaction.currency.code),
        ("operation[date]", moment(at)),
    )


def body_of(fields: Sequence[tuple[str, str]], style: Style, sent: datetime) -> bytes:
    """The body to send."""
    match style:
        case Style.FORM:
            return urlencode(fields).encode()
        case Style.JSON:
            data = _nested(fields)
            event = f"transaction.{str(data['message']).lower().replace(' ', '_')}"
            whole = {"event_key": event, "data": data, "sent_date": moment(sent)}
            return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
        case Style.XML:
            return _document(_nested(fields))


def media_type(style: Style) -> str:
    """The content type of a body."""
    match style:
        case Style.FORM:
            return "application/x-www-form-urlencoded"
        case Style.JSON:
            return "application/json"
        case Style.XML:
            return "application/xml; charset=utf-8"


def _document(fields: Mapping[str, object]) -> bytes:
    """One element for each field, those of a group inside one of the group's name. The root's name is ours."""
    root = ET.Element("notification")
    for name, value in fields.items():
        _add(root, name, value)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _add(parent: ET.Element, name: str, value: object) -> None:
    """A name that no element may have, as custom data can, is the attribute of an element `field`."""
    named = _ELEMENT.fullmatch(name) is not None
    inner = ET.SubElement(parent, name if named else "field", {} if named else {"name": _printable(name)})
    if isinstance(value, dict):
        for one, text in value.items():
            _add(inner, one, text)
    else:
        inner.text = _printable(str(value))


def _printable(text: str) -> str:
    """Without the control characters that no XML document can hold."""
    return _CONTROL.sub("", text)


def _nested(fields: Sequence[tuple[str, str]]) -> dict[str, object]:
    """`order[id]` as an object with the member `id`."""
    whole: dict[str, object] = {}
    for name, value in fields:
        found = _NAME.fullmatch(name)
        if found is None or found[2] is None:
            whole[name] = value
            continue
        inner = whole.setdefault(found[1], {})
        if isinstance(inner, dict):
            inner[found[2]] = value
    return whole


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
