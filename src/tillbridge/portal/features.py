"""Puts the features of the portal together: who is handed what, in one place."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.accounts import feature as accounts
from tillbridge.portal.accounts import people_feature as people
from tillbridge.portal.accounts import people_store, store
from tillbridge.portal.audit import feature as audit
from tillbridge.portal.commands import feature as commands
from tillbridge.portal.corrections import feature as corrections
from tillbridge.portal.customers import feature as customers
from tillbridge.portal.customers.conversions import Conversions
from tillbridge.portal.dashboard import feature as dashboard
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.licences import feature as licences
from tillbridge.portal.licences.model import Product
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.licences.store import licensed
from tillbridge.portal.links import feature as links
from tillbridge.portal.links.model import Recipient
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import feature as locations
from tillbridge.portal.locations.service import Hook, Locations
from tillbridge.portal.mail import feature as mail
from tillbridge.portal.maintenance import feature as maintenance
from tillbridge.portal.maintenance.model import Component
from tillbridge.portal.maintenance.refusing import open_for_business
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.pages.site import Doorkeeper
from tillbridge.portal.pairing import feature as pairing
from tillbridge.portal.pairing.customer_conditions import CustomerConditions
from tillbridge.portal.pairing.phases import Phases
from tillbridge.portal.partners import feature as partners
from tillbridge.portal.partners.service import Partners
from tillbridge.portal.partners.telling import Telling
from tillbridge.portal.printing import feature as printing
from tillbridge.portal.recovery import feature as recovery
from tillbridge.portal.risk import feature as risk
from tillbridge.portal.sealing import feature as sealing
from tillbridge.portal.services import feature as services
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.settings import LicencePolicy
from tillbridge.portal.settlement import feature as settlement
from tillbridge.portal.shop import feature as shop
from tillbridge.portal.thirdparty import feature as thirdparty
from tillbridge.portal.tokens import feature as tokens
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.service import Tokens
from tillbridge.portal.validity import feature as validity
from tillbridge.portal.vouchers import feature as vouchers
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.portal.vouchers.systems_service import Systems


def assemble(house: House) -> tuple[Doorkeeper, Sequence[Feature]]:
    """Who knows the visitors, and every feature of this portal."""
    planned = Maintenance(house)
    linked = Links(house, owners_of, Phases(house))
    registry = Registry(linked, planned)
    issued = Tokens(house, linked)
    callers = Callers(issued)
    paired = pairing.Pairing(
        house,
        linked,
        CustomerConditions(Conversions(house, has_customer_base)),
        tokens.FirstTokens(issued, registry),
        operators_of,
    )
    desk = VoucherDesk(house)
    leaving, ending = Systems(house).location_gone, Partners(house).location_gone
    opening, closing = licensing(house), (linked.location_closed, paired.pins.location_closed, leaving, ending)
    moving = (linked.location_moved, paired.pins.location_closed, leaving, ending)
    features = (
        dashboard.feature(linked, planned),
        # Its pages stand below those of the tills' interface, which take whatever comes behind it for a location.
        partners.feature(house, desk, partners.registry(linked, planned)),
        closed_in_maintenance(house, pairing.feature(paired)),
        commands.feature(house, linked, callers, planned),
        locations.feature(house, linked, opened=opening, closed=closing, moved=moving),
        services.feature(house, registry),
        licences.feature(house),
        *_of_vouchers(house, desk, callers, registry),
        thirdparty.feature(house, desk, registry),
        customers.feature(house, has_customer_base, linked),
        people.feature(house, Locations(house, opened=opening, closed=closing)),
        maintenance.feature(house),
        audit.feature(house),
        accounts.feature(house),
        closed_in_maintenance(house, links.feature(linked)),
        tokens.feature(issued, callers, registry),
        mail.feature(house),
    )
    return accounts.doorkeeper(house), features


def _of_vouchers(house: House, desk: VoucherDesk, callers: Callers, registry: Registry) -> Sequence[Feature]:
    """Everything about web vouchers but what partners see."""
    return (
        corrections.feature(house),
        vouchers.feature(house, desk, callers, registry, (Telling(house).blocked,)),
        printing.feature(house, callers, registry),
        recovery.feature(house, desk, callers),
        risk.feature(house, callers, registry),
        sealing.feature(house),
        settlement.feature(house),
        shop.feature(house, (Telling(house).blocked,)),
        validity.feature(house, owners_of),
    )


def licensing(house: House) -> Sequence[Hook]:
    """What a new location is given, as the operator has set it (docs/reference/portal-services.md, section 2)."""
    match house.settings.operator.licences:
        case LicencePolicy.UNLIMITED:
            return (Licences(house).allot_everything,)
        case LicencePolicy.ALLOTTED:
            return ()


def closed_in_maintenance(house: House, one: Feature) -> Feature:
    """The feature, whose routes answer X903 while the portal is under maintenance, before anything is counted.

    Tokens are given out even then, so that a connector can still say how it is and hear when it ends.
    """
    router = APIRouter(dependencies=[Depends(open_for_business(house, Component.PORTAL))])
    if one.api is not None:
        router.include_router(one.api)
    return replace(one, api=router)


async def has_customer_base(connection: AsyncConnection, location_id: str, now: datetime) -> bool:
    """Whether a location has the licence for the customer base 2.0."""
    return await licensed(connection, location_id, Product.CUSTOMER_BASE_2, now)


async def owners_of(connection: AsyncConnection, tenant_id: str) -> Sequence[Recipient]:
    """Who is written to about what concerns all of a merchant."""
    return [Recipient(one.email, one.language) for one in await people_store.owners(connection, tenant_id)]


async def operators_of(connection: AsyncConnection) -> Sequence[Recipient]:
    """Who is written to when the portal itself is in trouble."""
    return [Recipient(one.email, one.language) for one in await store.operators(connection)]
