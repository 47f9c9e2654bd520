"""Says of a code what it is and who knows it, without touching the voucher: no balance, no try, no activity.

Nothing that is read here is kept, and a PIN is never said again, only that there is one.
"""

import asyncio
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import COUNTRY_DIGITS, VoucherCode, read_code, right_check_digit
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.house import House
from tillbridge.portal.printing.reading import Oddity, Seen, read_picture
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers import access, batches_store, systems_store


@dataclass(frozen=True, slots=True)
class Known:
    """A voucher that this reader may see. `batch` is "" for one of no batch."""

    voucher_id: str
    system: str
    batch: str
    state: VoucherState


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a code is. `kind` is its symbology, "" where it was typed; `refusal` says why it is no voucher's code.

    `country` is three digits. Where the check digit is wrong the number is shown all the same, to be compared.
    """

    kind: str
    oddities: tuple[Oddity, ...] = ()
    refusal: Code | None = None
    number: str = field(default="", repr=False)
    country: str = ""
    right_check_digit: bool = False
    has_pin: bool = False
    known: Known | None = None


class CodeTest:
    """Tries codes out for every merchant."""

    def __init__(self, house: House) -> None:
        self._house = house

    def require(self, person: Person) -> None:
        """Nothing if this person may see vouchers anywhere; else `BridgeError(RIGHT_MISSING)`."""
        access.require_looking(person)

    async def typed(self, person: Person, text: str) -> Verdict:
        """What a code says that was scanned into a field, or typed."""
        self.require(person)
        return await self._judge(person, Seen(text, ""))

    async def pictured(self, person: Person, content: bytes) -> tuple[Verdict, ...]:
        """What the codes in a picture say; none if none was found. `BridgeError(FILE_UNREADABLE)` for no picture."""
        self.require(person)
        found = await asyncio.to_thread(read_picture, content)
        return tuple([await self._judge(person, one) for one in found])

    async def _judge(self, person: Person, seen: Seen) -> Verdict:
        try:
            # A wrong check digit is said here and not refused: whoever made the card has to see the number.
            code = read_code(seen.text, imported=True)
        except BridgeError as error:
            return Verdict(seen.kind, seen.oddities, error.code)
        async with self._house.database.reading() as connection:
            known = await self._known(connection, person, code)
        right = right_check_digit(code.number)
        return Verdict(
            kind=seen.kind,
            oddities=seen.oddities,
            refusal=None if right or known is not None else Code.VOUCHER_CHECK_DIGIT,
            number=code.number,
            country=code.number[:COUNTRY_DIGITS],
            right_check_digit=right,
            has_pin=code.pin is not None,
            known=known,
        )

    async def _known(self, connection: AsyncConnection, person: Person, code: VoucherCode) -> Known | None:
        members = await systems_store.taking_part(connection, person.home)
        systems = {
            one.id: one
            for one in await systems_store.of_tenant(connection, person.home)
            if access.sees(person, members.get(one.id, frozenset()))
        }
        found = await batches_store.find_number(connection, sorted(systems), code.number)
        one = await batches_store.find_voucher(connection, found[0]) if found else None
        if one is None:
            return None
        batch = None if one.batch_id is None else await batches_store.find(connection, one.batch_id)
        return Known(one.id, systems[one.system_id].name, "" if batch is None else batch.name, one.state)
