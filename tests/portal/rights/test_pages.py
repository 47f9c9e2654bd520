"""The pages of people and groups, in every language, for those who may and those who may not."""

from dataclasses import replace

import pytest

from tests.portal.browser import Browser
from tests.portal.rights.crew import Crew, Places, at, crew, places
from tests.portal.rights.letters import letters_to
from tests.portal.rights.site import ONE_DATABASE, portal, signed_in
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.accounts.groups_service import Groups
from tillbridge.portal.accounts.model import PersonState
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.house import House
from tillbridge.portal.rights import Area, Person, Right

EVIL = "<script>alert(1)</script>"


async def _scene(house: House) -> tuple[Crew, Places, Person, Person]:
    team = await crew(house)
    shops = await places(house, team.tenant_id)
    olga = await team.join("Olga")
    return team, shops, olga, await team.join("Mara", Stock.MANAGER, at(shops.north))


@ONE_DATABASE
@pytest.mark.parametrize("language", Language)
async def test_every_page_speaks_every_language(house: House, language: Language) -> None:
    team, _, olga, mara = await _scene(house)
    own = await Groups(house).make(olga, "Field service", frozenset())
    browser = Browser(portal(house, replace(olga, language=None)), language=language.value)
    group = team.groups[Stock.TECHNICIAN].id
    for path in (
        "/people",
        "/people?q=mara&state=active",
        "/people?q=nobody-at-all",
        "/people/invite",
        f"/people/{mara.id}",
        f"/people/{olga.id}?done=put",
        f"/people/{mara.id}/remove",
        "/people/groups",
        "/people/groups/new",
        f"/people/groups/{group}",
        f"/people/groups/{own.id}",
        f"/people/groups/{group}/edit",
        "/people/support",
        "/invitation?token=x",
        "/invitation/accepted",
    ):
        reply = await browser.get(path)
        assert reply.status == (404 if path.startswith("/invitation?") else 200), (path, reply.text[-1500:])
        assert f'<html lang="{language.value}">' in reply.text


async def test_the_list_finds_people_by_name_address_and_state(house: House) -> None:
    team, _, olga, _ = await _scene(house)
    browser = Browser(portal(house, olga))
    await team.join("Percent%", Stock.AUDITOR)
    for query, found in (("", "Olga Mara Percent%"), ("q=MARA", "Mara"), ("q=olga.1@", "Olga"), ("q=%25", "Percent%")):
        text = (await browser.get(f"/people?{query}")).text
        for name in ("Olga", "Mara", "Percent%"):
            assert (f">{name}</a></th>" in text) is (name in found), (query, name)
    assert ">Mara</a>" not in (await browser.get("/people?state=invited")).text


@ONE_DATABASE
async def test_a_long_list_comes_in_pages(house: House) -> None:
    team = await crew(house)
    olga = await team.join("Olga")
    for number in range(51):
        await team.join(f"Aide{number:02d}", Stock.AUDITOR)
    browser = Browser(portal(house, olga))
    first, second = (await browser.get("/people")).text, (await browser.get("/people?from=50")).text
    assert ("Aide49" in first, "Aide50" in first, "Olga</a></th>" in first) == (True, False, False)
    assert "Aide50" in second
    assert 'href="/people?from=50"' in first
    assert 'href="/people?from=0"' in second


@ONE_DATABASE
async def test_inviting_by_the_form(house: House) -> None:
    team, shops, olga, _ = await _scene(house)
    browser = Browser(portal(house, olga))
    form = {
        "email": "Nina@Shop.Example",
        "name": EVIL,
        "language": "cs",
        "group": team.groups[Stock.ACCOUNTING].id,
        "scope": "location",
        "location": shops.south,
    }
    for field, value in (("email", "nobody"), ("name", ""), ("language", ""), ("scope", ""), ("location", "x")):
        wrong = await browser.post("/people/invite", page="/people/invite", **{**form, field: value})
        assert wrong.status == 400, field
        assert f'id="{field}-wrong"' in wrong.text
        assert EVIL.encode() not in wrong.body
    wrong = await browser.post("/people/invite", page="/people/invite", **{**form, "group": ""})
    assert (wrong.status, 'id="group-wrong"' in wrong.text) == (404, True)
    sent = await browser.post("/people/invite", page="/people/invite", **form)
    page = await browser.follow(sent)
    assert EVIL.encode() not in page.body
    assert "Only South" in page.text or "South only" in page.text
    assert "nina@shop.example" in page.text
    assert len(await letters_to(house, "nina@shop.example")) == 1
    again = await browser.post("/people/invite", page="/people/invite", **form)
    assert again.status == 409
    assert "already has an account" in again.text


async def test_giving_and_taking_rights_on_somebodys_page(house: House) -> None:
    team, shops, olga, mara = await _scene(house)
    browser, page = Browser(portal(house, olga)), f"/people/{mara.id}"
    form = {"group": team.groups[Stock.TECHNICIAN].id, "scope": "subtree", "location": shops.south}
    assert "Technician" in (await browser.follow(await browser.post(f"{page}/memberships", page=page, **form))).text
    twice = await browser.post(f"{page}/memberships", page=page, **form)
    assert (twice.status, "already" in twice.text) == (409, True)
    nowhere = await browser.post(f"{page}/memberships", page=page, **{**form, "location": "f" * 32})
    assert nowhere.status == 404
    membership = (await team.memberships(mara))["technician"]
    await browser.follow(await browser.post(f"{page}/memberships/{membership}/remove", page=page))
    assert set(await team.memberships(mara)) == {"manager"}
    own = (await team.memberships(olga))["owner"]
    last = await browser.post(f"/people/{olga.id}/memberships/{own}/remove", page=f"/people/{olga.id}")
    assert last.status == 409
    assert "The last owner stays" in last.text


@ONE_DATABASE
async def test_a_disabled_person_is_signed_out_at_once(house: House) -> None:
    team, _, olga, _ = await _scene(house)
    adam = await team.join("Adam", Stock.AUDITOR)
    theirs = await signed_in(house, adam)
    assert (await theirs.get("/people")).status == 200
    ours, page = Browser(portal(house, olga)), f"/people/{adam.id}"
    await ours.follow(await ours.post(f"{page}/disable", page=page))
    gone = await theirs.get("/people")
    assert gone.location.startswith("/sign-in")
    await ours.follow(await ours.post(f"{page}/enable", page=page))
    assert await team.state(adam) is PersonState.ACTIVE
    assert (await theirs.get("/people")).location.startswith("/sign-in"), "the old session stays ended"


async def test_removing_somebody_asks_first_and_then_leaves_nothing(house: House) -> None:
    team, _, olga, mara = await _scene(house)
    theirs = await signed_in(house, mara)
    browser, page = Browser(portal(house, olga)), f"/people/{mara.id}/remove"
    done = await browser.follow(await browser.post(page, page=page))
    assert "has been removed" in done.text
    assert (await browser.get(f"/people/{mara.id}")).status == 404
    assert (await theirs.get("/people")).location.startswith("/sign-in")
    assert await team.state(mara) is None


@ONE_DATABASE
async def test_a_right_taken_from_a_group_on_its_page_fails_the_very_next_request(house: House) -> None:
    team, _, olga, _ = await _scene(house)
    group = await Groups(house).make(olga, "Personnel", frozenset({_right("people.view"), _right("people.edit")}))
    paula = await signed_in(house, await team.join("Paula", group))
    assert (await paula.get("/people")).status == 200
    ours, page = Browser(portal(house, olga)), f"/people/groups/{group.id}/edit"
    form = {"name": "Personnel", "right.locations.view": "on", "right.nonsense.edit": "on"}
    shown = await ours.follow(await ours.post(page, page=page, **form))
    assert "The group has been changed" in shown.text
    assert (await paula.get("/people")).status == 403


@ONE_DATABASE
async def test_the_matrix_shows_and_takes_ticks(house: House) -> None:
    team, _, olga, _ = await _scene(house)
    browser = Browser(portal(house, olga))
    form = {"name": "Night shift", "right.services.edit": "on", "right.reports.view": "on"}
    made = await browser.post("/people/groups/new", page="/people/groups/new", **form)
    page = (await browser.get(made.location.partition("?")[0] + "/edit")).text
    for right in ("services.edit", "services.view", "reports.view"):
        assert f'name="right.{right}" value="on" checked' in page
    assert 'name="right.audit.view"' in page
    assert 'name="right.audit.edit"' not in page, "nobody edits the audit log"
    for wrong in ("", "Night Shift", "x" * 61):
        refused = await browser.post("/people/groups/new", page="/people/groups/new", **{**form, "name": wrong})
        assert 'id="name-wrong"' in refused.text
    owners = f"/people/groups/{team.groups[Stock.OWNER].id}"
    assert "edit" not in (await browser.get(owners)).text.partition("<main")[2].partition("<table")[0].lower()
    removed = await browser.post(f"{made.location.partition('?')[0]}/remove", page="/people/groups/new")
    assert "has been removed" in (await browser.follow(removed)).text


@ONE_DATABASE
async def test_boxes_of_rights_that_the_editor_lacks_stay_as_they_are(house: House) -> None:
    team, _, olga, _ = await _scene(house)
    admins = await Groups(house).make(olga, "Admins", frozenset({_right("people.edit"), _right("services.edit")}))
    ada = await team.join("Ada", admins)
    browser = Browser(portal(house, ada))
    page = (await browser.get("/people/groups/new")).text
    assert 'name="right.services.edit" value="on">' in page
    assert 'name="right.licences.edit" value="on" disabled>' in page
    form = {"name": "Sly", "right.licences.edit": "on", "right.services.view": "on"}
    made = await browser.post("/people/groups/new", page="/people/groups/new", **form)
    group = await Groups(house).show(olga, made.location.partition("?")[0].rpartition("/")[2])
    assert group.group.rights == {_right("services.view")}


@ONE_DATABASE
async def test_somebody_without_rights_finds_no_people(house: House) -> None:
    team, shops, _, mara = await _scene(house)
    browser = Browser(portal(house, mara))
    for path in ("/people", "/people/invite", "/people/groups", "/people/groups/new", "/people/support"):
        assert (await browser.get(path)).status == 403, path
    assert 'href="/people"' not in (await browser.get("/people")).text
    reader = Browser(portal(house, await team.join("Rita", Stock.AUDITOR, at(shops.north))))
    page = (await reader.get("/people")).text
    assert (">Mara</a>" in page, ">Olga</a>" in page, "/people/invite" in page) == (True, False, False)


@ONE_DATABASE
async def test_forms_without_the_sessions_token_do_nothing(house: House) -> None:
    team, _, olga, mara = await _scene(house)
    browser = Browser(portal(house, olga))
    for path in (
        "/people/invite",
        f"/people/{mara.id}/memberships",
        f"/people/{mara.id}/memberships/{'0' * 32}/remove",
        f"/people/{mara.id}/invite-again",
        f"/people/{mara.id}/disable",
        f"/people/{mara.id}/enable",
        f"/people/{mara.id}/remove",
        "/people/groups/new",
        f"/people/groups/{team.groups[Stock.MANAGER].id}/edit",
        f"/people/groups/{team.groups[Stock.MANAGER].id}/remove",
        "/people/support",
        f"/people/support/{'0' * 32}/close",
        "/operator/new",
        "/operator/leave",
        f"/operator/help/{team.tenant_id}",
    ):
        assert (await browser.post(path, token="another session's")).status == 403, path
    assert await team.state(mara) is PersonState.ACTIVE


def _right(name: str) -> Right:
    found = Right.parse(name)
    assert found is not None
    assert found.area in Area
    return found
