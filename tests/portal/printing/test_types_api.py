"""What a till is told of types of vouchers, over the wire."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from tests.portal.browser import Reply
from tests.portal.links.opening import pair
from tests.portal.people import Standing
from tests.portal.tokens.till import Till, number_of
from tests.portal.vouchers.office import system
from tillbridge.domain.cashier_texts import Language
from tillbridge.link.scopes import Service
from tillbridge.link.voucher_types import TYPES_PATH, VoucherTypeList
from tillbridge.portal.app import portal_app
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.house import House
from tillbridge.portal.licences.model import Product, Span
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.links import feature as links_feature
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import store as locations
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.printing.feature import feature
from tillbridge.portal.printing.types_model import TypeDraft
from tillbridge.portal.printing.types_service import VoucherTypes
from tillbridge.portal.rights import Person
from tillbridge.portal.services import store as services
from tillbridge.portal.services.model import REGISTERED
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.tokens import feature as tokens_feature
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.service import Tokens
from tillbridge.portal.vouchers.systems_service import Systems


@dataclass(slots=True)
class Shop:
    """A paired shop whose till may ask about vouchers."""

    house: House
    person: Person
    system_id: str
    location_id: str
    till: Till
    token: str = ""

    async def types(self) -> Reply:
        proof = self.till.proof("GET", TYPES_PATH, self.token)
        return await self.till.ask("GET", TYPES_PATH, b"", {"authorization": f"DPoP {self.token}", "dpop": proof})

    async def switch(self, *, on: bool) -> None:
        async with self.house.database.writing() as connection:
            at = self.house.runtime.clock.now()
            await services.switch(connection, self.location_id, Service.WEB_VOUCHERS, on=on, at=at, by="test")


@pytest.fixture
async def shop(house: House) -> Shop:
    person, one, (place,) = await system(house, "DE")
    links = Links(house)
    tokens = Tokens(house, links)
    callers = Callers(tokens)
    registry = Registry(links, Maintenance(house), [replace(each, built=True) for each in REGISTERED])
    features = [
        links_feature.feature(links),
        tokens_feature.feature(tokens, callers, registry),
        feature(house, callers, registry),
    ]
    paired = await pair(house, links, place)
    app = portal_app(house, Standing(None), features)
    made = Shop(house, person, one.id, place, Till(app, house, paired.key, paired.token))
    await made.switch(on=True)
    async with house.database.writing() as connection:
        found = await locations.find(connection, place)
        assert found is not None
        span = Span(house.runtime.clock.now() - timedelta(days=1), None)
        await Licences(house).allot_in(connection, found, (Product.WEB_VOUCHERS,), span, PORTAL)
    made.token = await made.till.token(Service.WEB_VOUCHERS)
    return made


async def test_a_till_hears_which_types_it_sells(shop: Shop) -> None:
    types = VoucherTypes(shop.house)
    await types.create(shop.person, shop.system_id, TypeDraft({Language.DE: "Frei"}, None, position=2))
    fixed = TypeDraft({Language.DE: "Frühstück", Language.EN: "Breakfast"}, 2500, position=1, design="sommer")
    made = await types.create(shop.person, shop.system_id, fixed)
    await types.create(shop.person, shop.system_id, TypeDraft({Language.DE: "Aus"}, 100, active=False))
    reply = await shop.types()
    assert reply.status == 200, reply.text
    told = VoucherTypeList.model_validate_json(reply.body)
    assert (told.currency, told.load_min, told.load_max) == ("EUR", 100, 300_000)
    assert [(one.names["de"], one.price) for one in told.types] == [("Frühstück", 2500), ("Frei", None)]
    assert (told.types[0].id, told.types[0].names, told.types[0].design) == (
        made.id,
        {"de": "Frühstück", "en": "Breakfast"},
        "sommer",
    )
    assert told.as_of == shop.house.runtime.clock.now()


async def test_what_is_in_the_way_is_told_as_for_a_look_up(shop: Shop) -> None:
    bare = await shop.till.ask("GET", TYPES_PATH, b"", {})
    assert bare.status == 401
    await shop.switch(on=False)
    reply = await shop.types()
    assert number_of(reply) == (503, "X902")
    assert '"legacy_code": "007"' in reply.text
    await shop.switch(on=True)
    await Systems(shop.house).leave(shop.person, shop.system_id, shop.location_id)
    assert number_of(await shop.types()) == (403, "V402")
