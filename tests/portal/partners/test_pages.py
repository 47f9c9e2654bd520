"""The pages of partners and webhooks, asked as a browser asks them."""

import re
from collections.abc import AsyncIterator
from html import unescape

import pytest
from sqlalchemy import update

from tests.portal.browser import Browser, Reply
from tests.portal.partners.hearing import URL, Hearing, Town
from tests.portal.partners.place import chief
from tests.portal.people import Standing, owner, somebody
from tests.portal.shops import merchant, shop
from tests.portal.vouchers.floor import Floor, open_floor
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.app import portal_app
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.locations.tables import location
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.partners.feature import MENU, pages
from tillbridge.portal.rights import Person
from tillbridge.web.webhooks.courier import Reply as Answer

PARTNERS, HOOKS = "/interfaces/partners", "/interfaces/webhooks"


@pytest.fixture
async def floor(house: House) -> AsyncIterator[Floor]:
    """A floor with one head office, as every company has it."""
    async with open_floor(house) as opened:
        async with house.database.writing() as connection:
            others = location.c.id.in_([opened.there.location_id, opened.third.location_id])
            await connection.execute(update(location).where(others).values(kind="branch"))
        yield opened


def browser(house: House, person: Person) -> Browser:
    return Browser(portal_app(house, Standing(person), [Feature("partners", pages=pages(house), menu=(MENU,))]))


async def shown(asked: Browser, path: str) -> str:
    reply = await asked.get(path)
    assert reply.status == 200, (path, reply.status, reply.text[:400])
    assert not re.search(r"[{}]|partners\.[a-z]", reply.text.partition("<main")[2]), path
    return reply.text


def gone_on(reply: Reply) -> str:
    assert reply.status == 303, (reply.status, reply.text[:800])
    return reply.location


async def test_a_partner_gets_a_key_that_is_shown_once(house: House) -> None:
    person = chief(house, await merchant(house))
    place, asked = await shop(house, person.home, 1_004_711), browser(house, person)
    assert "There is no partner yet" in await shown(asked, PARTNERS)
    made = gone_on(await asked.post(f"{PARTNERS}/new", page=f"{PARTNERS}/new", name="<b>Shop & Söhne</b>"))
    here = made.partition("?")[0]
    assert "Now make a key" in await shown(asked, made)
    form = {"location": place, "read": "on", "redeem": "on", "days": "90"}
    answer = await asked.post(f"{here}/keys", page=here, **form)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store, private")
    found = re.search(r"tbk_[a-z2-7]{32}", answer.text)
    assert found is not None
    page = await shown(asked, here)
    assert found[0] not in page
    assert f"…{found[0][-4:]}" in page
    assert "Look up vouchers, Redeem" in page
    assert "Am Markt" in await shown(asked, PARTNERS)
    assert b"<b>Shop" not in (await asked.get(here)).body
    assert gone_on(await asked.get(f"{here}/keys")) == here
    revoke = re.search(rf'action="({here}/keys/[0-9a-f]+/revoke)"', page)
    assert revoke is not None
    assert "opens nothing any more" in await shown(asked, gone_on(await asked.post(revoke[1], page=here)))
    unsure = await asked.post(f"{here}/remove", page=here)
    assert (unsure.status, "Tick that you mean it" in unsure.text) == (400, True)
    assert "was removed" in await shown(asked, gone_on(await asked.post(f"{here}/remove", page=here, sure="yes")))


async def test_what_is_wrong_is_said_beside_the_field(house: House) -> None:
    person = chief(house, await merchant(house))
    place, asked = await shop(house, person.home, 1_004_711), browser(house, person)
    empty = await asked.post(f"{PARTNERS}/new", page=f"{PARTNERS}/new", name="  ")
    assert (empty.status, 'aria-describedby="name-hint name-wrong"' in empty.text) == (400, True)
    here = gone_on(await asked.post(f"{PARTNERS}/new", page=f"{PARTNERS}/new", name="Shop")).partition("?")[0]
    assert (await asked.post(f"{PARTNERS}/new", page=f"{PARTNERS}/new", name="Shop")).status == 400
    nothing = await asked.post(f"{here}/keys", page=here, location=place)
    assert (nothing.status, "at least one thing" in nothing.text) == (400, True)
    for _ in range(2):
        assert (await asked.post(f"{here}/keys", page=here, location=place, read="on")).status == 200
    third = await asked.post(f"{here}/keys", page=here, location=place, read="on")
    assert (third.status, "revoke one first" in third.text) == (400, True)
    inside = await asked.post(f"{HOOKS}/new", page=f"{HOOKS}/new", url="https://10.0.0.1/x", **{"topic-loaded": "on"})
    assert (inside.status, "may not be used" in inside.text) == (400, True)
    none = await asked.post(f"{HOOKS}/new", page=f"{HOOKS}/new", url=URL)
    assert (none.status, "Choose at least one" in none.text) == (400, True)


async def test_without_a_fresh_proof_nobody_gets_a_key_or_a_secret(house: House) -> None:
    person = chief(house, await merchant(house))
    place, asked = await shop(house, person.home, 1_004_711), browser(house, person)
    here = gone_on(await asked.post(f"{PARTNERS}/new", page=f"{PARTNERS}/new", name="Shop")).partition("?")[0]
    later = browser(house, owner(person.home))
    key = await later.post(f"{here}/keys", page=here, location=place, read="on")
    assert gone_on(key).startswith("/step-up?next=")
    hook = await later.post(f"{HOOKS}/new", page=f"{HOOKS}/new", url=URL, **{"topic-loaded": "on"})
    assert gone_on(hook).startswith("/step-up?next=")


async def test_a_webhook_with_its_messages(floor: Floor) -> None:
    hearing = Hearing(floor, Town())
    asked = browser(floor.house, hearing.person)
    assert "Nobody is told" in await shown(asked, HOOKS)
    form = {"url": URL, "description": "Buchhaltung", "topic-loaded": "on", "topic-redeemed": "on"}
    answer = await asked.post(f"{HOOKS}/new", page=f"{HOOKS}/new", **form)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store, private")
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", unescape(answer.text))
    assert secret is not None
    found = re.search(rf'href="({HOOKS}/[0-9a-f]{{32}})"', answer.text)
    assert found is not None
    here = found[1]
    assert secret[0] not in await shown(asked, here)
    number = await floor.voucher(loaded=900)
    await hearing.tell()
    hearing.town.answers[URL] = lambda _: Answer(500, "it answered 500")
    await hearing.carry()
    page = await shown(asked, here)
    assert "it answered 500" in page
    assert f"{number[:3]}…{number[-4:]}" in page
    assert number not in page
    assert "Not reachable" in await shown(asked, HOOKS)
    assert "There are no such messages" in await shown(asked, f"{here}?state=gave_up")
    await shown(asked, gone_on(await asked.post(f"{here}/test", page=here)))
    await hearing.carry()
    gave_up = await shown(asked, f"{here}?state=gave_up&before=x")
    message = re.search(r'name="message" value="([0-9a-f]{32})"', gave_up)
    assert message is not None
    again = gone_on(await asked.post(f"{here}/replay", page=here, message=message[1]))
    assert "on its way again" in await shown(asked, again)
    assert (await asked.post(f"{here}/replay", page=here, message=message[1])).status == 409
    rotated = await asked.post(f"{here}/rotate", page=here)
    assert secret[0] not in unescape(rotated.text)
    assert "signs too until" in await shown(asked, here)
    assert gone_on(await asked.get(f"{here}/rotate")) == here
    assert "was removed" in await shown(asked, gone_on(await asked.post(f"{here}/remove", page=here, sure="yes")))


async def test_a_neighbour_and_a_local_person_see_what_is_theirs(floor: Floor) -> None:
    hearing = Hearing(floor)
    house, person = floor.house, hearing.person
    asked = browser(house, person)
    here = gone_on(await asked.post(f"{PARTNERS}/new", page=f"{PARTNERS}/new", name="Shop")).partition("?")[0]
    for place in (floor.here, floor.there):
        await asked.post(f"{here}/keys", page=here, location=place.location_id, read="on")
    hook = (await hearing.add()).webhook
    neighbour = browser(house, chief(house, await merchant(house, "Nachbar")))
    for path in (here, f"{HOOKS}/{hook.id}"):
        assert (await neighbour.get(path)).status == 404
    assert "Shop" not in await shown(neighbour, PARTNERS)
    local = browser(
        house, somebody(person.home, "interfaces.partners.edit", locations=frozenset({floor.here.location_id}))
    )
    assert (await shown(local, here)).count("/revoke") == 1
    assert (await local.get(HOOKS)).status == 403
    assert (await browser(house, somebody(person.home, "locations.view")).get(PARTNERS)).status == 403
    # Who does not find the interface of the tills in the menu finds the partners there.
    assert f'href="{PARTNERS}"' in (await shown(local, here)).partition("<main")[0]
    assert f'href="{PARTNERS}"' not in (await shown(asked, here)).partition("<main")[0]


async def test_every_language_draws_every_page(floor: Floor) -> None:
    hearing = Hearing(floor)
    asked = browser(floor.house, hearing.person)
    here = gone_on(await asked.post(f"{PARTNERS}/new", page=f"{PARTNERS}/new", name="Shop")).partition("?")[0]
    hook = (await hearing.add()).webhook
    await floor.voucher(loaded=900)
    await hearing.tell()
    for language in Language:
        asked.language = language
        for path in (PARTNERS, f"{PARTNERS}/new", here, HOOKS, f"{HOOKS}/new", f"{HOOKS}/{hook.id}"):
            assert f'lang="{language}"' in await shown(asked, path)
        assert CATALOGUES[language]("partners.messages") in await shown(asked, f"{HOOKS}/{hook.id}")
