"""The routes of vouchers that were taken without a connection, for connectors (docs/reference/voucher-offline.md)."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.offline_messages import (
    GIVEN_BACK_PATH,
    TAKE_PATH,
    TERMS_PATH,
    GivenBack,
    Loss,
    OfflineTake,
    OfflineTaken,
    OfflineTerms,
)
from tillbridge.link.scopes import Scope, Service
from tillbridge.link.voucher_messages import REPLAYED
from tillbridge.portal.house import House
from tillbridge.portal.locations import store as locations
from tillbridge.portal.risk.taking import OfflineDesk
from tillbridge.portal.tokens.answers import proven_route
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.model import Caller
from tillbridge.portal.tokens.proving import Proving
from tillbridge.portal.vouchers import answers
from tillbridge.portal.vouchers.model import Counter
from tillbridge.portal.vouchers.requests import read_body, read_key

_PREFIX: Final = "/v1"


def routes(house: House, desk: OfflineDesk, callers: Callers) -> APIRouter:
    """All of them."""
    router = APIRouter(route_class=proven_route(Proving(house)), tags=["vouchers"])
    reads = Annotated[Caller, Depends(callers.either(Service.WEB_VOUCHERS, Scope.VOUCHERS_READ))]
    redeems = Annotated[Caller, Depends(callers.either(Service.WEB_VOUCHERS, Scope.VOUCHERS_REDEEM))]
    cancels = Annotated[Caller, Depends(callers.either(Service.WEB_VOUCHERS, Scope.VOUCHERS_CANCEL))]

    @router.get(TERMS_PATH.removeprefix(_PREFIX))
    async def terms(caller: reads) -> OfflineTerms:
        """Up to where the caller's location takes vouchers without a connection, and the key that seals their PINs."""
        return await desk.terms(caller.location_id)

    @router.post(TAKE_PATH.removeprefix(_PREFIX), response_model=OfflineTaken)
    async def take(request: Request, caller: redeems) -> Response:
        """A voucher that was taken without a connection: what is there is taken, the rest is the location's loss."""
        key, asked = read_key(request), read_body(OfflineTake, await request.body())
        answered = await desk.take(await _counter(house, caller), key, asked)
        headers = {REPLAYED: "true"} if answered.replayed else {}
        return Response(answered.body, answered.status, headers, media_type=answers.JSON)

    @router.post(GIVEN_BACK_PATH.removeprefix(_PREFIX))
    async def given_back(request: Request, caller: cancels) -> Loss:
        """The receipt of such a voucher was cancelled: what was lost with it is lost no more."""
        return await desk.given_back(await _counter(house, caller), read_body(GivenBack, await request.body()))

    return router


async def _counter(house: House, caller: Caller) -> Counter:
    async with house.database.reading() as connection:
        found = await locations.find(connection, caller.location_id)
    if found is None:
        raise BridgeError(Code.RECORD_UNKNOWN)
    return Counter(caller.location_id, found.tenant_id, caller.link_id)
