"""The pages of a link."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.portal.browser import Browser
from tests.portal.links.opening import Paired, pair
from tests.portal.links.posting import events
from tests.portal.links.standing import TOKEN, Standing, somebody
from tests.portal.shops import merchant
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.app import portal_app
from tillbridge.portal.house import House
from tillbridge.portal.links import store
from tillbridge.portal.links.contact import Contacts, Report, Use
from tillbridge.portal.links.feature import feature
from tillbridge.portal.links.model import Figures, LinkEvent, LinkState
from tillbridge.portal.links.service import Links
from tillbridge.portal.links.views import LinkAction
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.rights import Person
from tillbridge.portal.storage.database import Dialect

EDIT = "interfaces.pos.edit"
VIEW = "interfaces.pos.view"

Ask = Callable[[Person | None], Browser]


@pytest.fixture
def dialect() -> Dialect:
    """Pages are the same on both databases; what stands behind them is tried on both elsewhere."""
    return Dialect.SQLITE


@pytest.fixture
def ask(house: House, links: Links) -> Ask:
    return lambda person: Browser(portal_app(house, Standing(person), [feature(links)]))


@pytest.fixture
async def paired(house: House, links: Links, contacts: Contacts, location_id: str) -> Paired:
    """A link in use."""
    made = await pair(house, links, location_id, computer="KASSE-1 <script>")
    async with house.database.writing() as connection:
        presented = await contacts.find(connection, made.token)
        assert presented is not None
        await contacts.use(connection, presented, Use(1, 3 * 86400, "192.0.2.1"))
    return made


def technician(house: House, tenant_id: str) -> Person:
    return somebody(tenant_id, EDIT, stepped_up_at=house.runtime.clock.now())


async def test_a_link_is_shown_with_nothing_to_use(
    house: House, contacts: Contacts, ask: Ask, paired: Paired, tenant_id: str
) -> None:
    async with house.database.writing() as connection:
        await contacts.report(connection, [Report(paired.link_id, "1.2.3", Figures(3 * 86400, 12, 400, 1))])
    page = await ask(somebody(tenant_id, VIEW)).get(f"/interfaces/links/{paired.link_id}")
    assert page.status == 200
    for told in ("Active", paired.key.public.fingerprint, f"tbm_••••{paired.token[-4:]}", "1.2.3"):
        assert told in page.text
    assert "3 d ahead" in page.text
    assert "12, the oldest for 6 min" in page.text
    assert paired.token not in page.text
    assert b"<script>" not in page.body
    # Somebody who may look is offered nothing to do.
    assert "/suspend" not in page.text


@pytest.mark.parametrize("language", Language)
async def test_every_page_speaks_every_language(
    house: House, ask: Ask, paired: Paired, tenant_id: str, language: Language
) -> None:
    browser = ask(technician(house, tenant_id))
    browser.language = language.value
    pages = ["", "/suspend", "/rotate", "/revoke"]
    for path in [f"/interfaces/links/{paired.link_id}{page}" for page in pages] + ["/interfaces/links/clones"]:
        page = await browser.get(path)
        assert page.status == 200
        assert f'lang="{language}"' in page.text
        assert not re.search(r"links\.[a-z_]+\.", page.text)


@pytest.mark.parametrize(
    ("action", "state", "event"),
    [
        (LinkAction.SUSPEND, LinkState.SUSPENDED, "link.suspended"),
        (LinkAction.REVOKE, LinkState.REVOKED, "link.revoked"),
        (LinkAction.ROTATE, LinkState.ACTIVE, "link.rotation_asked"),
    ],
)
async def test_an_action_is_asked_about_and_done(
    house: House, ask: Ask, paired: Paired, action: LinkAction, state: LinkState, event: str
) -> None:
    browser = ask(technician(house, paired.opened.link.tenant_id))
    path = f"/interfaces/links/{paired.link_id}/{action}"
    done = await browser.post(path, page=path, reason="moving house")
    assert (done.status, done.location) == (303, f"/interfaces/links/{paired.link_id}?done={action}")
    async with house.database.reading() as connection:
        link = await store.by_id(connection, paired.link_id)
    assert link is not None
    assert link.state is state
    assert (await events(house))[-1] == event
    assert CATALOGUES[Language.EN](f"links.done.{action}") in (await browser.get(done.location)).text


async def test_a_paused_link_is_resumed_and_an_ended_one_offers_nothing(
    house: House, links: Links, ask: Ask, paired: Paired, tenant_id: str
) -> None:
    browser, path = ask(technician(house, tenant_id)), f"/interfaces/links/{paired.link_id}"
    for action in ("suspend", "resume", "revoke"):
        assert (await browser.post(f"{path}/{action}", page=f"{path}/{action}")).status == 303
    async with house.database.reading() as connection:
        assert (await links.link(connection, paired.link_id)).state is LinkState.REVOKED
    for action in LinkAction:
        assert (await browser.get(f"{path}/{action}")).status == 409
    assert (await browser.get(f"{path}/explode")).status == 404


async def test_only_a_suspicion_can_be_cleared(house: House, ask: Ask, paired: Paired, tenant_id: str) -> None:
    browser, path = ask(technician(house, tenant_id)), f"/interfaces/links/{paired.link_id}/clear"
    assert (await browser.get(path)).status == 409
    async with house.database.writing() as connection:
        await store.change(connection, paired.link_id, clone_suspected_at=house.runtime.clock.now())
    assert "two computers" in (await browser.get(f"/interfaces/links/{paired.link_id}")).text
    assert (await browser.post(path, page=path)).status == 303
    assert (await events(house))[-1] == "link.clone_cleared"


async def test_what_a_person_may_not_do_is_not_done(
    house: House, links: Links, ask: Ask, paired: Paired, tenant_id: str, location_id: str
) -> None:
    path = f"/interfaces/links/{paired.link_id}"
    now = house.runtime.clock.now()
    foreign = somebody(await merchant(house, "Café"), EDIT, stepped_up_at=now)
    elsewhere = somebody(tenant_id, EDIT, stepped_up_at=now, locations=frozenset({"f" * 32}))
    viewer = somebody(tenant_id, VIEW, stepped_up_at=now)
    stale = somebody(tenant_id, EDIT, stepped_up_at=now - timedelta(minutes=6))
    for person, expected in ((foreign, 404), (elsewhere, 404), (viewer, 403), (stale, 303)):
        browser = ask(person)
        seen = await browser.get(f"{path}/revoke")
        done = await browser.post(f"{path}/revoke", token=TOKEN)
        assert (seen.status, done.status) == (expected, expected)
        assert expected != 303 or done.location.startswith("/step-up")
    assert (await ask(None).get(path)).location.startswith("/sign-in")
    for person in (foreign, elsewhere):
        assert (await ask(person).get(path)).status == 404
    async with house.database.reading() as connection:
        assert await links.state(connection, location_id) is LinkState.ACTIVE


async def test_a_form_of_another_site_does_nothing(
    house: House, links: Links, ask: Ask, paired: Paired, tenant_id: str, location_id: str
) -> None:
    browser = ask(technician(house, tenant_id))
    for path in (f"/interfaces/links/{paired.link_id}/revoke", "/interfaces/links/clones"):
        for form in ({}, {"token": "guessed"}):
            assert (await browser.post(path, **form)).status == 403
    async with house.database.reading() as connection:
        assert await links.state(connection, location_id) is LinkState.ACTIVE


async def test_the_merchant_chooses_what_two_computers_mean(house: House, ask: Ask, tenant_id: str) -> None:
    browser, path = ask(technician(house, tenant_id)), "/interfaces/links/clones"
    for choice, chosen in (("yes", True), ("no", False)):
        done = await browser.post(path, page=path, suspend=choice)
        assert done.location == f"{path}?done=clones"
        async with house.database.reading() as connection:
            assert await store.suspends_clones(connection, tenant_id) is chosen
    assert (await browser.post(path, page=path, suspend="perhaps")).status == 400
    local = somebody(tenant_id, EDIT, stepped_up_at=house.runtime.clock.now(), locations=frozenset({"1" * 32}))
    assert (await ask(local).get(path)).status == 403
    assert (await events(house))[-1] == "link.clone_choice"


def test_every_word_has_a_text_in_every_language() -> None:
    for catalogue in CATALOGUES.values():
        for state in LinkState:
            assert catalogue(f"links.state.{state}")
        for action in LinkAction:
            assert catalogue(f"links.done.{action}")
        for event in LinkEvent:
            assert catalogue(f"audit.event.{event}")
    keys = [
        {key for key in one.texts if key.startswith(("links.", "audit.event.link."))} for one in CATALOGUES.values()
    ]
    assert all(found == keys[0] for found in keys)
    for catalogue in CATALOGUES.values():
        for key in keys[0]:
            fields = re.findall(r"{(\w+)}", catalogue.texts[key])
            assert sorted(fields) == sorted(re.findall(r"{(\w+)}", CATALOGUES[Language.EN].texts[key])), key
