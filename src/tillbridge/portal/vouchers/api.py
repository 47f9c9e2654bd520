"""The routes of vouchers, for connectors (docs/reference/vouchers.md, section 5).

What is in the way is looked at in one order: token and link, an earlier answer to the same key, licence, switch and
maintenance, and only then what was asked.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope, Service
from tillbridge.link.voucher_messages import (
    KEY_PATTERN,
    LOAD_PATH,
    LOOKUP_PATH,
    OPERATIONS_PATH,
    REDEEM_PATH,
    REPLAYED,
    Booked,
    Load,
    Lookup,
    Operation,
    Redeem,
    VoucherFacts,
)
from tillbridge.portal.house import House
from tillbridge.portal.locations import store as locations
from tillbridge.portal.maintenance.model import Component
from tillbridge.portal.maintenance.refusing import Maintained, refuse_if_maintained
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.tokens.answers import proven_route
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.model import Caller
from tillbridge.portal.tokens.proving import Proving
from tillbridge.portal.vouchers import answers
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.portal.vouchers.model import Answered, Counter
from tillbridge.portal.vouchers.requests import read_body, read_key, read_nothing
from tillbridge.web.language import choose
from tillbridge.web.problem import MEDIA_TYPE

SERVICE: Final = Service.WEB_VOUCHERS

_PREFIX: Final = "/v1"
"""The interface's routes are mounted there; the paths of the messages are whole."""

LEGACY: Final[Mapping[str, object]] = {"legacy_code": "007", "legacy_text": "007 - Partner authentication failed"}
"""Beside our own code, for tills that know this text alone. Programs go by our code."""

_LEGACY_CODES: Final = frozenset(
    {Code.SWITCHED_OFF, Code.NOT_PAIRED, Code.LINK_REVOKED, Code.LINK_SUSPENDED, Code.PROOF_REFUSED}
)
"""What such tills have always been told with that one text; no other refusal has it."""

T = TypeVar("T", Load, Redeem)


def routes(house: House, desk: VoucherDesk, callers: Callers, registry: Registry) -> APIRouter:
    """All of them."""
    router = APIRouter(route_class=proven_route(Proving(house)), tags=["vouchers"])
    gate = _Gate(house, registry)
    _add_lookup(router, gate, desk, callers)
    _add_actions(router, gate, desk, callers)
    _add_operations(router, gate, desk, callers)
    return router


def _add_lookup(router: APIRouter, gate: "_Gate", desk: VoucherDesk, callers: Callers) -> None:
    reads = Annotated[Caller, Depends(_named(callers.either(SERVICE, Scope.VOUCHERS_READ)))]

    @router.post(_route(LOOKUP_PATH), openapi_extra=_described(Lookup))
    async def lookup(request: Request, caller: reads) -> VoucherFacts:
        """What is on a voucher. It needs no PIN."""
        at = await gate.open_counter(request, caller)
        return await desk.lookup(at, read_body(Lookup, await request.body()))


def _add_actions(router: APIRouter, gate: "_Gate", desk: VoucherDesk, callers: Callers) -> None:
    loads = Annotated[Caller, Depends(_named(callers.either(SERVICE, Scope.VOUCHERS_LOAD)))]
    redeems = Annotated[Caller, Depends(_named(callers.either(SERVICE, Scope.VOUCHERS_REDEEM)))]

    @router.post(_route(LOAD_PATH), openapi_extra=_described(Load, keyed=True), response_model=Booked)
    async def load(request: Request, caller: loads) -> Response:
        """Puts money on a voucher. The same key with the same body is answered with the same bytes."""
        return await gate.act(request, caller, desk, Load, desk.load)

    @router.post(_route(REDEEM_PATH), openapi_extra=_described(Redeem, keyed=True), response_model=Booked)
    async def redeem(request: Request, caller: redeems) -> Response:
        """Pays with a voucher: debited at once, and put back on need."""
        return await gate.act(request, caller, desk, Redeem, desk.redeem)


def _add_operations(router: APIRouter, gate: "_Gate", desk: VoucherDesk, callers: Callers) -> None:
    """By key. A link that is paused may still put money back, and a till that may redeem may undo its own."""
    undoes = Annotated[Caller, Depends(_named(_either_scope(callers)))]
    cancels = Annotated[Caller, Depends(_named(callers.either(SERVICE, Scope.VOUCHERS_CANCEL)))]
    path = f"{_route(OPERATIONS_PATH)}/{{key}}"

    @router.post(f"{path}/confirm")
    async def confirm(request: Request, key: str, caller: undoes) -> Operation:
        """The receipt is paid: the action is closed."""
        return await gate.undo(request, caller, key, desk.confirm)

    @router.post(f"{path}/put-back")
    async def put_back(request: Request, key: str, caller: undoes) -> Operation:
        """The redemption goes back to the voucher, at any time and as often as it is asked."""
        return await gate.undo(request, caller, key, desk.put_back)

    @router.post(f"{path}/reverse")
    async def reverse(request: Request, key: str, caller: cancels) -> Operation:
        """The load is taken back, as long as nothing of it is used."""
        return await gate.undo(request, caller, key, desk.reverse)

    @router.get(path)
    async def state(request: Request, key: str, caller: undoes) -> Operation:
        """How the action of a key stands. `not_seen` is not final."""
        return await gate.undo(request, caller, key, desk.state)


class _Gate:
    """What stands before the desk."""

    def __init__(self, house: House, registry: Registry) -> None:
        self._house = house
        self._registry = registry

    async def open_counter(self, request: Request, caller: Caller) -> Counter:
        """Who asks, where the service is on. `BridgeError`: what is missing, X902 and X903 among it."""
        async with self._house.database.reading() as connection:
            at = await self._counter(connection, request, caller)
            await self._require(connection, caller.location_id)
        return at

    async def act(
        self,
        request: Request,
        caller: Caller,
        desk: VoucherDesk,
        kind: type[T],
        do: Callable[[Counter, str, T], Awaitable[Answered]],
    ) -> Response:
        """A load or a redemption."""
        refusal: BridgeError | None = None
        async with self._house.database.reading() as connection:
            at = await self._counter(connection, request, caller)
            try:
                await self._require(connection, caller.location_id)
            except BridgeError as error:
                refusal = error
        if refusal is None:
            key, asked = read_key(request), read_body(kind, await request.body())
            return _response(await do(at, key, asked))
        # Who asks again hears what was decided then, whatever has been switched off since.
        try:
            key, asked = read_key(request), read_body(kind, await request.body())
        except BridgeError:
            raise refusal from None
        replayed = await desk.replayed(at, key, asked)
        if replayed is None:
            raise refusal
        return _response(replayed)

    async def undo(
        self, request: Request, caller: Caller, key: str, do: Callable[[Counter, str], Awaitable[Operation]]
    ) -> Operation:
        """What becomes of an action: only maintenance can make it wait, never a licence or a switch."""
        async with self._house.database.reading() as connection:
            at = await self._counter(connection, request, caller)
            await refuse_if_maintained(self._house, connection, at.tenant_id, Component.VOUCHERS)
        read_nothing(await request.body())
        return await do(at, read_key(request, key))

    async def _counter(self, connection: AsyncConnection, request: Request, caller: Caller) -> Counter:
        found = await locations.find(connection, caller.location_id)
        if found is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        language = choose(None, None, request.headers.get("accept-language"))
        return Counter(caller.location_id, found.tenant_id, caller.link_id, language)

    async def _require(self, connection: AsyncConnection, location_id: str) -> None:
        now = self._house.runtime.clock.now()
        standing = await self._registry.standing_of(connection, location_id, SERVICE, now)
        if standing.mode is not None:
            raise Maintained(standing.mode, now)
        try:
            standing.refuse(now)
        except BridgeError as error:
            raise _with_legacy(error) from None


def _either_scope(callers: Callers) -> Callable[[Request], Awaitable[Caller]]:
    cancelling = callers.either(SERVICE, Scope.VOUCHERS_CANCEL)
    redeeming = callers.either(SERVICE, Scope.VOUCHERS_REDEEM)

    async def caller(request: Request) -> Caller:
        try:
            return await cancelling(request)
        except BridgeError as error:
            # A token without this scope is refused before its proof is used up.
            if error.code is not Code.LINK_SCOPE:
                raise
        return await redeeming(request)

    return caller


def _named(asking: Callable[[Request], Awaitable[Caller]]) -> Callable[[Request], Awaitable[Caller]]:
    async def caller(request: Request) -> Caller:
        try:
            return await asking(request)
        except BridgeError as error:
            raise _with_legacy(error) from None

    return caller


def _with_legacy(error: BridgeError) -> BridgeError:
    if error.code not in _LEGACY_CODES:
        return error
    members = {**error.members, **LEGACY}
    return BridgeError(error.code, error.detail, place=error.place, retry_after=error.retry_after, members=members)


def _response(answered: Answered) -> Response:
    headers = {REPLAYED: "true"} if answered.replayed else {}
    kind = answers.JSON if answered.status < HTTPStatus.BAD_REQUEST else MEDIA_TYPE.decode()
    return Response(answered.body, answered.status, headers, media_type=kind)


def _route(path: str) -> str:
    return path.removeprefix(_PREFIX)


def _described(kind: type[BaseModel], *, keyed: bool = False) -> dict[str, Any]:
    # Bodies are read by the models themselves, strictly and with a limit: here they are only described.
    described: dict[str, Any] = {
        "requestBody": {"required": True, "content": {answers.JSON: {"schema": kind.model_json_schema()}}}
    }
    if keyed:
        schema = {"type": "string", "pattern": KEY_PATTERN}
        described["parameters"] = [{"name": "Idempotency-Key", "in": "header", "required": True, "schema": schema}]
    return described
