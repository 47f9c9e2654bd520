"""Where values stand that are sealed with the portal's own key. A test holds this list against all tables."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

from sqlalchemy import Column, ColumnElement, LargeBinary, String, Table, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.accounts.secrets import to_bytes, to_text
from tillbridge.portal.accounts.tables import factor
from tillbridge.portal.customers.tables import customer_key, customer_upload
from tillbridge.portal.links.tables import session_key
from tillbridge.portal.mail.tables import attachment, letter
from tillbridge.portal.pairing.tables import pairing_pin, pairing_session
from tillbridge.portal.partners.tables import webhook
from tillbridge.portal.risk.tables import voucher_risk_key
from tillbridge.portal.vault import HEAD_BYTES, Vault
from tillbridge.portal.vouchers.tables import voucher

WHOLE_LETTERS: Final = HEAD_BYTES * 4 // 3
"""Letters of base64 that the head of a value decides alone."""


class Form(StrEnum):
    """How a column keeps what is sealed: as bytes, in base64, or in base64url without padding (RFC 4648)."""

    BYTES = "bytes"
    BASE64 = "base64"
    BASE64URL = "base64url"


@dataclass(frozen=True, slots=True)
class SealedPlace:
    """A column of sealed values. `contexts` are what they may be sealed for, without the row's id."""

    column: Column[Any]
    contexts: tuple[str, ...]
    form: Form = Form.BYTES

    @property
    def table(self) -> Table:
        """Whose column it is."""
        return self.column.table

    @property
    def identity(self) -> Column[Any]:
        """What names a row."""
        (found,) = self.table.primary_key.columns
        return found

    @property
    def name(self) -> str:
        """As somebody may read it."""
        return f"{self.table.name}.{self.column.name}"

    @property
    def as_text(self) -> bool:
        """Whether the column holds texts."""
        return self.form is not Form.BYTES

    def bytes_of(self, stored: Any) -> bytes:  # noqa: ANN401  # a text or bytes, as the column has it
        """The sealed value. `ValueError` if it is not written as values of this column are."""
        match self.form:
            case Form.BYTES:
                return bytes(stored)
            case Form.BASE64:
                return base64.b64decode(stored, validate=True)
            case Form.BASE64URL:
                return to_bytes(stored)
            case _:
                assert_never(self.form)

    def stored(self, sealed: bytes) -> Any:  # noqa: ANN401  # as above
        """As the column has it."""
        match self.form:
            case Form.BYTES:
                return sealed
            case Form.BASE64:
                return base64.b64encode(sealed).decode()
            case Form.BASE64URL:
                return to_text(sealed)
            case _:
                assert_never(self.form)

    def begins(self, head: bytes) -> ColumnElement[bool]:
        """Whether a value is of the key with this head."""
        if self.as_text:
            letters: str = self.stored(head)[:WHOLE_LETTERS]
            return func.substr(self.column, 1, WHOLE_LETTERS, type_=String) == letters
        return func.substr(self.column, 1, HEAD_BYTES, type_=LargeBinary) == head

    def sealed_anew(self, vault: Vault, row_id: str, sealed: bytes) -> bytes:
        """The same under the key that seals now. `ValueError` if no key here opens it."""
        for context in self.contexts:
            named = f"{context}/{row_id}"
            try:
                return vault.seal(vault.unseal(sealed, named), named)
            except ValueError:
                continue
        raise ValueError(f"no key opens a value of {self.name}")


PLACES: Final[Sequence[SealedPlace]] = (
    SealedPlace(voucher.c.pin_sealed, ("voucher-pin",)),
    SealedPlace(voucher_risk_key.c.private_sealed, ("voucher-offline-key",)),
    SealedPlace(customer_key.c.sealed, ("customer key",)),
    SealedPlace(customer_upload.c.sealed, ("customer upload",)),
    SealedPlace(webhook.c.secret_sealed, ("webhook",)),
    SealedPlace(webhook.c.previous_sealed, ("webhook",)),
    SealedPlace(factor.c.sealed_secret, ("totp",), Form.BASE64URL),
    SealedPlace(session_key.c.sealed_secret, ("session",), Form.BASE64),
    SealedPlace(attachment.c.sealed, ("attachment",)),
    SealedPlace(letter.c.sealed_body, ("letter",), Form.BASE64),
    SealedPlace(pairing_pin.c.sealed_pin, ("pin",), Form.BASE64),
    SealedPlace(pairing_session.c.sealed_state, ("pairing", "consent"), Form.BASE64),
)


async def left(
    connection: AsyncConnection, place: SealedPlace, head: bytes, after: str, count: int
) -> Sequence[tuple[str, Any]]:
    """Values that another key has sealed than the one with this head: their rows' ids and themselves, by id."""
    column, name = place.column, place.identity
    query = select(name, column).where(name > after, column.is_not(None), ~place.begins(head))
    # What is over keeps an empty text where something was sealed.
    query = query.where(column != place.stored(b"")) if place.as_text else query
    return [(row[0], row[1]) for row in await connection.execute(query.order_by(name).limit(count))]


async def ends(connection: AsyncConnection, place: SealedPlace) -> Sequence[Any]:
    """The oldest and the newest value, as they are stored."""
    query = select(place.column).where(place.column.is_not(None)).limit(1)
    found: list[Any] = []
    for order in (place.identity, place.identity.desc()):
        found += (await connection.execute(query.order_by(order))).scalars()
    return found


async def replace(connection: AsyncConnection, place: SealedPlace, row_id: str, before: object, after: object) -> None:
    """Puts a value in the place of the same under another key, unless somebody has changed it since."""
    changed = update(place.table).where(place.identity == row_id, place.column == before)
    await connection.execute(changed.values({place.column.name: after}))


async def counted(connection: AsyncConnection, place: SealedPlace, heads: Mapping[str, bytes]) -> dict[str, int]:
    """How many values each key has sealed, by its name; "" for those of before the first rotation."""
    query = select(*(func.count().filter(place.begins(head)) for head in heads.values()), func.count(place.column))
    if place.as_text:
        query = query.where(place.column != place.stored(b""))
    *found, every = (await connection.execute(query.select_from(place.table))).one()
    named = dict(zip(heads, (int(one) for one in found), strict=True))
    return {**named, "": int(every) - sum(named.values())}
