"""Two computers with one disk's content."""

from dataclasses import replace

from tests.portal.links.posting import events
from tests.portal.tokens.test_rotation import begin
from tests.portal.tokens.till import Till, number_of
from tillbridge.link.scopes import Service
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.house import House
from tillbridge.portal.links.model import Link, LinkState
from tillbridge.portal.links.service import Links


async def copied(till: Till) -> Till:
    """A till whose disk is copied after some requests."""
    for _ in range(3):
        await till.token(Service.REPORTS)
    return replace(till)


async def turns(one: Till, other: Till, times: int) -> list[tuple[int, str]]:
    """The answers to both, in turn."""
    return [number_of(await each.request_token(Service.REPORTS)) for _ in range(times) for each in (one, other)]


async def find(house: House, links: Links, location_id: str) -> Link:
    async with house.database.reading() as connection:
        found = await links.link_of(connection, location_id)
    assert found is not None
    return found


async def test_by_default_there_is_an_alarm_and_the_shop_goes_on(
    till: Till, house: House, links: Links, location_id: str
) -> None:
    copy = await copied(till)
    assert set(await turns(till, copy, 5)) == {(200, "")}
    link = await find(house, links, location_id)
    assert (link.state, link.clone_suspected_at) == (LinkState.ACTIVE, house.runtime.clock.now())
    # One alarm, however long it goes on.
    assert (await events(house)).count("link.clone_suspected") == 1


async def test_a_merchant_may_have_the_link_paused(till: Till, house: House, links: Links, location_id: str) -> None:
    copy = await copied(till)
    link = await find(house, links, location_id)
    async with house.database.writing() as connection:
        await links.choose_clones(connection, link.tenant_id, PORTAL, suspend=True)
    answers = await turns(till, copy, 4)
    assert answers[-2:] == [(403, "P109")] * 2
    assert answers[0] == (200, "")
    assert (await find(house, links, location_id)).state is LinkState.SUSPENDED
    async with house.database.writing() as connection:
        await links.resume(connection, link.id, PORTAL, "the old computer is gone")
    assert number_of(await till.request_token(Service.REPORTS)) == (200, "")
    assert (await find(house, links, location_id)).clone_suspected_at is None


async def test_a_retried_request_is_no_copy(till: Till, house: House, links: Links, location_id: str) -> None:
    for _ in range(4):
        await till.token(Service.REPORTS)
        till.nonce = "stale"  # the first try is refused, and comes again with the same number
    assert (await find(house, links, location_id)).clone_suspected_at is None


async def test_an_exchange_locks_the_copy_out(till: Till, house: House, links: Links, location_id: str) -> None:
    copy = await copied(till)
    await turns(till, copy, 5)
    link = await find(house, links, location_id)
    exchange = begin(till, link.id)
    new = exchange.switched(await exchange.send())
    assert number_of(await new.request_token(Service.REPORTS)) == (200, "")
    assert number_of(await copy.request_token(Service.REPORTS)) == (401, "P202")
    assert (await find(house, links, location_id)).clone_suspected_at is None


async def test_somebody_who_has_looked_clears_the_alarm(
    till: Till, house: House, links: Links, location_id: str
) -> None:
    await turns(till, await copied(till), 5)
    link = await find(house, links, location_id)
    async with house.database.writing() as connection:
        await links.clear_clone(connection, link.id, PORTAL)
    assert number_of(await till.request_token(Service.REPORTS)) == (200, "")
    assert (await find(house, links, location_id)).clone_suspected_at is None
