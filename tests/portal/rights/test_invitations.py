"""Invitations: a letter, a link that works once within seven days, a page that opens the account."""

import asyncio

import pytest
from sqlalchemy import select

from tests.portal.browser import Browser
from tests.portal.rights.crew import Crew, crew
from tests.portal.rights.letters import invitation_to, letters_to
from tests.portal.rights.site import ONE_DATABASE, portal
from tests.portal.rights.test_escalation import refused
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import Code
from tillbridge.portal.accounts import passwords, store
from tillbridge.portal.accounts.grants import EVERYTHING
from tillbridge.portal.accounts.invitations import Invitations
from tillbridge.portal.accounts.model import PersonState
from tillbridge.portal.accounts.people_model import Colleague, Invitee
from tillbridge.portal.accounts.people_service import People
from tillbridge.portal.accounts.rights_tables import invitation
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.house import House
from tillbridge.portal.rights import Person

NINA = "nina@shop.example"
PASSWORD = "three blue boats at dawn"
FORM = {"name": "Nina Neu", "language": "fr", "password": PASSWORD}


async def _invited(team: Crew, language: Language = Language.DE) -> tuple[Person, Colleague]:
    olga = await team.join("Olga")
    group = team.groups[Stock.AUDITOR].id
    return olga, await People(team.house).invite(olga, Invitee(NINA, "Nina", language), group, EVERYTHING)


async def _accept(house: House, path: str) -> None:
    token = path.partition("token=")[2]
    await Invitations(house).accept(token, "192.0.2.1", name="Nina", language=None, password=PASSWORD)


async def test_somebody_who_is_invited_opens_the_account_and_may_what_was_given(house: House) -> None:
    team = await crew(house)
    _, nina = await _invited(team)
    path = await invitation_to(house, NINA)
    browser = Browser(portal(house, None), language="de")
    page = await browser.get(path)
    assert page.status == 200
    assert "Bäckerei Sommer lädt Sie ein" in page.text
    sent = await browser.post("/invitation", token=path.partition("token=")[2], **FORM)
    assert (await browser.follow(sent)).status == 200
    async with house.database.reading() as connection:
        account = await store.by_email(connection, NINA)
    assert account is not None
    assert (account.name, account.language, account.state) == ("Nina Neu", Language.FR, PersonState.ACTIVE)
    assert (await passwords.compare(account.password_hash, PASSWORD)).right
    ours = await team.now(Person(nina.id, "Nina", NINA, None, team.tenant_id))
    assert {right.action.value for right in ours.reaches} == {"view"}


@ONE_DATABASE
@pytest.mark.parametrize("language", Language)
async def test_the_letter_speaks_the_chosen_language(house: House, language: Language) -> None:
    team = await crew(house)
    await _invited(team, language)
    [(subject, text)] = await letters_to(house, NINA)
    hello = {"de": "Guten Tag Nina", "en": "Hello Nina", "fr": "Bonjour Nina", "cs": "Dobrý den, Nina"}
    assert text.startswith(hello[language.value])
    assert "Bäckerei Sommer" in subject
    assert "Olga" in text


@ONE_DATABASE
async def test_only_a_hash_of_the_link_is_kept(house: House) -> None:
    team = await crew(house)
    await _invited(team)
    token = (await invitation_to(house, NINA)).partition("token=")[2]
    assert len(token) == 43
    async with house.database.reading() as connection:
        [row] = (await connection.execute(select(invitation))).all()
    assert token not in str(row)


async def test_a_link_works_once(house: House) -> None:
    team = await crew(house)
    await _invited(team)
    path = await invitation_to(house, NINA)
    await _accept(house, path)
    await refused(_accept(house, path), Code.RECORD_UNKNOWN)
    page = await Browser(portal(house, None)).get(path)
    assert page.status == 404
    assert "no longer valid" in page.text


async def test_of_two_who_accept_at_the_same_moment_one_gets_in(house: House) -> None:
    team = await crew(house)
    await _invited(team)
    path = await invitation_to(house, NINA)
    ended: list[str] = []

    async def accept() -> None:
        try:
            await _accept(house, path)
            ended.append("in")
        except Exception as error:  # noqa: BLE001  # what it was is looked at below
            ended.append(str(getattr(error, "code", error)))

    async with asyncio.TaskGroup() as group:
        group.create_task(accept())
        group.create_task(accept())
    assert sorted(ended) == ["in", "record_unknown"]


@pytest.mark.parametrize(("seconds", "works"), [(7 * 86400 - 1, True), (7 * 86400, False)])
async def test_a_link_lives_seven_days(house: House, seconds: float, works: bool) -> None:
    team = await crew(house)
    await _invited(team)
    path = await invitation_to(house, NINA)
    house.runtime.clock.forward(seconds=seconds)  # type: ignore[attr-defined]
    if works:
        await _accept(house, path)
    else:
        await refused(_accept(house, path), Code.RECORD_UNKNOWN)


async def test_a_new_invitation_ends_the_one_before(house: House) -> None:
    team = await crew(house)
    olga, nina = await _invited(team)
    first = await invitation_to(house, NINA)
    await refused(People(house).invite_again(olga, nina.id), Code.SLOW_DOWN)
    house.runtime.clock.forward(seconds=61)  # type: ignore[attr-defined]
    await People(house).invite_again(olga, nina.id)
    second = await invitation_to(house, NINA)
    assert second != first
    await refused(_accept(house, first), Code.RECORD_UNKNOWN)
    await _accept(house, second)
    house.runtime.clock.forward(seconds=61)  # type: ignore[attr-defined]
    await refused(People(house).invite_again(olga, nina.id), Code.RECORD_CONFLICT)


async def test_somebody_who_was_removed_meanwhile_does_not_get_in(house: House) -> None:
    team = await crew(house)
    olga, nina = await _invited(team)
    path = await invitation_to(house, NINA)
    await People(house).remove(olga, nina.id)
    await refused(_accept(house, path), Code.RECORD_UNKNOWN)
    async with house.database.reading() as connection:
        assert await store.by_email(connection, NINA) is None


async def test_an_address_opens_one_account(house: House) -> None:
    ours, theirs = await crew(house), await crew(house, "Café Winter", 2)
    olga, _ = await _invited(ours)
    wilma = await theirs.join("Wilma")
    for who, team in ((olga, ours), (wilma, theirs)):
        invite = People(house).invite(
            who, Invitee(NINA, "Nina", Language.DE), team.groups[Stock.AUDITOR].id, EVERYTHING
        )
        await refused(invite, Code.RECORD_CONFLICT)
    assert len(await letters_to(house, NINA)) == 1


async def test_two_merchants_who_invite_one_address_at_the_same_moment(house: House) -> None:
    teams = [await crew(house), await crew(house, "Café Winter", 2)]
    owners = [await team.join("Olga") for team in teams]
    ended: list[str] = []

    async def invite(team: Crew, owner: Person) -> None:
        group = team.groups[Stock.AUDITOR].id
        try:
            await People(house).invite(owner, Invitee(NINA, "Nina", Language.DE), group, EVERYTHING)
            ended.append("invited")
        except Exception as error:  # noqa: BLE001  # what it was is looked at below
            ended.append(str(getattr(error, "code", error)))

    async with asyncio.TaskGroup() as group:
        for team, owner in zip(teams, owners, strict=True):
            group.create_task(invite(team, owner))
    assert sorted(ended) == ["invited", "record_conflict"]
    assert len(await letters_to(house, NINA)) == 1


@ONE_DATABASE
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("password", "short", "12"), ("name", "", "name"), ("language", "xx", "language")],
)
async def test_what_is_wrong_is_said_and_nothing_is_done(house: House, field: str, value: str, said: str) -> None:
    team = await crew(house)
    await _invited(team)
    path = await invitation_to(house, NINA)
    browser = Browser(portal(house, None))
    reply = await browser.post("/invitation", token=path.partition("token=")[2], **{**FORM, field: value})
    assert reply.status == 400
    assert f'id="{field}-wrong"' in reply.body.decode()
    assert said in reply.text
    assert PASSWORD not in reply.text
    await _accept(house, path)


@ONE_DATABASE
async def test_guessing_links_is_slowed_down(house: House) -> None:
    await crew(house)
    browser = Browser(portal(house, None), source="198.51.100.7")
    found = [(await browser.get(f"/invitation?token={number:043d}")).status for number in range(22)]
    assert found[:20] == [404] * 20
    assert found[20:] == [429] * 2
