"""Every service is decided in one fixed order, and the first thing that is missing is the answer."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.portal.locations.test_service import founded
from tests.portal.services.given import GivenLinks
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Service, ServiceState
from tillbridge.portal.house import House
from tillbridge.portal.licences.model import Product
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations.model import CustomerBase
from tillbridge.portal.maintenance.model import Component, Mode
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.services.model import REGISTERED, Facts, Need, Registered
from tillbridge.portal.services.registry import Registry, decide

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
MODE = Mode("m" * 32, Component.PORTAL, None, NOW, NOW + timedelta(hours=2), "", "UTC", None, "")
WELL = Facts(LinkState.ACTIVE, frozenset(Product), CustomerBase.V2, frozenset(Service), dict[Component, Mode]())
ALL_BUILT = tuple(replace(one, built=True) for one in REGISTERED)

MISSES = [
    (Code.NOT_PAIRED, ServiceState.NEEDS_PAIRING, {"link": None}),
    (Code.LICENCE_MISSING, ServiceState.NEEDS_LICENCE, {"licences": frozenset()}),
    (Code.CONVERSION_REQUIRED, ServiceState.NEEDS_CONVERSION, {"customer_base": CustomerBase.V1_ONLINE}),
    (Code.SWITCHED_OFF, ServiceState.OFF, {"switched_on": frozenset()}),
    (Code.MAINTENANCE, ServiceState.MAINTENANCE, {"modes": dict.fromkeys(Component, MODE)}),
]
"""In the order in which they are asked for."""


def cases() -> Iterator[tuple[Registered, int]]:
    for one in ALL_BUILT:
        for first in range(len(MISSES)):
            yield one, first


@pytest.mark.parametrize(("registered", "first"), list(cases()))
def test_what_is_missing_first_is_the_answer(registered: Registered, first: int) -> None:
    converts = registered.service is Service.CUSTOMER_BASE
    missing = [miss for miss in MISSES[first:] if converts or miss[0] is not Code.CONVERSION_REQUIRED]
    missing = [miss for miss in missing if Need.PAIRING in registered.needs or miss[0] is not Code.NOT_PAIRED]
    facts = WELL
    for _, _, change in missing:
        facts = replace(facts, **change)  # type: ignore[arg-type]
    told = decide(registered, facts)
    assert (told.code, told.state) == missing[0][:2]
    assert told.fixer is not None
    with pytest.raises(BridgeError) as caught:
        told.refuse(NOW)
    assert (caught.value.code, caught.value.place) == (missing[0][0], registered.service.value)


@pytest.mark.parametrize("registered", ALL_BUILT, ids=lambda one: one.service)
def test_with_everything_there_a_service_is_on(registered: Registered) -> None:
    told = decide(registered, WELL)
    assert (told.state, told.code, told.scopes) == (ServiceState.ON, None, registered.scopes)
    told.refuse(NOW)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (LinkState.NOT_PAIRED, Code.NOT_PAIRED),
        (LinkState.PIN_OPEN, Code.NOT_PAIRED),
        (LinkState.WAITING_CONFIRM, Code.NOT_PAIRED),
        (LinkState.ABANDONED, Code.NOT_PAIRED),
        (LinkState.REPLACED, Code.NOT_PAIRED),
        (LinkState.REVOKED, Code.LINK_REVOKED),
        (LinkState.SUSPENDED, Code.LINK_SUSPENDED),
        (LinkState.CONVERTING, Code.CONVERSION_REQUIRED),
        (LinkState.CONVERSION_FAILED, Code.CONVERSION_REQUIRED),
        (LinkState.WAITING_FIRST_CONTACT, None),
        (LinkState.ACTIVE, None),
        (LinkState.SILENT, None),
    ],
)
def test_each_state_of_the_link(state: LinkState, code: Code | None) -> None:
    told = {one: decide(one, replace(WELL, link=state)).code for one in ALL_BUILT}
    assert {found for one, found in told.items() if Need.PAIRING in one.needs} == {code}
    assert {one.service for one in told if Need.PAIRING not in one.needs} == {Service.THIRD_PARTY_VOUCHERS}
    assert {found for one, found in told.items() if Need.PAIRING not in one.needs} == {None}


_FACTS = st.builds(
    Facts,
    st.none() | st.sampled_from(LinkState),
    st.frozensets(st.sampled_from(Product)),
    st.sampled_from(CustomerBase),
    st.frozensets(st.sampled_from(Service)),
    st.dictionaries(st.sampled_from(Component), st.just(MODE)),
)


@given(_FACTS)
def test_what_is_not_built_is_never_on(facts: Facts) -> None:
    for one in REGISTERED:
        told = decide(one, facts)
        if not one.built:
            assert (told.state, told.code) == (ServiceState.NOT_AVAILABLE, Code.SERVICE_UNAVAILABLE)
        elif told.state is ServiceState.ON:
            assert one.product in facts.licences
            assert one.service in facts.switched_on
            assert Need.CUSTOMER_BASE_2 not in one.needs or facts.customer_base is CustomerBase.V2
            assert one.component not in facts.modes


def test_every_service_is_registered_once() -> None:
    assert sorted(one.service for one in REGISTERED) == sorted(Service)
    assert [one.service for one in REGISTERED if one.built] == [
        Service.WEB_VOUCHERS,
        Service.THIRD_PARTY_VOUCHERS,
        Service.CUSTOMER_BASE,
    ]


async def test_it_works_with_the_portals_own_links_and_maintenance(house: House) -> None:
    _, head = await founded(house)
    registry = Registry(Links(house), Maintenance(house))
    async with house.database.reading() as connection:
        standing = await registry.standing(connection, head, NOW)
    states = {one.service: one.state for one in standing}
    for service in (Service.WEB_VOUCHERS, Service.CUSTOMER_BASE):
        assert states.pop(service) is ServiceState.NEEDS_PAIRING
    assert states.pop(Service.THIRD_PARTY_VOUCHERS) is ServiceState.NEEDS_LICENCE
    assert set(states.values()) == {ServiceState.NOT_AVAILABLE}


async def test_an_unknown_location_has_no_services(house: House) -> None:
    registry = Registry(GivenLinks(), Maintenance(house))
    async with house.database.reading() as connection:
        with pytest.raises(BridgeError) as caught:
            await registry.require(connection, "0" * 32, Service.CUSTOMER_BASE, NOW)
    assert caught.value.code is Code.RECORD_UNKNOWN
