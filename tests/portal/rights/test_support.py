"""Support access: off, opened for a while, closed by itself or by hand; and the operator's merchants."""

import pytest
from sqlalchemy import select

from tests.portal.browser import Browser
from tests.portal.rights.crew import Crew, at, crew, places, staff
from tests.portal.rights.letters import invitation_to
from tests.portal.rights.site import ONE_DATABASE, portal, signed_in
from tests.portal.rights.test_escalation import refused
from tillbridge.domain.errors import Code
from tillbridge.portal.accounts import people_store
from tillbridge.portal.accounts.grants import EVERYTHING, Grant
from tillbridge.portal.accounts.people_service import People
from tillbridge.portal.accounts.people_store import Search
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.accounts.support import STAFF_EDITS, staff_reaches
from tillbridge.portal.accounts.support_service import Opening, Support
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.locations.tables import location, tenant
from tillbridge.portal.rights import Action, Area, Person, Reach, Right


async def _open(team: Crew, by: Person, grant: Grant = EVERYTHING, hours: int = 4) -> None:
    await Support(team.house).open(by, Opening(grant, hours, "The till does not pair"))


async def _reaches(team: Crew) -> dict[Right, Reach]:
    async with team.house.database.reading() as connection:
        return dict(await staff_reaches(connection, team.tenant_id, team.house.runtime.clock.now()))


async def test_staff_sees_nothing_of_a_merchant_who_opened_nothing(house: House) -> None:
    team = await crew(house)
    assert await _reaches(team) == {}
    browser = await signed_in(house, await staff(house))
    page = await browser.get("/operator")
    assert "Bäckerei Sommer" in page.text
    assert "/operator/help/" not in page.text
    forced = await browser.post(f"/operator/help/{team.tenant_id}", page="/operator/new")
    assert forced.status == 404
    assert (await browser.get("/people")).status == 403


async def test_access_closes_itself_after_its_hours(house: House) -> None:
    team = await crew(house)
    olga = await team.join("Olga")
    await _open(team, olga, hours=72)
    hanna = await signed_in(house, await staff(house))
    await hanna.follow(await hanna.post(f"/operator/help/{team.tenant_id}", page="/operator"))
    page = await hanna.get("/people")
    assert (page.status, "on behalf of Bäckerei Sommer" in page.text) == (200, True)
    for hours in range(71):
        house.runtime.clock.forward(hours=1)  # type: ignore[attr-defined]
        if hours % 10 == 0:
            assert (await hanna.get("/people")).status == 200
    house.runtime.clock.forward(minutes=59, seconds=59)  # type: ignore[attr-defined]
    assert (await hanna.get("/people")).status == 200
    house.runtime.clock.forward(seconds=1)  # type: ignore[attr-defined]
    closed = await hanna.get("/people")
    assert (closed.status, "Sommer" in closed.text) == (403, False)
    assert await _reaches(team) == {}


async def test_access_can_be_closed_at_once(house: House) -> None:
    team = await crew(house)
    olga = await team.join("Olga")
    await _open(team, olga)
    hanna = await signed_in(house, await staff(house))
    await hanna.post(f"/operator/help/{team.tenant_id}", page="/operator")
    owner = Browser(portal(house, olga))
    [access] = await Support(house).page(olga)
    closed = await owner.follow(await owner.post(f"/people/support/{access.id}/close", page="/people/support"))
    assert "Nothing is open" in closed.text
    assert (await hanna.get("/people")).status == 403
    await refused(Support(house).close(olga, access.id), Code.RECORD_UNKNOWN)


async def test_staff_views_all_and_edits_little(house: House) -> None:
    team = await crew(house)
    olga = await team.join("Olga")
    await _open(team, olga)
    reaches = await _reaches(team)
    everywhere = Reach(everywhere=True)
    assert {right.area for right in reaches if right.action is Action.EDIT} == STAFF_EDITS
    assert all(reaches[Right(area, Action.VIEW)] == everywhere for area in Area)
    assert {Area.PEOPLE, Area.SUPPORT, Area.LICENCES, Area.PAYMENTS}.isdisjoint(STAFF_EDITS)


@ONE_DATABASE
async def test_staff_changes_no_people_and_opens_no_access(house: House) -> None:
    team = await crew(house)
    olga = await team.join("Olga")
    await _open(team, olga)
    helper = await staff(house)
    hanna = await signed_in(house, helper)
    await hanna.post(f"/operator/help/{team.tenant_id}", page="/operator")
    page = await hanna.get(f"/people/{olga.id}")
    assert (page.status, "/memberships" in page.text) == (200, False)
    token = page.text.partition('name="token" value="')[2].partition('"')[0]
    membership = (await team.memberships(olga))["owner"]
    for path in (
        "/people/invite",
        f"/people/{olga.id}/disable",
        f"/people/{olga.id}/memberships/{membership}/remove",
        "/people/groups/new",
    ):
        assert (await hanna.post(path, token=token)).status == 403, path
    more = await hanna.post("/people/support", token=token, scope="tenant", hours="72", reason="longer")
    assert more.status == 403
    assert len(await Support(house).page(olga)) == 1


async def test_access_for_one_location_reaches_that_one(house: House) -> None:
    team = await crew(house)
    shops = await places(house, team.tenant_id, keeps=("reports",))
    olga = await team.join("Olga")
    await _open(team, olga, at(shops.north))
    assert set((await _reaches(team)).values()) == {Reach(locations=frozenset({shops.north}))}
    await _open(team, olga)
    assert (await _reaches(team))[Right(Area.REPORTS, Action.VIEW)] == Reach(locations=shops.own)


@ONE_DATABASE
@pytest.mark.parametrize(("hours", "reason"), [(0, "why not"), (73, "why not"), (4, ""), (4, "x" * 301)])
async def test_access_has_an_end_and_a_reason(house: House, hours: int, reason: str) -> None:
    team = await crew(house)
    olga = await team.join("Olga")
    await refused(Support(house).open(olga, Opening(EVERYTHING, hours, reason)), Code.FIELD_INVALID)
    assert await _reaches(team) == {}


async def test_only_who_may_opens_and_only_where(house: House) -> None:
    ours, theirs = await crew(house), await crew(house, "Café Winter", 2)
    shops, far = await places(house, ours.tenant_id), await places(house, theirs.tenant_id, 2000)
    olga, wilma = await ours.join("Olga"), await theirs.join("Wilma")
    mara = await ours.join("Mara", Stock.MANAGER, at(shops.north))
    nora = await ours.join("Nora", Stock.OWNER, at(shops.north))
    await refused(_open(ours, mara), Code.RIGHT_MISSING)
    await refused(_open(ours, nora), Code.RIGHT_MISSING)
    await refused(_open(ours, nora, at(shops.south)), Code.RECORD_UNKNOWN)
    await refused(_open(ours, olga, at(far.north)), Code.RECORD_UNKNOWN)
    await _open(ours, nora, at(shops.north))
    [access] = await Support(house).page(olga)
    await refused(Support(house).close(wilma, access.id), Code.RECORD_UNKNOWN)
    house.runtime.clock.forward(minutes=6)  # type: ignore[attr-defined]
    await refused(_open(ours, olga), Code.STEP_UP_NEEDED)


async def test_each_act_of_staff_is_logged_under_the_helpers_own_name(house: House) -> None:
    team = await crew(house)
    olga = await team.join("Olga")
    await _open(team, olga)
    hanna = await signed_in(house, await staff(house))
    await hanna.post(f"/operator/help/{team.tenant_id}", page="/operator")
    await hanna.follow(await hanna.post("/operator/leave", page="/operator"))
    assert (await hanna.get("/people")).status == 403
    async with house.database.reading() as connection:
        wanted = select(audit_entry).where(audit_entry.c.tenant_id == team.tenant_id).order_by(audit_entry.c.id)
        rows = [row for row in (await connection.execute(wanted)).all() if row.event.startswith("support.")]
    assert [row.event for row in rows] == ["support.opened", "support.entered", "support.left"]
    assert rows[0].reason == "The till does not pair"
    assert {row.actor_name for row in rows[1:]} == {"Hanna Helper <hanna@operator.example>"}
    assert rows[2].on_behalf_of == "Bäckerei Sommer"


@ONE_DATABASE
async def test_the_form_opens_access(house: House) -> None:
    team = await crew(house)
    shops = await places(house, team.tenant_id)
    browser = Browser(portal(house, await team.join("Olga")))
    form = {"scope": "location", "location": shops.north, "hours": "8", "reason": "Printer"}
    for field, value in (("hours", "100"), ("hours", "4.5"), ("hours", "²"), ("reason", ""), ("scope", "planet")):
        wrong = await browser.post("/people/support", page="/people/support", **{**form, field: value})
        assert (wrong.status, f'id="{field}-wrong"' in wrong.text) == (400, True), (field, value)
    opened = await browser.follow(await browser.post("/people/support", page="/people/support", **form))
    assert "Printer" in opened.text
    assert "North" in opened.text


async def test_a_new_merchant_begins_with_head_office_groups_and_an_invited_owner(house: House) -> None:
    hanna = await signed_in(house, await staff(house))
    form = {
        "merchant": "Café Winter",
        "country": "CZ",
        "currency": "CZK",
        "time_zone": "Europe/Prague",
        "owner_email": "wilma@winter.example",
        "owner_name": "Wilma Winter",
        "language": "cs",
    }
    for field, value in (("merchant", ""), ("country", "XX"), ("owner_email", "wilma"), ("owner_name", "")):
        wrong = await hanna.post("/operator/new", page="/operator/new", **{**form, field: value})
        assert (wrong.status, f'id="{field}-wrong"' in wrong.text) == (422, True), field
    async with house.database.reading() as connection:
        assert (await connection.execute(select(tenant.c.id))).all() == [], "nothing is half made"
    made = await hanna.follow(await hanna.post("/operator/new", page="/operator/new", **form))
    assert "Café Winter" in made.text
    twice = await hanna.post("/operator/new", page="/operator/new", **{**form, "merchant": "Second"})
    assert 'id="owner_email-wrong"' in twice.text
    async with house.database.reading() as connection:
        [one] = (await connection.execute(select(tenant))).all()
        [office] = (await connection.execute(select(location))).all()
    assert (office.name, office.kind, office.client_number, office.tenant_id) == (
        "Café Winter",
        "head_office",
        1,
        one.id,
    )
    path = await invitation_to(house, "wilma@winter.example")
    password = {"name": "Wilma", "language": "cs", "password": "čtyři modré lodě"}
    await hanna.follow(await hanna.post("/invitation", token=path.partition("token=")[2], **password))
    team = Crew(house, one.id, {}, 1)
    async with house.database.reading() as connection:
        [owner] = await people_store.owners(connection, one.id)
    wilma = await team.now(Person(owner.id, owner.name, owner.email, owner.language, one.id))
    found, _ = await People(house).page(wilma, Search())
    assert [row.one.name for row in found] == ["Wilma"]
    assert wilma.may(Area.LOCATIONS, Action.EDIT, office.id)


@ONE_DATABASE
async def test_the_operators_pages_are_not_there_for_anybody_else(house: House) -> None:
    team = await crew(house)
    browser = Browser(portal(house, await team.join("Olga")))
    for path in ("/operator", "/operator/new"):
        assert (await browser.get(path)).status == 404
    for path in ("/operator/new", "/operator/leave", f"/operator/help/{team.tenant_id}"):
        assert (await browser.post(path, page="/people/groups/new")).status == 404
    assert 'href="/operator"' not in (await browser.get("/people")).text
