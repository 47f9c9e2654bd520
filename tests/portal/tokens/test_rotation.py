"""A credential is exchanged, whatever gets lost on the way: the till is never without one."""

from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import func, select

from tests.portal.browser import Reply
from tests.portal.clock import HandClock
from tests.portal.links.posting import events
from tests.portal.tokens.conftest import Shelf
from tests.portal.tokens.till import Till, number_of, said
from tillbridge.link.keys import KeyPair
from tillbridge.link.rotation import RotationRequest, ask, conclude
from tillbridge.link.scopes import Service
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.house import House
from tillbridge.portal.links.model import Link
from tillbridge.portal.links.rotation import Rotations
from tillbridge.portal.links.service import Links
from tillbridge.portal.links.tables import link_credential, link_rotation

PATH = "/v1/link/rotation"


@dataclass(slots=True)
class Exchange:
    """What a connector stores before it sends anything: its new keys, and the body."""

    till: Till
    key: KeyPair
    ephemeral: X25519PrivateKey
    request: RotationRequest

    async def send(self) -> Reply:
        return await self.till.ask("POST", PATH, self.request.body())

    def switched(self, reply: Reply) -> Till:
        """The till with its new credential."""
        grant = conclude(reply.body, self.request, self.ephemeral)
        assert grant.fingerprint == self.key.public.fingerprint
        return Till(self.till.app, self.till.house, self.key, grant.master_token, nonce=self.till.nonce)


def begin(till: Till, link_id: str, *, old: KeyPair | None = None, rotation_id: str = "") -> Exchange:
    chance = till.house.runtime.chance
    new = KeyPair.make(chance.randbytes)
    ephemeral = X25519PrivateKey.from_private_bytes(chance.randbytes(32))
    request = ask(link_id, rotation_id or till.house.runtime.ids.new(), old or till.key, new, ephemeral)
    return Exchange(till, new, ephemeral, request)


@pytest.fixture
async def link(till: Till, house: House, links: Links, location_id: str) -> Link:
    """The till's link, in use."""
    await till.token(Service.REPORTS)
    async with house.database.reading() as connection:
        found = await links.link_of(connection, location_id)
    assert found is not None
    return found


async def test_the_old_credential_works_until_the_new_one_is_used(
    till: Till, house: House, links: Links, link: Link, shelf: Shelf
) -> None:
    exchange = begin(till, link.id)
    new = exchange.switched(await exchange.send())
    token = await till.token(Service.WEB_VOUCHERS)
    assert (await till.call("POST", "/v1/shelf/redeem", token)).status == 200
    fresh = await new.token(Service.WEB_VOUCHERS)
    # Its keys and tokens are dead now; the connector asks anew without a word to anybody.
    assert number_of(await till.call("POST", "/v1/shelf/redeem", token)) == (401, "P204")
    assert number_of(await till.request_token(Service.REPORTS)) == (401, "P202")
    assert (await new.call("POST", "/v1/shelf/redeem", fresh)).status == 200
    assert shelf.names() == ["redeem", "redeem"]
    async with house.database.reading() as connection:
        after = await links.link(connection, link.id)
    assert after.credential.fingerprint == exchange.key.public.fingerprint
    assert after.id == link.id
    assert (await events(house))[-2:] == ["link.rotation_made", "link.rotated"]


async def test_a_lost_answer_is_repeated_byte_for_byte(till: Till, house: House, link: Link) -> None:
    exchange = begin(till, link.id)
    first = await exchange.send()
    assert (await till.request_token(Service.REPORTS)).status == 200
    second = await exchange.send()
    assert (first.status, first.body) == (200, second.body)
    assert (await exchange.switched(second).request_token(Service.REPORTS)).status == 200
    async with house.database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(link_credential)) == 2


async def test_a_lost_first_token_with_the_new_credential_is_asked_for_again(
    till: Till, clock: HandClock, link: Link
) -> None:
    exchange = begin(till, link.id)
    new = exchange.switched(await exchange.send())
    assert (await new.request_token(Service.REPORTS)).status == 200  # and its answer is lost
    clock.forward(minutes=9)
    again = exchange.switched(await exchange.send())
    assert again.master == new.master
    again.number = new.number
    assert (await again.request_token(Service.REPORTS)).status == 200


async def test_the_answer_is_not_repeated_long_after_its_use(
    till: Till, house: House, links: Links, clock: HandClock, link: Link
) -> None:
    exchange = begin(till, link.id)
    new = exchange.switched(await exchange.send())
    await new.token(Service.REPORTS)
    clock.forward(minutes=10)
    late = await exchange.send()
    assert number_of(late) == (410, "P107")
    assert "sealed" not in late.text
    async with house.database.writing() as connection:
        await Rotations(links).forget(connection)
        assert await connection.scalar(select(func.count()).select_from(link_rotation)) == 0


async def test_a_connector_that_comes_back_days_later_still_finds_its_answer(
    till: Till, house: House, links: Links, clock: HandClock, link: Link
) -> None:
    exchange = begin(till, link.id)
    await exchange.send()  # the answer is lost, and then the network for two days
    clock.forward(hours=48)
    async with house.database.writing() as connection:
        await Rotations(links).forget(connection)
    old = await till.request_token(Service.REPORTS)
    assert (number_of(old), said(old)["place"]) == ((401, "P204"), "rotation")
    new = exchange.switched(await exchange.send())
    assert (await new.request_token(Service.REPORTS)).status == 200


async def test_the_old_credential_ends_after_a_day(till: Till, clock: HandClock, link: Link) -> None:
    await begin(till, link.id).send()
    clock.forward(hours=23, minutes=59)
    assert (await till.request_token(Service.REPORTS)).status == 200
    clock.forward(minutes=1)
    assert number_of(await till.request_token(Service.REPORTS)) == (401, "P204")


async def test_a_connector_that_lost_everything_begins_anew(till: Till, link: Link) -> None:
    lost = begin(till, link.id)
    unused = lost.switched(await lost.send())
    exchange = begin(till, link.id)
    new = exchange.switched(await exchange.send())
    assert number_of(await unused.request_token(Service.REPORTS)) == (401, "P202")
    assert (await till.request_token(Service.REPORTS)).status == 200
    assert (await new.request_token(Service.REPORTS)).status == 200


async def test_one_name_stands_for_one_request(till: Till, link: Link) -> None:
    exchange = begin(till, link.id)
    await exchange.send()
    other = begin(till, link.id, rotation_id=exchange.request.rotation_id)
    assert number_of(await other.send()) == (409, "P106")
    assert (await exchange.send()).status == 200


async def test_nobody_without_the_old_key_exchanges_anything(till: Till, house: House, link: Link) -> None:
    thief = KeyPair.make(house.runtime.chance.randbytes)
    assert number_of(await begin(till, link.id, old=thief).send()) == (401, "P205")
    assert number_of(await begin(till, house.runtime.ids.new()).send()) == (403, "P201")
    same = ask(link.id, house.runtime.ids.new(), till.key, till.key, X25519PrivateKey.generate())
    assert (await till.ask("POST", PATH, same.body())).status == 400
    async with house.database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(link_credential)) == 1


@pytest.mark.parametrize(("action", "number"), [("suspend", (403, "P203")), ("revoke", (401, "P202"))])
async def test_a_link_that_pauses_or_has_ended_exchanges_nothing(
    till: Till, house: House, links: Links, link: Link, action: str, number: tuple[int, str]
) -> None:
    exchange = begin(till, link.id)
    if action == "revoke":
        assert (await exchange.send()).status == 200
    async with house.database.writing() as connection:
        await (links.suspend if action == "suspend" else links.revoke)(connection, link.id, PORTAL)
    assert number_of(await exchange.send()) == number


async def test_a_link_is_used_before_it_exchanges_anything(
    till: Till, house: House, links: Links, location_id: str
) -> None:
    async with house.database.reading() as connection:
        waiting = await links.link_of(connection, location_id)
    assert waiting is not None
    assert (await begin(till, waiting.id).send()).status == 409


async def test_the_connector_hears_that_it_should_exchange(
    till: Till, house: House, links: Links, clock: HandClock, link: Link
) -> None:
    assert said(await till.request_token(Service.REPORTS))["rotate"] is False
    async with house.database.writing() as connection:
        await links.ask_rotation(connection, link.id, PORTAL, "after a repair")
    assert said(await till.request_token(Service.REPORTS))["rotate"] is True
    exchange = begin(till, link.id)
    new = exchange.switched(await exchange.send())
    assert said(await new.request_token(Service.REPORTS))["rotate"] is False
    clock.forward(days=90)
    assert said(await new.request_token(Service.REPORTS))["rotate"] is True
