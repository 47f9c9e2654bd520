"""Whatever somebody with every right in the database does to the log, `verify` finds it and says where."""

from pathlib import Path

import pytest
from sqlalchemy import select, text

from tests.portal.audit.entries import note, sealed, tamper
from tests.portal.clock import HandClock
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.chain import START, following
from tillbridge.portal.audit.sealing import ANCHOR_FILE, Sealer
from tillbridge.portal.audit.tables import audit_entry, audit_seal
from tillbridge.portal.audit.verifying import FaultKind, export_anchor, verify
from tillbridge.portal.house import House


async def test_an_untouched_log_is_sound(house: House, clock: HandClock) -> None:
    await sealed(house, 5)
    clock.forward(days=1)
    await sealed(house, 2)
    await note(house)
    verdict = await verify(house)
    assert (verdict.sound, verdict.sealed, verdict.waiting) == (True, 7, 1)


async def test_an_empty_log_is_sound(house: House) -> None:
    assert (await verify(house)).sound


@pytest.mark.parametrize(
    ("statement", "kind", "position"),
    [
        ("update audit_entry set reason = 'quite harmless' where id = AT(3)", FaultKind.CHANGED, 3),
        ("update audit_entry set tenant_id = null, actor_name = 'x' where id = AT(5)", FaultKind.CHANGED, 5),
        ("delete from audit_entry where id = AT(2)", FaultKind.REMOVED, 2),
        ("delete from audit_seal where position = 4", FaultKind.REMOVED, 4),
        ("delete from audit_seal where position = 1", FaultKind.REMOVED, 1),
        ("update audit_seal set hash = 'no hash' where position = 3", FaultKind.CHANGED, 3),
        ("insert into audit_seal select 0, 'made up', hash from audit_seal where position = 5", FaultKind.INSERTED, 0),
        ("delete from audit_seal where position = 5", FaultKind.CUT, 5),
        ("delete from audit_seal", FaultKind.CUT, 1),
    ],
)
async def test_what_was_done_is_named_with_its_position(
    house: House, statement: str, kind: FaultKind, position: int
) -> None:
    await sealed(house, 5)
    await tamper(house, statement)
    first = (await verify(house)).faults[0]
    assert (first.kind, first.position) == (kind, position)


async def test_a_row_removed_with_its_seal_and_all_renumbered_is_found(house: House) -> None:
    await sealed(house, 5)
    await tamper(
        house,
        "delete from audit_entry where id = AT(3)",
        "delete from audit_seal where position = 3",
        "update audit_seal set position = 3 where position = 4",
        "update audit_seal set position = 4 where position = 5",
    )
    faults = (await verify(house)).faults
    assert (faults[0].kind, faults[0].position) == (FaultKind.CHANGED, 3)
    assert FaultKind.CUT in {fault.kind for fault in faults}


async def test_a_chain_computed_anew_does_not_fit_what_was_signed(house: House, clock: HandClock) -> None:
    await sealed(house, 5)
    clock.forward(days=1)
    await Sealer(house).catch_up()
    await tamper(house, "update audit_entry set reason = 'quite harmless' where id = AT(2)")
    await _compute_anew(house)
    (house.settings.data / ANCHOR_FILE).unlink()
    first = (await verify(house)).faults[0]
    assert (first.kind, first.position) == (FaultKind.CHANGED, 5)
    assert "head of 2026-03-13" in first.detail


async def test_heads_taken_away_leave_the_anchor_beside_the_keys(house: House) -> None:
    await sealed(house, 5)
    await tamper(house, "update audit_entry set reason = 'quite harmless' where id = AT(2)")
    await tamper(house, "delete from audit_head")
    await _compute_anew(house)
    first = (await verify(house)).faults[0]
    assert (first.kind, first.position) == (FaultKind.CHANGED, 5)


async def test_an_exported_anchor_shows_a_cut_that_nothing_here_shows(house: House, tmp_path: Path) -> None:
    await sealed(house, 5)
    path = tmp_path / "kept elsewhere.json"
    path.write_text(await export_anchor(house))
    assert (await verify(house, [path])).sound
    await tamper(house, "delete from audit_head", "delete from audit_entry where id = AT(5)")
    await tamper(house, "delete from audit_seal where position = 5")
    (house.settings.data / ANCHOR_FILE).unlink()
    assert (await verify(house)).sound
    first = (await verify(house, [path])).faults[0]
    assert (first.kind, first.position) == (FaultKind.CUT, 5)


async def test_a_signature_of_another_key_is_no_head(house: House) -> None:
    await sealed(house, 2)
    await tamper(house, "update audit_head set position = 1")
    assert {fault.kind for fault in (await verify(house)).faults} == {FaultKind.HEAD_FORGED}
    await tamper(house, "update audit_head set signature = 'nothing of the kind!'")
    assert {fault.kind for fault in (await verify(house)).faults} == {FaultKind.HEAD_FORGED}


_SLIPPED_IN = (
    "insert into audit_entry select '{}', at, event, tenant_id, location_id, subject, actor_kind, actor_id, actor_name,"
    " on_behalf_of, source, before, after, reason from audit_entry limit 1"
)


async def test_a_row_slipped_in_past_the_queue_is_found(house: House) -> None:
    await sealed(house, 3)
    await tamper(house, _SLIPPED_IN.format("f" * 32))
    first = (await verify(house)).faults[0]
    assert (first.kind, first.entry_id) == (FaultKind.INSERTED, "f" * 32)


async def test_a_row_slipped_in_under_an_old_date_is_found(house: House, clock: HandClock) -> None:
    await sealed(house, 3)
    clock.forward(days=3)
    await Sealer(house).catch_up()
    async with house.database.writing() as connection:
        await connection.execute(text(_SLIPPED_IN.format("f" * 32)))
    await Sealer(house).catch_up()
    first = (await verify(house)).faults[0]
    assert (first.kind, first.position, first.entry_id) == (FaultKind.BACKDATED, 4, "f" * 32)


async def test_a_row_removed_before_it_was_sealed_is_found(house: House) -> None:
    await sealed(house, 3)
    await note(house, 2)
    await tamper(house, "delete from audit_entry where id = (select max(entry_id) from audit_unsealed)")
    assert await Sealer(house).catch_up() == 1
    faults = (await verify(house)).faults
    assert [(fault.kind, fault.position) for fault in faults] == [(FaultKind.REMOVED, None)]


async def test_a_file_that_is_no_anchor_is_refused(house: House, tmp_path: Path) -> None:
    path = tmp_path / "anchor.json"
    for content in ("", "[]", '{"version": 1}'):
        path.write_text(content)
        with pytest.raises(BridgeError) as caught:
            await verify(house, [path])
        assert (caught.value.code, caught.value.place) == (Code.FILE_UNREADABLE, str(path))


async def _compute_anew(house: House) -> None:
    """What a thorough attacker does: every hash right again."""
    async with house.database.reading() as connection:
        joined = select(audit_entry).join(audit_seal, audit_seal.c.entry_id == audit_entry.c.id)
        rows = (await connection.execute(joined.order_by(audit_seal.c.position))).mappings().all()
    link, statements = START, []
    for row in rows:
        link = following(link, dict(row))
        position, hashed = link.position, link.hash.hex()
        statements.append(f"update audit_seal set hash = '{hashed}' where position = {position}")  # noqa: S608  # our own figures
    await tamper(house, *statements)
