"""Who makes and ends partners and keys."""

import pytest

from tests.portal.clock import HandClock
from tests.portal.partners.place import Place, chief, events
from tests.portal.people import owner, somebody
from tests.portal.shops import merchant, shop
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.partners.model import KEY_BYTES, KeyDraft, digest_of
from tillbridge.portal.rights import Person

EDIT = "interfaces.partners.edit"
READS = (Scope.VOUCHERS_READ,)


async def refused(place: Place, person: Person, draft: KeyDraft) -> Code:
    with pytest.raises(BridgeError) as error:
        await place.partners.make_key(person, place.partner.id, draft)
    return error.value.code


async def test_a_key_is_random_and_only_its_digest_stays(place: Place) -> None:
    other = await place.make_key()
    assert len(place.key) == len("tbk_") + KEY_BYTES * 8 // 5
    assert place.key != other
    assert digest_of(place.house.vault, place.key) != digest_of(place.house.vault, other)
    assert digest_of(place.house.vault, place.key.upper()) is None
    assert [event for event, _ in await events(place.house, "partner")] == [
        "partner.added",
        "partner.key_made",
        "partner.key_made",
    ]
    assert all(place.key not in subject for _, subject in await events(place.house, "partner"))


async def test_making_a_key_needs_the_right_there_and_a_fresh_proof(place: Place) -> None:
    home, here, there = place.person.home, place.floor.here.location_id, place.floor.there.location_id
    draft = KeyDraft(there, READS, None)
    assert await refused(place, owner(home), draft) is Code.STEP_UP_NEEDED
    local = somebody(home, EDIT, locations=frozenset({here}))
    assert await refused(place, local, draft) is Code.RECORD_UNKNOWN
    assert await refused(place, somebody(home, "interfaces.partners.view"), draft) is Code.RIGHT_MISSING
    assert await refused(place, place.person, KeyDraft(there, (), None)) is Code.FIELD_INVALID
    assert await refused(place, place.person, KeyDraft(there, READS, 0)) is Code.FIELD_INVALID
    stranger = chief(place.house, await merchant(place.house, "Nachbar"))
    assert await refused(place, stranger, draft) is Code.RECORD_UNKNOWN
    theirs = await shop(place.house, stranger.home, 77)
    assert await refused(place, place.person, KeyDraft(theirs, READS, None)) is Code.RECORD_UNKNOWN


async def test_two_keys_are_good_at_once_and_no_third(place: Place, clock: HandClock) -> None:
    here = place.floor.here.location_id
    await place.make_key(days=1)
    assert await refused(place, place.person, KeyDraft(here, READS, None)) is Code.RECORD_CONFLICT
    await place.make_key(location_id=place.floor.there.location_id)
    clock.forward(days=1)
    await place.make_key()
    seen = await place.partners.seen(place.person, place.partner.id)
    await place.partners.revoke(place.person, place.partner.id, seen.keys[-1].id)
    # To revoke again changes and notes nothing.
    await place.partners.revoke(place.person, place.partner.id, seen.keys[-1].id)
    await place.make_key()
    revoked = [subject for event, subject in await events(place.house, "partner") if event == "partner.key_revoked"]
    assert revoked == [f"Onlineshop Linde …{place.key[-4:]}"]


async def test_the_keys_of_a_shop_that_goes_end(place: Place) -> None:
    await place.make_key(location_id=place.floor.there.location_id)
    async with place.house.database.writing() as connection:
        await place.partners.location_gone(connection, place.floor.here.location_id, PORTAL)
    now = place.house.runtime.clock.now()
    keys = (await place.partners.seen(place.person, place.partner.id)).keys
    assert {key.location_id: key.good(now) for key in keys} == {
        place.floor.here.location_id: False,
        place.floor.there.location_id: True,
    }
    assert (await place.post("/vouchers/lookup", {})).status == 401


async def test_a_partner_is_removed_by_who_may_for_all_its_keys(place: Place) -> None:
    home, here = place.person.home, place.floor.here.location_id
    await place.make_key(location_id=place.floor.there.location_id)
    local = somebody(home, EDIT, locations=frozenset({here}))
    assert [key.location_id for key in (await place.partners.seen(local, place.partner.id)).keys] == [here]
    with pytest.raises(BridgeError) as error:
        await place.partners.remove(local, place.partner.id)
    assert error.value.code is Code.RIGHT_MISSING
    # Where a partner does not work at all it is nobody's business.
    elsewhere = somebody(home, EDIT, locations=frozenset({place.floor.third.location_id}))
    assert await place.partners.all(elsewhere) == []
    with pytest.raises(BridgeError) as error:
        await place.partners.seen(elsewhere, place.partner.id)
    assert error.value.code is Code.RECORD_UNKNOWN
    await place.partners.remove(place.person, place.partner.id)
    assert (await place.post("/vouchers/lookup", {})).status == 401
    assert await place.partners.all(place.person) == []


async def test_a_partners_name_is_its_own(place: Place) -> None:
    for name, code in (
        (" Onlineshop  Linde ", Code.RECORD_CONFLICT),
        ("", Code.FIELD_INVALID),
        ("x" * 65, Code.FIELD_INVALID),
    ):
        with pytest.raises(BridgeError) as error:
            await place.partners.add(place.person, name)
        assert (error.value.code, error.value.place) == (code, "name")
    other = chief(place.house, await merchant(place.house, "Nachbar"))
    assert (await place.partners.add(other, "Onlineshop Linde")).tenant_id == other.home
