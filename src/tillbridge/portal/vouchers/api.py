"""The routes of vouchers (docs/reference/vouchers.md, section 5): for connectors, and with other proofs for others."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope
from tillbridge.link.voucher_messages import (
    KEY_PATTERN,
    LOAD_PATH,
    LOOKUP_PATH,
    OPERATIONS_PATH,
    REDEEM_PATH,
    Booked,
    Load,
    Lookup,
    Operation,
    Redeem,
    VoucherFacts,
)
from tillbridge.portal.house import House
from tillbridge.portal.tokens.answers import proven_route
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.model import Caller
from tillbridge.portal.tokens.proving import Proving
from tillbridge.portal.vouchers import answers
from tillbridge.portal.vouchers.gate import SERVICE, Asker, Asking, Gate, Proofs, with_legacy
from tillbridge.portal.vouchers.requests import read_body

_PREFIX: Final = "/v1"
"""The interface's routes are mounted there; the paths of the messages are whole."""


def routes(house: House, gate: Gate, callers: Callers) -> APIRouter:
    """All of them, for connectors."""
    router = APIRouter(route_class=proven_route(Proving(house)), tags=["vouchers"])
    add_routes(router, gate, LinkProofs(callers))
    return router


def add_routes(router: APIRouter, gate: Gate, proofs: Proofs) -> None:
    """Adds them to a router; its prefix is put before their paths."""
    _add_lookup(router, gate, proofs)
    _add_actions(router, gate, proofs)
    _add_operations(router, gate, proofs)


def _add_lookup(router: APIRouter, gate: Gate, proofs: Proofs) -> None:
    reads = Annotated[Asker, Depends(_named(proofs.either(Scope.VOUCHERS_READ)))]

    @router.post(_route(LOOKUP_PATH), openapi_extra=_described(Lookup))
    async def lookup(request: Request, asker: reads) -> VoucherFacts:
        """What is on a voucher. It needs no PIN."""
        at = await gate.open_counter(request, asker)
        return await gate.desk.lookup(at, read_body(Lookup, await request.body()))


def _add_actions(router: APIRouter, gate: Gate, proofs: Proofs) -> None:
    loads = Annotated[Asker, Depends(_named(proofs.either(Scope.VOUCHERS_LOAD)))]
    redeems = Annotated[Asker, Depends(_named(proofs.either(Scope.VOUCHERS_REDEEM)))]

    @router.post(_route(LOAD_PATH), openapi_extra=_described(Load, keyed=True), response_model=Booked)
    async def load(request: Request, asker: loads) -> Response:
        """Puts money on a voucher. The same key with the same body is answered with the same bytes."""
        return await gate.act(request, asker, Load, gate.desk.load)

    @router.post(_route(REDEEM_PATH), openapi_extra=_described(Redeem, keyed=True), response_model=Booked)
    async def redeem(request: Request, asker: redeems) -> Response:
        """Pays with a voucher: debited at once, and put back on need."""
        return await gate.act(request, asker, Redeem, gate.desk.redeem)


def _add_operations(router: APIRouter, gate: Gate, proofs: Proofs) -> None:
    """By key. A link that is paused may still put money back, and a till that may redeem may undo its own."""
    undoes = Annotated[Asker, Depends(_named(proofs.either(Scope.VOUCHERS_CANCEL, Scope.VOUCHERS_REDEEM)))]
    cancels = Annotated[Asker, Depends(_named(proofs.either(Scope.VOUCHERS_CANCEL)))]
    path, desk = f"{_route(OPERATIONS_PATH)}/{{key}}", gate.desk

    @router.post(f"{path}/confirm")
    async def confirm(request: Request, key: str, asker: undoes) -> Operation:
        """The receipt is paid: the action is closed."""
        return await gate.undo(request, asker, key, desk.confirm)

    @router.post(f"{path}/put-back")
    async def put_back(request: Request, key: str, asker: undoes) -> Operation:
        """The redemption goes back to the voucher, at any time and as often as it is asked."""
        return await gate.undo(request, asker, key, desk.put_back)

    @router.post(f"{path}/reverse")
    async def reverse(request: Request, key: str, asker: cancels) -> Operation:
        """The load is taken back, as long as nothing of it is used."""
        return await gate.undo(request, asker, key, desk.reverse)

    @router.get(path)
    async def state(request: Request, key: str, asker: undoes) -> Operation:
        """How the action of a key stands. `not_seen` is not final."""
        return await gate.undo(request, asker, key, desk.state)


class LinkProofs:
    """A connector's: an access token with its proof, or a signature with a session key."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def either(self, *scopes: Scope) -> Asking:
        """See `Proofs.either`."""
        asked = [self._callers.either(SERVICE, scope) for scope in scopes]

        async def asker(request: Request) -> Asker:
            for one in asked[:-1]:
                try:
                    return _asker(await one(request))
                except BridgeError as error:
                    # A token without this scope is refused before its proof is used up.
                    if error.code is not Code.LINK_SCOPE:
                        raise
            return _asker(await asked[-1](request))

        return asker


def _asker(caller: Caller) -> Asker:
    return Asker(caller.location_id, caller.link_id)


def _named(asking: Asking) -> Callable[[Request], Awaitable[Asker]]:
    async def asker(request: Request) -> Asker:
        try:
            return await asking(request)
        except BridgeError as error:
            raise with_legacy(error) from None

    return asker


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
