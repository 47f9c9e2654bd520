"""The pages of locations, as a browser sees them."""

import html
import re

from sqlalchemy import event

from tests.portal.browser import Browser
from tests.portal.clock import HandClock
from tests.portal.locations.drafts import draft, typed
from tests.portal.locations.persons import Standing, owner, somebody
from tests.portal.locations.test_service import founded
from tests.portal.services.given import GivenLinks
from tests.portal.shops import shop
from tillbridge.portal.app import portal_app
from tillbridge.portal.house import House
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.locations.feature import feature
from tillbridge.portal.locations.model import Wish
from tillbridge.portal.locations.service import Locations
from tillbridge.portal.rights import Person


def browser(house: House, person: Person, links: GivenLinks | None = None, language: str = "en") -> Browser:
    return Browser(portal_app(house, Standing(person), [feature(house, links or GivenLinks())]), language=language)


async def test_a_shop_is_made_changed_and_closed_by_its_forms(house: House, clock: HandClock) -> None:
    tenant_id, _ = await founded(house)
    seen = browser(house, owner(tenant_id, stepped_up_at=clock.now()))
    made = await seen.follow(await seen.post("/locations/new", page="/locations/new", **typed()))
    assert "The location has been made." in made.text
    (number,) = re.findall(r"\b1000\d{4}\b", made.text)
    page = (await seen.get("/locations?q=Bach")).text
    (path,) = re.findall(r'href="(/locations/[0-9a-f]{32})"', page)
    assert number in page
    form = typed(name="Am See", independent="on", **{"restricted.reports": "on"})
    changed = await seen.follow(await seen.post(f"{path}/edit", page=f"{path}/edit", **form))
    assert "Independent franchisee" in changed.text
    assert "Keeps to itself" in changed.text
    closed = await seen.follow(await seen.post(f"{path}/close", page=f"{path}/close", reason=""))
    assert "The location is closed." in closed.text
    assert "Am See" not in (await seen.get("/locations")).text
    assert "Am See" in (await seen.get("/locations?closed=on")).text


async def test_a_wrong_form_comes_back_as_it_was_with_what_is_wrong(house: House) -> None:
    tenant_id, _ = await founded(house)
    seen = browser(house, owner(tenant_id))
    reply = await seen.post("/locations/new", page="/locations/new", **typed(name="", city="<b>Köln</b>"))
    assert reply.status == 400
    assert 'value="<b>Köln</b>"' in reply.text
    assert "<b>Köln" not in reply.body.decode()
    assert reply.text.count('aria-invalid="true"') == 1
    assert (await Locations(house).page(owner(tenant_id), Wish())).total == 1


async def test_a_form_of_another_site_is_refused(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    seen = browser(house, owner(tenant_id, stepped_up_at=clock.now()))
    for action in ("new", f"{head}/edit", f"{head}/close", f"{head}/move", f"{head}/move/withdraw"):
        for token in ("", "another"):
            assert (await seen.post(f"/locations/{action}", token=token, **typed())).status == 403
    found = (await Locations(house).page(owner(tenant_id), Wish())).locations
    assert [(one.name, one.open) for one in found] == [("Zentrale", True)]


async def test_whoever_lacks_the_fresh_proof_goes_for_it_before_the_form(house: House) -> None:
    tenant_id, head = await founded(house)
    for action in ("close", "move"):
        reply = await browser(house, owner(tenant_id)).get(f"/locations/{head}/{action}")
        assert (reply.status, reply.location) == (303, f"/step-up?next=/locations/{head}/{action}")


async def test_others_locations_are_not_there(house: House) -> None:
    _, foreign = await founded(house, "Café")
    tenant_id, head = await founded(house)
    branch = await Locations(house).create(owner(tenant_id), None, draft())
    narrow = somebody(tenant_id, "locations.edit", locations=frozenset({branch.id}))
    for person, location_id in ((owner(tenant_id), foreign), (narrow, head), (narrow, "0" * 32)):
        for action in ("", "/edit", "/close", "/move"):
            assert (await browser(house, person).get(f"/locations/{location_id}{action}")).status == 404
    page = (await browser(house, narrow).get(f"/locations/{branch.id}")).text
    assert head not in page


async def test_a_location_is_offered_and_taken_over_by_pages(house: House, clock: HandClock) -> None:
    giving, _ = await founded(house)
    taking, head = await founded(house, "Café Winter")
    giver = browser(house, owner(giving, stepped_up_at=clock.now()))
    taker = browser(house, owner(taking, stepped_up_at=clock.now()))
    branch = await Locations(house).create(owner(giving), None, draft())
    number = re.findall(r"\b1000\d{4}\b", (await taker.get(f"/locations/{head}")).text)[0]
    move = f"/locations/{branch.id}/move"
    assert (await giver.post(move, page=move, head_office="123")).status == 400
    offered = await giver.follow(await giver.post(move, page=move, head_office=number))
    assert "waiting for Café Winter to agree" in offered.text
    (offer,) = set(re.findall(r"/locations/offers/[0-9a-f]{32}", (await taker.get("/locations")).text))
    accepted = await taker.follow(await taker.post(f"{offer}/accept", page=offer))
    assert "belongs to your company now" in accepted.text
    assert "Another company" in accepted.text
    assert "Bäckerei Sommer" not in accepted.text
    assert (await giver.get(f"/locations/{branch.id}")).status == 404


async def test_the_state_of_each_link_stands_in_the_list(house: House) -> None:
    tenant_id, head = await founded(house)
    branch = await Locations(house).create(owner(tenant_id), None, draft())
    links = GivenLinks({branch.id: LinkState.SILENT})
    page = (await browser(house, owner(tenant_id), links).get("/locations")).text
    assert page.count("Silent") == 1
    assert page.count("Not connected") == 1
    assert head in page


async def test_the_pages_speak_the_readers_language(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    for language, title in (("de", "Standorte"), ("fr", "Établissements"), ("cs", "Provozovny")):
        seen = browser(house, owner(tenant_id, stepped_up_at=clock.now()), language=language)
        assert f"<h1>{title}</h1>" in (await seen.get("/locations")).text
        for path in ("new", head, f"{head}/edit", f"{head}/close"):
            assert (await seen.get(f"/locations/{path}")).status == 200


async def test_a_thousand_locations_are_listed_by_the_hundred_with_three_questions(house: House) -> None:
    tenant_id, head = await founded(house)
    for n in range(101):
        await shop(
            house, tenant_id, 2_000_000 + n, client_number=n + 2, parent_id=head, kind="branch", name=f"Nr <{n}>"
        )
    asked: list[str] = []
    seen = browser(house, owner(tenant_id))
    listens = house.database._reader.sync_engine
    event.listen(listens, "before_cursor_execute", lambda *told: asked.append(told[2]))
    page = await seen.get("/locations")
    assert len([one for one in asked if one.lstrip().lower().startswith("select")]) == 3  # count, rows, offers
    assert page.text.count('<th scope="row">') == 100
    assert "Page 1 of 2" in page.text
    assert html.escape("Nr <5>") in page.body.decode()
    assert (await seen.get("/locations?page=2")).text.count('<th scope="row">') == 2
    assert (await seen.get("/locations?page=9")).text.count('<th scope="row">') == 2
