"""Postings as files: CSV, and lines such as DATEV's own format for a batch of bookings has them.

What of that format is filled in, and that no file was ever read by the program itself, stands in
docs/reference/voucher-settlement.md, section 7.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.customers.exporting import FORMULAS, MARK
from tillbridge.portal.customers.forms import major
from tillbridge.portal.settlement.model import NOWHERE
from tillbridge.portal.settlement.postings import Accounts, Posting
from tillbridge.portal.settlement.store import Place
from tillbridge.portal.vouchers.systems_model import VoucherSystem
from tillbridge.web.language import Catalogue

DATEV_TYPE: Final = "text/csv; charset=windows-1252"
ENCODING: Final = "cp1252"
MOST_POSTINGS: Final = 99_999
"""Lines of one batch, as the format has it."""

_HEADER: Final = 700
_CATEGORY: Final = 21
_VERSION: Final = 13
_LONGEST_TEXT: Final = 60
_LONGEST_NAME: Final = 30
_EXPONENT: Final = 2
_AMOUNT: Final = re.compile(r"-?[0-9]+(?:[.,][0-9]+)?")

_COLUMNS: Final = (
    *("Umsatz (ohne Soll/Haben-Kz)", "Soll/Haben-Kennzeichen", "WKZ Umsatz", "Kurs", "Basis-Umsatz"),
    *("WKZ Basis-Umsatz", "Konto", "Gegenkonto (ohne BU-Schlüssel)", "BU-Schlüssel", "Belegdatum"),
    *("Belegfeld 1", "Belegfeld 2", "Skonto", "Buchungstext"),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What the files are about: the postings of a time, whose they are, and how places are called."""

    system: VoucherSystem
    accounts: Accounts
    places: Mapping[str, Place]
    first: str
    last: str
    postings: Sequence[Posting]


def csv_of(batch: Batch, t: Catalogue) -> bytes:
    """As RFC 4180 has it, in UTF-8, every cell in quotation marks; what a spreadsheet would work out is defused."""
    page = io.StringIO()
    page.write(MARK)
    writer = csv.writer(page, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    names = ("day", "number", "location", "booking", "debit", "credit", "amount", "currency", "other")
    writer.writerow([t(f"settlement.posting.{name}") for name in names])
    for one in batch.postings:
        place = batch.places.get(one.location_id)
        writer.writerow(
            _safe(cell)
            for cell in (
                one.day,
                place.number if place else "",
                _name(batch, one.location_id, t),
                t(f"vouchers.kind.{one.kind}"),
                one.debit,
                one.credit,
                major(one.amount, batch.system.currency, t("format.decimal")),
                batch.system.currency,
                _name(batch, one.other_id, t) if one.other_id else "",
            )
        )
    return page.getvalue().encode()


def datev_of(batch: Batch, now: datetime, t: Catalogue) -> bytes:
    """A header, the names of the columns, and a line for each posting, in windows-1252.

    `BridgeError(FIELD_INVALID)` for more postings than one batch may have, or a currency with more than two decimals.
    """
    if len(batch.postings) > MOST_POSTINGS or batch.system.unit.exponent > _EXPONENT:
        raise BridgeError(Code.FIELD_INVALID, "choose a shorter time, or the CSV file", place="period")
    lines = [_header(batch, now), ";".join(_COLUMNS), *(_line(batch, one, t) for one in batch.postings)]
    return "".join(f"{line}\r\n" for line in lines).encode(ENCODING, "replace")


def _header(batch: Batch, now: datetime) -> str:
    first, last, accounts = date.fromisoformat(batch.first), date.fromisoformat(batch.last), batch.accounts
    year = first.year if first.month >= accounts.first_month else first.year - 1
    made = f"{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03d}"
    return ";".join(
        (
            *(_text("EXTF"), str(_HEADER), str(_CATEGORY), _text("Buchungsstapel"), str(_VERSION), made, ""),
            *(_text(""), _text(""), _text(""), str(int(accounts.consultant)), str(int(accounts.client))),
            *(f"{date(year, accounts.first_month, 1):%Y%m%d}", str(accounts.digits)),
            *(f"{first:%Y%m%d}", f"{last:%Y%m%d}", _text(batch.system.name[:_LONGEST_NAME]), _text("")),
            *("1", "0", "0", _text(batch.system.currency), "", _text(""), "", "", _text(""), "", ""),
            *(_text(""), _text("")),
        )
    )


def _line(batch: Batch, one: Posting, t: Catalogue) -> str:
    day, place = date.fromisoformat(one.day), batch.places.get(one.location_id)
    other = f", {_name(batch, one.other_id, t)}" if one.other_id else ""
    said = f"{t(f'vouchers.kind.{one.kind}')}: {_name(batch, one.location_id, t)}{other}"
    return ";".join(
        (
            *(
                _amount(one.amount, batch.system.unit.exponent),
                _text("S"),
                _text(batch.system.currency),
                "",
                "",
                _text(""),
            ),
            *(one.debit, one.credit, _text(""), f"{day:%d%m}", _text(f"{day:%Y%m%d}")),
            *(_text(place.number if place else ""), "", _text(said[:_LONGEST_TEXT])),
        )
    )


def _amount(minor: int, exponent: int) -> str:
    whole, fraction = divmod(minor * 10 ** (_EXPONENT - exponent), 10**_EXPONENT)
    return f"{whole},{fraction:02d}"


def _text(text: str) -> str:
    """A text in quotation marks, without control characters, in letters that windows-1252 has."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return '"' + _encodable(plain).replace('"', '""') + '"'


def _encodable(signs: Iterable[str]) -> str:
    """Letters that the encoding lacks are written without their marks."""
    found = []
    for sign in signs:
        try:
            sign.encode(ENCODING)
        except UnicodeEncodeError:
            bare = "".join(one for one in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(one))
            found.append(bare.encode(ENCODING, "replace").decode(ENCODING))
        else:
            found.append(sign)
    return "".join(found)


def _name(batch: Batch, location_id: str, t: Catalogue) -> str:
    place = batch.places.get(location_id)
    if place is None or location_id == NOWHERE:
        return t("settlement.company")
    return place.name


def _safe(cell: str) -> str:
    """Free text that begins as a formula does is marked as text; an amount below zero is none."""
    return f"'{cell}" if cell.startswith(FORMULAS) and not _AMOUNT.fullmatch(cell) else cell
