"""Tells whoever may approve a correction that one waits: once, in the transaction that asks for it."""

from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.voucher_code import masked
from tillbridge.portal.corrections import people
from tillbridge.portal.corrections.model import Correction, Kind
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.house import House
from tillbridge.portal.locations.views import day_and_clock
from tillbridge.portal.mail.writing import write
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.vouchers.systems_model import VoucherSystem
from tillbridge.web.words import Words

PAGE: Final = "{address}/vouchers/corrections/{id}"


async def tell(
    house: House, connection: AsyncConnection, system: VoucherSystem, one: Correction, number: str, place: str | None
) -> int:
    """Writes to everybody who may approve it; how many they are. `place` is the location that it is about."""
    found = await people.others(connection, system.tenant_id, one.requested_by, place)
    for colleague in found:
        language = colleague.language or house.settings.language or Language.EN
        words = Words(CATALOGUES[language], house.runtime.clock.now(), ZoneInfo(system.time_zone))
        what = words.t(f"corrections.kind.{one.kind}")
        if one.kind is not Kind.RETIRE:
            what = f"{what}, {amount(words, one.amount, system.currency)}"
        fields = {
            "who": one.requested_name,
            "what": what,
            "number": masked(number),
            "system": system.name,
            "reason": one.reason,
            "until": day_and_clock(words, one.expires_at),
            "zone": system.time_zone,
            "page": PAGE.format(address=house.settings.address, id=one.id),
        }
        to = colleague.email, colleague.name, system.tenant_id
        letter = write(house.settings, language, "corrections.mail.asked", *to, **fields)
        await house.post.take(connection, letter)
    return len(found)
