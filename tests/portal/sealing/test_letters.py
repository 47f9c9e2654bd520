"""The signed head of a day leaves the house once for each address, and is what `verify --against` reads."""

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.portal.clock import HandClock
from tests.portal.mail.test_sending import parsed
from tests.portal.sealing.books import day_signed, sealed, tamper
from tests.portal.vouchers.floor import Floor
from tests.portal.vouchers.office import chief
from tillbridge.portal.house import House
from tillbridge.portal.mail.sending import send_due
from tillbridge.portal.sealing.addresses import HeadAddresses
from tillbridge.portal.sealing.letters import HeadLetters
from tillbridge.portal.sealing.restored import ANCHOR_FILE
from tillbridge.portal.sealing.sealer import LedgerSealer
from tillbridge.portal.sealing.verifying import verify_chain


def told(house: House, recipient: str = "Auditor@firm.example") -> House:
    """The same portal, whose operator has set an address."""
    operator = house.settings.operator.model_copy(update={"ledger_heads_to": recipient})
    return replace(house, settings=house.settings.model_copy(update={"operator": operator}))


async def letters(house: House) -> list[Path]:
    """What has left, the oldest first."""
    await send_due(house)
    return sorted((house.settings.data / "mail").glob("*.eml"))


async def test_a_head_is_sent_once_to_each_and_made_up_for(floor: Floor, clock: HandClock, tmp_path: Path) -> None:
    house = told(floor.house)
    sending = HeadLetters(house)
    assert await sending.send() == 0
    await sealed(floor)
    await day_signed(floor, clock)
    async with asyncio.TaskGroup() as group:
        counts = [group.create_task(one.send()) for one in (sending, HeadLetters(house), HeadLetters(house))]
    assert sum(one.result() for one in counts) == 1
    # Two days without the job: one letter for each. The merchant is new, and gets the newest alone.
    for _ in range(2):
        clock.forward(days=1)
        await LedgerSealer(house).catch_up()
    person = chief(house, floor.here.tenant_id)
    await HeadAddresses(house).change(person, "books@shop.example")
    assert await sending.send() == 3
    assert await sending.send() == 0
    # Who wants what another has already gets no second letter.
    await HeadAddresses(house).change(chief(house, floor.here.tenant_id), "auditor@firm.example")
    assert await sending.send() == 0
    found = [parsed(one) for one in await letters(house)]
    assert sorted(one["To"] for one in found) == ["Auditor@firm.example"] * 3 + ["books@shop.example"]
    attached = list(found[0].iter_attachments())
    assert [one.get_filename() for one in attached] == ["ledger-head-2026-03-14.json"]
    kept, whole = tmp_path / "kept.json", (await letters(house))[0]
    kept.write_text(attached[0].get_content())
    for one in (kept, whole):
        assert (await verify_chain(house, one)).sound
    await tamper(house, "delete from ledger_head", "delete from ledger_entry where id = AT(5)")
    await tamper(house, "delete from ledger_seal where position = 5")
    (house.settings.data / ANCHOR_FILE).unlink()
    assert (await verify_chain(house)).sound
    for one in (kept, whole):
        assert (await verify_chain(house, one)).faults
