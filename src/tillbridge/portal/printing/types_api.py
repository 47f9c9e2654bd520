"""Which types of vouchers a till sells, told to its connector: the same proofs as for looking a voucher up."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from tillbridge.domain.errors import BridgeError
from tillbridge.link.scopes import Scope
from tillbridge.link.voucher_types import TYPES_PATH, VoucherTypeFacts, VoucherTypeList
from tillbridge.portal.house import House
from tillbridge.portal.printing.types_service import VoucherTypes
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.tokens.answers import proven_route
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.proving import Proving
from tillbridge.portal.vouchers.api import LinkProofs
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.portal.vouchers.gate import Asker, Gate, with_legacy

_PREFIX = "/v1"


def routes(house: House, callers: Callers, registry: Registry, types: VoucherTypes) -> APIRouter:
    """The one route."""
    router = APIRouter(route_class=proven_route(Proving(house)), tags=["vouchers"])
    # Of the gate only the way in is used: nothing is asked of a desk here.
    gate, asking = Gate(house, registry, VoucherDesk(house)), LinkProofs(callers).either(Scope.VOUCHERS_READ)

    async def asker(request: Request) -> Asker:
        try:
            return await asking(request)
        except BridgeError as error:
            raise with_legacy(error) from None

    @router.get(TYPES_PATH.removeprefix(_PREFIX))
    async def list_types(request: Request, who: Annotated[Asker, Depends(asker)]) -> VoucherTypeList:
        """The types of vouchers that are sold at this location, in the order of the till's buttons."""
        at = await gate.open_counter(request, who)
        seen = await types.at_location(at.location_id)
        return VoucherTypeList(
            system=seen.system.name,
            currency=seen.system.currency,
            load_min=seen.system.load_min,
            load_max=seen.system.load_max,
            types=[
                VoucherTypeFacts(
                    id=one.id,
                    names={language.value: name for language, name in one.draft.names.items()},
                    price=one.draft.price,
                    design=one.draft.design,
                )
                for one in seen.types
            ],
            as_of=house.runtime.clock.now(),
        )

    return router
