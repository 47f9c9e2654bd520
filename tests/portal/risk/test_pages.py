"""The page of risk, asked as a browser asks it."""

import re
from dataclasses import replace

from tests.portal.browser import Browser
from tests.portal.people import Standing, somebody
from tests.portal.vouchers.office import events, system
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.app import portal_app
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.rights import Person
from tillbridge.portal.risk import store
from tillbridge.portal.risk.model import RiskLimits
from tillbridge.portal.risk.pages import RiskPages
from tillbridge.portal.risk.service import Risks


def browser(house: House, person: Person) -> Browser:
    risk = Feature("risk", pages=lambda site: RiskPages(site, Risks(house)).routes())
    return Browser(portal_app(house, Standing(person), [risk]))


async def limits_of(house: House, location_id: str) -> RiskLimits | None:
    async with house.database.reading() as connection:
        return (await store.limits(connection, {location_id})).get(location_id)


async def test_limits_and_numbers_are_set_and_noted(house: House) -> None:
    person, one, (place, other) = await system(house, "DE", "DE")
    asked, here = browser(house, person), f"/vouchers/systems/{one.id}/risk"
    page = await asked.get(here)
    assert (page.status, page.text.count('name="per_voucher"')) == (200, 2)
    form = {"location": place, "per_voucher": "20", "per_day": "100,00", "open_total": "500"}
    saved = await asked.post(f"{here}/limits", page=here, **form, in_maintenance="on")
    assert saved.location == f"{here}?done=limits"
    assert await limits_of(house, place) == RiskLimits(2000, 10_000, 50_000, in_maintenance=True)
    assert await limits_of(house, other) is None
    assert (await asked.post(f"{here}/numbers", page=here, number=" AB12 ")).status == 303
    assert "AB12" in (await asked.get(f"{here}?done=number_added")).text
    assert (await asked.post(f"{here}/numbers/remove", page=here, number="AB12")).status == 303
    noted = [event for event, _ in await events(house) if event.startswith("voucher_risk")]
    assert noted == [
        "voucher_risk.limits_changed",
        "voucher_risk.merchant_number_added",
        "voucher_risk.merchant_number_removed",
    ]


async def test_what_is_wrong_is_said_at_its_field_and_nothing_is_set(house: House) -> None:
    person, one, (place,) = await system(house, "DE")
    asked, here = browser(house, person), f"/vouchers/systems/{one.id}/risk"
    form = {"location": place, "per_voucher": "1e3", "per_day": "100", "open_total": "500"}
    wrong = await asked.post(f"{here}/limits", page=here, **form)
    assert (wrong.status, 'aria-invalid="true"' in wrong.text, "1e3" in wrong.text) == (400, True, True)
    half = await asked.post(f"{here}/limits", page=here, **(form | {"per_voucher": "0"}))
    assert (half.status, "all three" in half.text) == (400, True)
    number = await asked.post(f"{here}/numbers", page=here, number="a b")
    assert (number.status, 'aria-invalid="true"' in number.text) == (400, True)
    assert await limits_of(house, place) is None


async def test_a_right_and_a_fresh_proof_are_needed(house: House) -> None:
    person, one, (place, other) = await system(house, "DE", "DE")
    here = f"/vouchers/systems/{one.id}/risk"
    form = {"location": place, "per_voucher": "20", "per_day": "100", "open_total": "500"}
    stale = browser(house, replace(person, stepped_up_at=None))
    assert (await stale.post(f"{here}/limits", page=here, **form)).status != 200
    viewer = browser(house, somebody(person.home, "vouchers.risk.view"))
    page = await viewer.get(here)
    assert (page.status, "<form" in page.text.partition("<main")[2]) == (200, False)
    assert (await viewer.post(f"{here}/limits", **form)).status == 403
    local = somebody(person.home, "vouchers.risk.edit", locations=frozenset({place}))
    local = replace(local, stepped_up_at=house.runtime.clock.now())
    asked = browser(house, local)
    assert (await asked.get(here)).text.count('name="per_voucher"') == 1
    assert (await asked.post(f"{here}/numbers", page=here, number="12")).status == 403
    assert (await asked.post(f"{here}/limits", page=here, **(form | {"location": other}))).status == 404
    assert (await browser(house, somebody(person.home, "vouchers.codes.edit")).get(here)).status == 403
    stranger = replace(person, tenant_id="f" * 32)
    assert (await browser(house, stranger).get(here)).status == 404
    assert await limits_of(house, place) is None
    assert (await asked.post(f"{here}/limits", page=here, **form)).status == 303
    assert await limits_of(house, place) == RiskLimits(2000, 10_000, 50_000)


async def test_every_language_has_its_words(house: House) -> None:
    person, one, _ = await system(house, "DE")
    for language in Language:
        page = await browser(house, replace(person, language=language)).get(f"/vouchers/systems/{one.id}/risk")
        assert page.status == 200
        assert not re.search(r"[{}]|risk\.[a-z]|vouchers\.[a-z]", page.text.partition("<main")[2])
