"""What the portal is put together with: the keys of its database, licences of new locations, and its languages."""

import asyncio
from pathlib import Path

import pytest
from filelock import FileLock
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from tests.portal.browser import Browser
from tests.portal.locations.drafts import draft
from tests.portal.people import owner
from tests.portal.shops import merchant
from tests.portal.storage.office import whole
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.features import licensing
from tillbridge.portal.house import House
from tillbridge.portal.licences.model import Product
from tillbridge.portal.licences.tables import licence
from tillbridge.portal.locations.service import Locations
from tillbridge.portal.settings import LicencePolicy, OperatorSettings, PortalSettings
from tillbridge.portal.storage.keys_proof import check_keys, keys_proof
from tillbridge.portal.vault import FILE, LOCK, open_vault


async def test_the_first_keys_are_those_of_the_database(house: House, tmp_path: Path) -> None:
    await check_keys(house.database, house.vault, house.settings.data)
    other = open_vault(tmp_path / "other")
    with pytest.raises(BridgeError) as refusal:
        await check_keys(house.database, other, tmp_path / "other")
    assert (refusal.value.code, refusal.value.place) == (Code.FOLDER_UNUSABLE, str(tmp_path / "other" / FILE))
    async with house.database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(keys_proof))).scalar_one() == 1


async def test_of_two_that_open_a_new_database_with_different_keys_one_may_stay(house: House, tmp_path: Path) -> None:
    async with house.database.writing() as connection:
        await connection.execute(keys_proof.delete())
    vaults = [open_vault(tmp_path / name) for name in ("one", "other")]

    async def come(place: int) -> bool:
        try:
            await check_keys(house.database, vaults[place], tmp_path)
        except BridgeError:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        both = [group.create_task(come(place)) for place in (0, 1)]
    assert sorted(one.result() for one in both) == [False, True]
    assert await come(both[1].result())


def test_a_lock_that_nobody_gives_back_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillbridge.portal.vault.LOCK_SECONDS", 0.05)
    with FileLock(tmp_path / LOCK), pytest.raises(BridgeError) as refusal:
        open_vault(tmp_path)
    assert refusal.value.place == str(tmp_path / LOCK)


@pytest.mark.parametrize(("policy", "count"), [(LicencePolicy.UNLIMITED, len(Product)), (LicencePolicy.ALLOTTED, 0)])
async def test_a_new_location_is_licensed_as_the_operator_has_it(
    settings: PortalSettings, policy: LicencePolicy, count: int
) -> None:
    chosen = settings.model_copy(update={"operator": OperatorSettings(licences=policy)})
    async with whole(chosen) as (house, _):
        tenant_id = await merchant(house)
        locations = Locations(house, opened=licensing(house))
        async with house.database.writing() as connection:
            head = await locations.found(connection, tenant_id, draft(), owner(tenant_id).actor)
        branch = await locations.create(owner(tenant_id), head.id, draft())
        async with house.database.reading() as connection:
            for one in (head, branch):
                asked = select(func.count()).select_from(licence).where(licence.c.location_id == one.id)
                assert (await connection.execute(asked)).scalar_one() == count


async def test_only_the_languages_that_there_are_can_be_chosen(settings: PortalSettings) -> None:
    async with whole(settings) as (_, app):
        chosen = await Browser(app).get("/language/cs?back=/sign-in")
        assert (chosen.status, chosen.location) == (303, "/sign-in")
        for other in ("xx", "%E2%82%AC", "de%0d%0aSet-Cookie:%20a=b"):
            assert (await Browser(app).get(f"/language/{other}")).status == 404, other


async def test_a_wrong_statement_is_a_fault_of_ours_and_no_outage(house: House) -> None:
    with pytest.raises((DatabaseError, IntegrityError)):
        async with house.database.writing() as connection:
            await connection.execute(text("insert into keys_proof (name, proof) values ('keys', 'again')"))
