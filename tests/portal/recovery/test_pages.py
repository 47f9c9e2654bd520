"""The page of a recovery, asked as a browser asks it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.portal.browser import Browser
from tests.portal.people import Standing, owner, somebody
from tests.portal.recovery.conftest import Shop
from tests.portal.recovery.telling import Journal, load, tell
from tests.portal.recovery.test_recovery import linked
from tests.portal.vouchers.floor import Floor
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.app import portal_app
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.feature import Feature
from tillbridge.portal.recovery.model import Cause
from tillbridge.portal.recovery.office import RecoveryOffice
from tillbridge.portal.recovery.pages import RecoveryPages, banners
from tillbridge.portal.recovery.service import Recoveries
from tillbridge.portal.rights import Person
from tillbridge.portal.sealing.addresses import HeadAddresses


def browser(floor: Floor, person: Person) -> Browser:
    office = RecoveryOffice(floor.house, Recoveries(floor.house, floor.desk))
    addresses = HeadAddresses(floor.house)
    feature = Feature(
        "recovery", pages=lambda site: RecoveryPages(site, office, addresses).routes(), banners=(banners(floor.house),)
    )
    return Browser(portal_app(floor.house, Standing(person), [feature]))


def _owner(floor: Floor) -> Person:
    return owner(floor.here.tenant_id, stepped_up_at=floor.house.runtime.clock.now())


async def _lost(closed_shop: Shop) -> None:
    """A load of a voucher that the backup does not have, told by one of two tills."""
    async with closed_shop.open() as floor:
        await linked(floor, floor.here, floor.there)
    closed_shop.back_up()
    async with closed_shop.open() as floor:
        mine = Journal(floor.here)
        (number,) = await floor.vouchers(1)
        await load(floor, mine, number, 300)
    closed_shop.restore()
    async with closed_shop.open() as floor:
        recoveries = Recoveries(floor.house, floor.desk)
        await recoveries.begin(Cause.PERSON, PORTAL)
        await tell(recoveries, mine)


async def test_ended_and_settled_by_a_named_person_with_a_reason(closed_shop: Shop) -> None:
    await _lost(closed_shop)
    async with closed_shop.open() as floor:
        asked, here = browser(floor, _owner(floor)), f"/vouchers/systems/{floor.system_id}/recovery"
        page = await asked.get(here)
        assert (page.status, "not yet" in page.text, "The portal was restored from a backup" in page.text) == (
            200,
            True,
            True,
        )
        wrong = await asked.post(f"{here}/end", page=here, reason=" ")
        assert (wrong.status, 'aria-invalid="true"' in wrong.text) == (400, True)
        done = await asked.post(f"{here}/end", page=here, reason="the till was stolen")
        assert done.location == f"{here}?done=ended"
        page = await asked.get(f"{here}?done=ended")
        assert "the till was stolen" in page.text
        assert "The portal was restored from a backup" not in page.text
        standing = await Recoveries.of(floor.house).standing(floor.system_id)
        assert standing is not None
        (case,) = standing.cases
        assert case.number not in page.text
        wrong = await asked.post(f"{here}/heads", page=here, recipient="nobody")
        assert (wrong.status, "enter an e-mail address" in wrong.text, 'value="nobody"' in wrong.text) == (
            400,
            True,
            True,
        )
        done = await asked.post(f"{here}/heads", page=here, recipient="books@shop.example")
        assert done.location == f"{here}?done=heads"
        reader = browser(floor, somebody(floor.here.tenant_id, "vouchers.correct.view"))
        assert "It is sent to books@shop.example." in (await reader.get(here)).text
        assert (await reader.post(f"{here}/heads", page=here, recipient="mine@evil.example")).status == 403
        settle = f"{here}/cases/{case.id}"
        wrong = await asked.post(settle, page=here, reason="")
        assert (wrong.status, 'aria-invalid="true"' in wrong.text) == (400, True)
        assert (await asked.post(settle, page=here, reason="a new one was given")).location == f"{here}?done=settled"
        assert (await asked.post(settle, page=here, reason="twice")).status == 404
        assert (await asked.post(f"{here}/end", page=here, reason="twice")).status in {404, 409}


@pytest.mark.parametrize("rights", [(), ("vouchers.state.edit",), ("vouchers.settings.edit",)])
async def test_without_the_right_nobody_looks_or_ends(closed_shop: Shop, rights: Sequence[str]) -> None:
    await _lost(closed_shop)
    async with closed_shop.open() as floor:
        asked = browser(floor, somebody(floor.here.tenant_id, *rights))
        here = f"/vouchers/systems/{floor.system_id}/recovery"
        assert (await asked.get(here)).status == 403
        foreign = browser(floor, owner("f" * 32, stepped_up_at=floor.house.runtime.clock.now()))
        assert (await foreign.get(here)).status == 404


async def test_it_needs_a_fresh_proof(closed_shop: Shop) -> None:
    await _lost(closed_shop)
    async with closed_shop.open() as floor:
        here = f"/vouchers/systems/{floor.system_id}/recovery"
        asked = browser(floor, replace(_owner(floor), stepped_up_at=None))
        await asked.post(f"{here}/end", page=here, reason="the till was stolen")
        assert len(await Recoveries.of(floor.house).standings()) == 1


@pytest.mark.parametrize("language", list(Language))
async def test_the_page_is_there_in_every_language(closed_shop: Shop, language: Language) -> None:
    await _lost(closed_shop)
    async with closed_shop.open() as floor:
        asked = browser(floor, replace(_owner(floor), language=language))
        page = await asked.get(f"/vouchers/systems/{floor.system_id}/recovery")
        assert (page.status, f'lang="{language.value}"' in page.text) == (200, True)
