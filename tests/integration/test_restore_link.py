"""A connector that is restored from a backup, with a real portal: it goes on, and the one before it does not."""

from pathlib import Path

import pytest

from tests.integration.test_vouchers_portal import NUMBERS, Scene, at_work, book, in_a_hurry, scene
from tests.integration.vouchers_counter import Counter, paired_counter
from tests.unit.connector.vouchers.wire import until
from tillbridge.connector.keeping.exporting import export
from tillbridge.connector.keeping.importing import Imported, Wish, restore
from tillbridge.connector.keeping.sealed_file import Cost
from tillbridge.connector.portal.connection import Connection
from tillbridge.connector.portal.states import LinkState
from tillbridge.connector.vouchers.model import ENDED, Kind, State
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import OLD_KEY
from tillbridge.runtime.effects import Runtime

__all__ = ["in_a_hurry"]

PASSPHRASE = "four plain words are enough"
CHEAP = Cost(memory_kib=64, passes=1, lanes=1)


async def connection(here: Counter) -> Connection:
    return await here.features.portal.connection()


def fingerprint(here: Counter) -> str:
    link = here.features.portal.standing().link
    assert link is not None
    return link.fingerprint


async def restored(backup: Path, folder: Path) -> Imported:
    folder.mkdir()  # noqa: ASYNC240  # the test has nothing else to do
    return await restore(Wish(backup, folder, None, "Ada"), PASSPHRASE, Runtime())


async def refused(here: Counter) -> BridgeError:
    """What the portal says to a token request of this connector."""
    found = await connection(here)
    with pytest.raises(BridgeError) as error:
        await found.tokens.contact(found.http())
    return error.value


async def in_the_way(made: Scene, here: Counter, backup: Path) -> None:
    """A redemption whose answer is lost and a put-back that waits, at the moment of the backup."""
    await book(here, "redeem-number-0001", Kind.REDEEM, NUMBERS[0], 2000)
    await made.portal.go()
    desk = await here.features.vouchers.desk()
    assert (await desk.put_back("redeem-number-0001", patience=0.1)).state is State.PUTBACK_QUEUED
    export(made.folder, None, backup, PASSPHRASE, Runtime(), CHEAP)
    await made.portal.come()


async def test_the_restored_one_goes_on_and_the_old_one_is_locked_out(tmp_path: Path) -> None:
    backup = tmp_path / "shop.tbk"
    async with scene(tmp_path) as made:
        async with at_work(made) as here:
            before = fingerprint(here)
            await in_the_way(made, here, backup)
        assert (await restored(backup, tmp_path / "new")).linked
        links = await made.portal.count()
        async with paired_counter(tmp_path / "new", made.settings) as new:
            await until(lambda: new.features.vouchers.there is not None)
            desk = await new.features.vouchers.desk()
            # What was under way at the backup is told again under its own key, and once.
            await until(lambda: desk.find("redeem-number-0001").state in ENDED)
            await until(lambda: fingerprint(new) != before)
            assert (await made.balance(NUMBERS[0]), (await made.kinds()).count("put_back")) == (5000, 1)
            assert await made.portal.count() == links, "the same link"
            async with paired_counter(made.folder, made.settings) as old:
                found = await refused(old)
                assert (found.code, found.place) == (Code.LINK_REVOKED, OLD_KEY)
                assert old.features.portal.standing().state is LinkState.REVOKED
                page = (await (await old.person()).get("/portal")).text
                assert "was renewed since by another computer" in page
            paid = await book(new, "redeem-number-0002", Kind.REDEEM, NUMBERS[1], 1000)
            assert paid.state is State.DONE
        await made.sound()


async def test_a_backup_of_before_a_renewal_says_that_it_must_be_paired_anew(tmp_path: Path) -> None:
    backup = tmp_path / "shop.tbk"
    async with scene(tmp_path) as made:
        async with at_work(made) as here:
            export(made.folder, None, backup, PASSPHRASE, Runtime(), CHEAP)
            found = await connection(here)
            await found.rotation.rotate(found.http())
        await restored(backup, tmp_path / "new")
        async with paired_counter(tmp_path / "new", made.settings) as new:
            await until(lambda: new.features.portal.standing().state is LinkState.REVOKED)
            trouble = new.features.portal.standing().trouble
            assert trouble is not None
            assert (trouble.code, trouble.place) == (Code.LINK_REVOKED, OLD_KEY)
            assert "older backup" in trouble.detail
            assert "neue PIN" in (await (await new.person("de")).get("/portal")).text
            await new.features.portal.start_pairing(await made.portal.pin(replace=True))
            await until(lambda: new.features.portal.standing().state is LinkState.ACTIVE)
            assert (await book(new, "redeem-number-0003", Kind.REDEEM, NUMBERS[1], 1000)).state is State.DONE
