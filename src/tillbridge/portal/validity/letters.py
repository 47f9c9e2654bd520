"""What owners are written about write-offs and alarms, each in the own language."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.house import House
from tillbridge.portal.links.model import Recipient
from tillbridge.portal.locations.views import day, day_and_clock
from tillbridge.portal.mail.post import Letter
from tillbridge.portal.mail.writing import LONGEST_SUBJECT, one_line
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.validity.dates import Due
from tillbridge.portal.validity.model import Forecast
from tillbridge.portal.vouchers.systems_model import VoucherSystem
from tillbridge.web.words import Words

_AHEAD: Final = ("validity.mail.ahead.subject", "validity.mail.ahead.text")
_GUESSING: Final = ("exceptions.mail.guessing.subject", "exceptions.mail.guessing.text")
"""The keys of a subject and of its text."""


async def foretell(  # what a letter speaks of
    house: House,
    connection: AsyncConnection,
    recipient: Recipient,
    system: VoucherSystem,
    due: Due,
    forecast: Forecast,
) -> None:
    """Says that credit is going to be written off, in this transaction."""
    words = _words(house, recipient, system.time_zone)
    fields = {
        "system": system.name,
        "date": day(words, due.on),
        "years": words.count(due.years),
        "vouchers": words.count(forecast.due.vouchers),
        "money": amount(words, forecast.due.money, system.currency),
        "skipped": words.count(forecast.left_alone.vouchers),
        "page": f"{house.settings.address}/vouchers/systems/{system.id}/validity",
    }
    await house.post.take(connection, _letter(words, _AHEAD, recipient, system.tenant_id, fields))


async def alarm(  # what a letter speaks of
    house: House,
    connection: AsyncConnection,
    recipient: Recipient,
    system: VoucherSystem,
    location: str,
    until: datetime,
) -> None:
    """Says that somebody guesses PINs at a location, in this transaction."""
    words = _words(house, recipient, system.time_zone)
    fields = {
        "location": location,
        "until": day_and_clock(words, until),
        "zone": system.time_zone,
        "page": f"{house.settings.address}/vouchers/systems/{system.id}/exceptions",
    }
    await house.post.take(connection, _letter(words, _GUESSING, recipient, system.tenant_id, fields))


def _words(house: House, recipient: Recipient, zone: str) -> Words:
    catalogue = CATALOGUES[recipient.language or house.settings.language or Language.EN]
    return Words(catalogue, house.runtime.clock.now(), ZoneInfo(zone))


def _letter(
    words: Words, keys: tuple[str, str], recipient: Recipient, tenant_id: str, fields: Mapping[str, str]
) -> Letter:
    flat = {name: one_line(text) for name, text in fields.items()}
    subject, text = (words.t(key, **flat) for key in keys)
    return Letter(recipient.email, one_line(subject)[:LONGEST_SUBJECT], text, tenant_id)
