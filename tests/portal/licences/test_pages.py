"""The pages of licences, as a browser sees them."""

import re

from tests.portal.browser import Browser
from tests.portal.clock import HandClock
from tests.portal.locations.persons import Standing, owner, somebody, staff
from tests.portal.locations.test_service import founded
from tillbridge.portal.app import portal_app
from tillbridge.portal.house import House
from tillbridge.portal.licences.feature import feature
from tillbridge.portal.rights import Person


def browser(house: House, person: Person, language: str = "en") -> Browser:
    return Browser(portal_app(house, Standing(person), [feature(house)]), language=language)


async def test_a_licence_is_allotted_and_withdrawn_by_forms(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    seen = browser(house, owner(tenant_id, stepped_up_at=clock.now()))
    form = f"/licences/{head}/allot"
    page = (await seen.get(form)).text
    assert 'value="2026-03-14"' in page
    given = await seen.post(form, page=form, product="web_vouchers", first="2026-03-14", last="2026-03-31")
    shown = (await seen.follow(given)).text
    assert "The licence has been allotted." in shown
    assert "2026-03-14 to 2026-03-31" in shown
    assert "until 2026-03-31" in (await seen.get("/licences")).text
    (path,) = re.findall(rf"/licences/{head}/withdraw/[0-9a-f]{{32}}", shown)
    taken = await seen.follow(await seen.post(path, page=path, reason="gekündigt"))
    assert "Withdrawn on 2026-03-14" in taken.text
    assert "until 2026-03-31" not in (await seen.get("/licences")).text


async def test_a_wrong_form_says_where(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    seen = browser(house, owner(tenant_id, stepped_up_at=clock.now()))
    for changed, said in (
        ({"first": ""}, "Please enter a day"),
        ({"first": "31.12.2026"}, "Please enter a day"),
        ({"first": "0001-01-01"}, "Please enter a day"),
        ({"last": "9999-12-31"}, "Please enter a day"),
        ({"last": "2026-03-01"}, "The last day lies before the first one"),
        ({"product": "gold"}, "Please choose a licence."),
    ):
        form = {"product": "reports", "first": "2026-03-14", "last": ""} | changed
        reply = await seen.post(f"/licences/{head}/allot", page=f"/licences/{head}/allot", **form)
        assert reply.status == 400
        assert said in reply.text
    assert "This location has no licence" in (await seen.get(f"/licences/{head}")).text


async def test_whoever_may_not_or_lacks_the_proof(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    _, foreign = await founded(house, "Café")
    now = clock.now()
    allot = f"/licences/{head}/allot"
    assert (await browser(house, owner(tenant_id)).get(allot)).location == f"/step-up?next={allot}"
    reader = browser(house, somebody(tenant_id, "licences.view", stepped_up_at=now))
    assert (await reader.get(allot)).status == 403
    assert "allot" not in (await reader.get(f"/licences/{head}")).text
    assert (await browser(house, owner(tenant_id, stepped_up_at=now)).get(f"/licences/{foreign}")).status == 404
    assert (await browser(house, somebody(tenant_id, "locations.view")).get("/licences")).status == 403
    forged = browser(house, owner(tenant_id, stepped_up_at=now))
    assert (await forged.post(allot, token="another", product="reports", first="2026-03-14")).status == 403


async def test_the_operators_staff_chooses_a_merchant(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    seen = browser(house, staff(stepped_up_at=clock.now()))
    assert f"/licences?merchant={tenant_id}" in (await seen.get("/licences")).text
    assert "Bäckerei Sommer" in (await seen.get(f"/licences?merchant={tenant_id}")).text
    assert (await seen.get("/licences?merchant=nobody")).status == 404
    assert (await seen.get(f"/licences/{head}/allot")).status == 200


async def test_the_pages_speak_the_readers_language(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    for language in ("de", "fr", "cs"):
        seen = browser(house, owner(tenant_id, stepped_up_at=clock.now()), language)
        form = f"/licences/{head}/allot"
        assert (await seen.post(form, page=form, product="reports", first="2026-03-14")).status == 303
        for path in ("/licences", f"/licences/{head}", form):
            assert (await seen.get(path)).status == 200
