"""The routes of recovery, for connectors (docs/reference/voucher-sealing.md, section 4).

They are open in recovery and closed in no maintenance: what was answered before is told as soon as it can be.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.recovery_messages import RECOVERY_PATH, RecoveryAsk, RecoveryFacts, Resubmission
from tillbridge.link.scopes import Scope, Service
from tillbridge.portal.house import House
from tillbridge.portal.locations import store as locations
from tillbridge.portal.recovery.service import Recoveries
from tillbridge.portal.tokens.answers import proven_route
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.model import Caller
from tillbridge.portal.tokens.proving import Proving
from tillbridge.portal.vouchers.model import Counter
from tillbridge.portal.vouchers.requests import read_body

LARGEST: Final = 48 * 1024
"""Bytes of a message: fifty actions with every name at its longest take about that."""

_PREFIX: Final = "/v1"


def routes(house: House, recoveries: Recoveries, callers: Callers) -> APIRouter:
    """All of them."""
    router = APIRouter(route_class=proven_route(Proving(house)), tags=["vouchers"])
    # A connector whose link is paused may take nothing and still tells what it took.
    tells = Annotated[Caller, Depends(callers.either(Service.WEB_VOUCHERS, Scope.VOUCHERS_CANCEL))]
    path = RECOVERY_PATH.removeprefix(_PREFIX)

    @router.post(path, openapi_extra=_described(RecoveryAsk))
    async def ask(request: Request, caller: tells) -> RecoveryFacts:
        """Whether the portal was restored from a backup and wants to hear again what it had answered."""
        asked = read_body(RecoveryAsk, await request.body())
        return await recoveries.asked(await _counter(house, caller), asked)

    @router.post(f"{path}/{{recovery_id}}", openapi_extra=_described(Resubmission))
    async def tell(request: Request, recovery_id: str, caller: tells) -> RecoveryFacts:
        """Actions that the portal had answered, without PINs. What is told again counts once."""
        told = read_body(Resubmission, await request.body(), LARGEST)
        return await recoveries.told(await _counter(house, caller), recovery_id, told)

    return router


async def _counter(house: House, caller: Caller) -> Counter:
    async with house.database.reading() as connection:
        found = await locations.find(connection, caller.location_id)
    if found is None:
        raise BridgeError(Code.RECORD_UNKNOWN)
    return Counter(caller.location_id, found.tenant_id, caller.link_id)


def _described(kind: type[BaseModel]) -> dict[str, object]:
    schema = kind.model_json_schema(ref_template="#/$defs/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
