"""Sends a buyer back to the shop: the fields behind the address, and their signature (README.md, section 10)."""

import hashlib
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from tillbridge.domain.cashier_texts import Language
from tillbridge.psp.hipay.sandbox.answers import eci, moment, product
from tillbridge.psp.hipay.sandbox.hosted import Page
from tillbridge.psp.hipay.sandbox.model import Transaction
from tillbridge.psp.hipay.sandbox.notices import Digest
from tillbridge.psp.hipay.sandbox.statuses import Status, state_of

HASH: Final = "hash"

Fields = Sequence[tuple[str, str]]


def fields_back(page: Page, made: Transaction) -> Fields:
    """What the buyer's browser carries back. A field without a value is there all the same."""
    return (
        ("orderid", made.order_id),
        ("cid", made.asked.get("cid", "")),
        ("state", state_of(made.status).value),
        ("status", str(int(made.status))),
        ("test", "1"),
        ("reference", made.reference),
        ("approval", ""),
        ("authorized", moment(made.authorized_at)),
        ("ip", ""),
        ("country", ""),
        ("lang", page.language or Language.EN),
        ("email", made.asked.get("email", "")),
        ("pp", product(made)),
        ("eci3ds", eci(made)),
    )


def signed(fields: Fields, passphrase: str, digest: Digest) -> Fields:
    """The fields with their signature: name, value and passphrase of each that has a value, by name."""
    text = "".join(f"{name}{value}{passphrase}" for name, value in sorted(fields) if value)
    return (*fields, (HASH, hashlib.new(digest, text.encode()).hexdigest()))


def way_back(page: Page, made: Transaction) -> str | None:
    """The merchant's address for what came of it; None where the merchant has given none."""
    match made.status:
        case Status.REFUSED | Status.EXPIRED:
            name = "decline_url"
        case Status.CANCELLED:
            name = "cancel_url"
        case Status.PENDING_PAYMENT:
            name = "pending_url"
        case _:
            name = "accept_url"
    return page.returns.get(name)


def address_with(address: str, fields: Fields) -> str:
    """The address with these fields behind whatever query it has."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(fields)}"
