"""More codes for one month than a voucher system has by itself: what the portal's operator grants."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import insert

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import LONGEST_NAME, Actor, Entry
from tillbridge.portal.corrections.model import clean_reason
from tillbridge.portal.corrections.tables import voucher_grant
from tillbridge.portal.house import House
from tillbridge.portal.vouchers import batches_store, systems_store
from tillbridge.portal.vouchers.batches_model import Quota
from tillbridge.portal.vouchers.batches_service import month_of

MOST_AT_ONCE: Final = 1_000_000
"""Codes of one grant: more is a slip of the finger."""

_MONTH: Final = re.compile(r"20\d\d-(0[1-9]|1[0-2])")


class GrantEvent(StrEnum):
    """What the audit log says of grants."""

    GRANTED = "voucher_system.codes_granted"


@dataclass(frozen=True, slots=True)
class Granted:
    """What a system may make in a month after a grant."""

    system: str
    quota: Quota


async def grant(house: House, actor: Actor, system_id: str, month: str | None, codes: int, reason: str) -> Granted:
    """Lets a system make so many codes more in a month ("2026-11"; None: this one, in the system's zone).

    `BridgeError`: RECORD_UNKNOWN; FIELD_INVALID for `codes`, `reason`, or a `month` that is over or none.
    """
    said = clean_reason(reason)
    if not 1 <= codes <= MOST_AT_ONCE:
        raise BridgeError(Code.FIELD_INVALID, f"1 to {MOST_AT_ONCE} codes", place="codes")
    now = house.runtime.clock.now()
    async with house.database.writing() as connection:
        system = await systems_store.find(connection, system_id, locked=True)
        if system is None:
            raise BridgeError(Code.RECORD_UNKNOWN, "there is no such voucher system", place="system")
        this_month = month_of(now, system.time_zone)
        chosen = month or this_month
        if not _MONTH.fullmatch(chosen) or chosen < this_month:
            raise BridgeError(Code.FIELD_INVALID, f"a month from {this_month} on", place="month")
        row = {
            "id": house.runtime.ids.new(),
            "system_id": system.id,
            "month": chosen,
            "codes": codes,
            "reason": said,
            "granted_at": now,
            "granted_by": actor.name[:LONGEST_NAME],
        }
        await connection.execute(insert(voucher_grant).values(row))
        entry = Entry(
            GrantEvent.GRANTED,
            system.tenant_id,
            subject=system.name,
            after={"month": chosen, "codes": codes},
            reason=said,
        )
        await house.audit.note(connection, actor, entry)
        made = await batches_store.made_in(connection, system.id, chosen)
        most = system.codes_a_month + await batches_store.granted_in(connection, system.id, chosen)
    return Granted(system.name, Quota(chosen, made, most))
