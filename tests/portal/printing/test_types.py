"""Types of vouchers: what is kept of them, and which of them a till can sell."""

import pytest

from tests.portal.people import somebody
from tests.portal.shops import merchant
from tests.portal.vouchers.office import chief, events, rows_of, system
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.printing.tables import voucher_type
from tillbridge.portal.printing.types_model import MOST_TYPES, TypeDraft
from tillbridge.portal.printing.types_service import VoucherTypes
from tillbridge.portal.vouchers.systems_model import Limits, VoucherSystem
from tillbridge.portal.vouchers.systems_service import Systems

DE, EN = Language.DE, Language.EN


async def refused(awaited: object) -> tuple[Code, str | None]:
    with pytest.raises(BridgeError) as caught:
        await awaited  # type: ignore[misc]
    return caught.value.code, caught.value.place


async def test_types_stand_in_the_order_of_buttons(house: House) -> None:
    person, one, (place,) = await system(house, "DE")
    types = VoucherTypes(house)
    free = await types.create(person, one.id, TypeDraft({DE: "Freier Betrag"}, None, position=2))
    fixed = await types.create(person, one.id, TypeDraft({DE: "Frühstück", EN: "Breakfast"}, 2500, position=1))
    hidden = await types.create(person, one.id, TypeDraft({EN: "Dinner"}, 5000, active=False))
    seen = await types.seen(person, one.id)
    assert [each.id for each in seen.types] == [hidden.id, fixed.id, free.id]
    assert seen.types[1] == fixed
    assert [each.id for each in (await types.at_location(place)).types] == [fixed.id, free.id]
    assert (fixed.name(Language.EN), fixed.name(Language.CS), hidden.name(DE)) == ("Breakfast", "Frühstück", "Dinner")
    event, after = (await events(house))[-2]
    facts = {"name.de": "Frühstück", "name.en": "Breakfast", "price": 2500, "active": True, "position": 1, "design": ""}
    assert (event, after) == ("voucher_type.created", facts)


async def test_a_type_is_changed_and_removed(house: House) -> None:
    person, one, (place,) = await system(house, "DE")
    types = VoucherTypes(house)
    made = await types.create(person, one.id, TypeDraft({DE: "Frühstück"}, 2500))
    draft = TypeDraft({DE: "Brunch"}, 3000, position=5, design="sommer-2026")
    await types.change(person, made.id, draft)
    await types.change(person, made.id, draft)
    assert (await types.one(person, made.id))[1].draft == draft
    assert await types.remove(person, made.id) == one.id
    assert (await types.at_location(place)).types == ()
    assert [event for event, _ in await events(house)][-3:] == [
        "voucher_type.created",
        "voucher_type.changed",
        "voucher_type.removed",
    ]
    assert await refused(types.one(person, made.id)) == (Code.RECORD_UNKNOWN, None)


@pytest.mark.parametrize(
    ("draft", "place"),
    [
        (TypeDraft({}, 2500), "names"),
        (TypeDraft({DE: ""}, 2500), "names"),
        (TypeDraft({DE: "x" * 41}, 2500), "names"),
        (TypeDraft({DE: "a\tb"}, 2500), "names"),
        (TypeDraft({DE: "x"}, 99), "price"),
        (TypeDraft({DE: "x"}, 300_001), "price"),
        (TypeDraft({DE: "x"}, 0), "price"),
        (TypeDraft({DE: "x"}, 2500, position=1000), "position"),
        (TypeDraft({DE: "x"}, 2500, position=-1), "position"),
        (TypeDraft({DE: "x"}, 2500, design="x" * 65), "design"),
    ],
)
def test_what_is_no_type(draft: TypeDraft, place: str) -> None:
    one = VoucherSystem("1" * 32, "2" * 32, "Gutscheine", "EUR", "Europe/Berlin", False, 100, 300_000, 300_000, 6000)
    with pytest.raises(BridgeError) as caught:
        draft.check(one)
    assert (caught.value.code, caught.value.place) == (Code.FIELD_INVALID, place)


async def test_what_is_no_type_is_not_kept(house: House) -> None:
    person, one, _ = await system(house, "DE")
    refusal = await refused(VoucherTypes(house).create(person, one.id, TypeDraft({DE: "x"}, 99)))
    assert (refusal, await rows_of(house, voucher_type)) == ((Code.FIELD_INVALID, "price"), 0)


async def test_a_price_outside_of_narrower_limits_is_not_sold(house: House) -> None:
    person, one, (place,) = await system(house, "DE")
    types = VoucherTypes(house)
    await types.create(person, one.id, TypeDraft({DE: "Groß"}, 200_000))
    await Systems(house).change(person, one.id, one.name, Limits(100, 100_000, 300_000))
    assert (await types.at_location(place)).types == ()
    assert len((await types.seen(person, one.id)).types) == 1


async def test_who_may_do_what(house: House) -> None:
    person, one, (place,) = await system(house, "DE")
    types = VoucherTypes(house)
    made = await types.create(person, one.id, TypeDraft({DE: "Frühstück"}, 2500))
    reader = somebody(person.home, "vouchers.state.view", locations=frozenset({place}))
    assert len((await types.seen(reader, one.id)).types) == 1
    stranger = chief(house, await merchant(house, "Café"))
    for who, code in ((reader, Code.RIGHT_MISSING), (stranger, Code.RECORD_UNKNOWN)):
        assert (await refused(types.create(who, one.id, made.draft)))[0] is code
        assert (await refused(types.change(who, made.id, made.draft)))[0] is code
        assert (await refused(types.remove(who, made.id)))[0] is code
    assert (await refused(types.seen(stranger, one.id)))[0] is Code.RECORD_UNKNOWN


async def test_a_location_without_a_voucher_system(house: House) -> None:
    person, one, (place,) = await system(house, "DE")
    await Systems(house).leave(person, one.id, place)
    assert (await refused(VoucherTypes(house).at_location(place)))[0] is Code.VOUCHER_NOT_PARTICIPATING


async def test_there_is_an_end_to_types(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    person, one, _ = await system(house, "DE")
    assert MOST_TYPES == 100
    monkeypatch.setattr("tillbridge.portal.printing.types_service.MOST_TYPES", 2)
    types = VoucherTypes(house)
    for _ in range(2):
        await types.create(person, one.id, TypeDraft({DE: "x"}, None))
    assert (await refused(types.create(person, one.id, TypeDraft({DE: "x"}, None))))[0] is Code.RECORD_CONFLICT
