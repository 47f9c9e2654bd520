"""The gateway's paths: orders, maintenance and reads, behind the account's private credentials."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tillbridge.domain.errors import BridgeError
from tillbridge.psp.hipay.sandbox.answers import first, maintained, receipt, third
from tillbridge.psp.hipay.sandbox.credentials import Pair
from tillbridge.psp.hipay.sandbox.faults import Fault
from tillbridge.psp.hipay.sandbox.hosted_desk import HostedDesk
from tillbridge.psp.hipay.sandbox.model import Transaction
from tillbridge.psp.hipay.sandbox.parameters import read_parameters
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.refusals import GatewayCode, GatewayRefusal, refused
from tillbridge.psp.hipay.sandbox.striking import Striking
from tillbridge.web.answered import Answered
from tillbridge.web.asgi import App

log = structlog.get_logger(__name__)

PREFIXES: Final = ("/rest", "/v3")

Endpoint = Callable[[Request], Awaitable[Response]]
_By = Callable[[str], Sequence[Transaction]]


def gateway_app(provider: Provider) -> App:
    """The application below `PREFIXES`, with the switches before it."""
    gateway = _Gateway(provider)
    by: dict[str, _By] = {
        "arn": lambda _: (),
        "opid": provider.store.of_operation,
        "acquirerid": provider.store.of_acquirer,
    }
    inside = gateway.inside
    app = Starlette(
        routes=[
            Route("/rest/v1/order", inside(gateway.order), methods=["POST"]),
            Route("/rest/v1/hpayment", inside(gateway.page), methods=["POST"]),
            Route("/rest/v1/maintenance/transaction/{reference}", inside(gateway.maintain), methods=["POST"]),
            Route("/rest/v1/transaction", inside(gateway.of_order), methods=["GET"]),
            Route("/rest/v1/transaction/{reference}", inside(gateway.one), methods=["GET"]),
            Route("/v3/order/{order_id}", inside(gateway.third_order), methods=["GET"]),
            Route("/v3/transaction/{reference}", inside(gateway.third_one), methods=["GET"]),
            *(
                Route(f"/v3/transactions/{kind}/{{value}}", inside(gateway.found(look)), methods=["GET"])
                for kind, look in by.items()
            ),
        ],
        exception_handlers={HTTPException: _unknown, Exception: _fault},
    )
    return Striking(Answered(app), provider.faults)


class _Gateway:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._desk = HostedDesk(provider)

    def inside(self, endpoint: Endpoint) -> Endpoint:
        """Behind the caller's address and the private pair; refusals become the gateway's answers."""

        async def guarded(request: Request) -> Response:
            try:
                self._admit(request)
                return await endpoint(request)
            except GatewayRefusal as refusal:
                return refused(refusal)
            except BridgeError as error:
                return refused(GatewayRefusal(GatewayCode.UNAVAILABLE, error.detail))

        return guarded

    async def order(self, request: Request) -> Response:
        """`POST /rest/v1/order`."""
        given = read_parameters(request.headers.get("content-type"), await request.body())
        made = await self._provider.order(given)
        return JSONResponse(_whole(made), HTTPStatus.OK)

    async def page(self, request: Request) -> Response:
        """`POST /rest/v1/hpayment`."""
        given = read_parameters(request.headers.get("content-type"), await request.body())
        base = f"{request.url.scheme}://{request.url.netloc}"
        return JSONResponse(await self._desk.open(given, base), HTTPStatus.OK)

    async def maintain(self, request: Request) -> Response:
        """`POST /rest/v1/maintenance/transaction/{reference}`."""
        given = read_parameters(request.headers.get("content-type"), await request.body())
        done, asked, status = await self._provider.maintain(request.path_params["reference"], given)
        return JSONResponse(maintained(done, asked.kind, status) | {"operationId": asked.operation_id})

    async def of_order(self, request: Request) -> Response:
        """`GET /rest/v1/transaction?orderid=…`: the transaction, or a list where there are several."""
        order_id = request.query_params.get("orderid")
        if not order_id:
            raise GatewayRefusal(GatewayCode.MISSING, "orderid is missing")
        found = [_whole(one) for one in self._of_order(order_id)]
        return JSONResponse({"transaction": found[0] if len(found) == 1 else found})

    async def one(self, request: Request) -> Response:
        """`GET /rest/v1/transaction/{reference}`."""
        return JSONResponse({"transaction": _whole(self._one(request.path_params["reference"]))})

    async def third_order(self, request: Request) -> Response:
        """`GET /v3/order/{order_id}`."""
        found = self._of_order(request.path_params["order_id"])
        return JSONResponse({"order": third(found[0])["order"], "transactions": [third(one) for one in found]})

    async def third_one(self, request: Request) -> Response:
        """`GET /v3/transaction/{reference}`."""
        return JSONResponse({"transaction": third(self._one(request.path_params["reference"]))})

    def found(self, look: _By) -> Endpoint:
        """`GET /v3/transactions/{kind}/{value}`: a list, which may be empty."""

        async def listed(request: Request) -> Response:
            found = look(request.path_params["value"])
            return JSONResponse({"transactions": [third(one) for one in found]})

        return listed

    def _admit(self, request: Request) -> None:
        host = "" if request.client is None else request.client.host
        if not self._provider.settings.admits(host):
            raise GatewayRefusal(GatewayCode.ADDRESS, "this address may not use the account")
        match self._provider.credentials.pair(request.headers.get("authorization")):
            case Pair.PRIVATE:
                return
            case Pair.PUBLIC:
                raise GatewayRefusal(GatewayCode.PERMISSION, "this needs the private credentials")
            case None:
                raise GatewayRefusal(GatewayCode.CREDENTIALS, "the login was not accepted")

    def _of_order(self, order_id: str) -> Sequence[Transaction]:
        found = () if self._provider.faults.strikes(Fault.LATE_READS) else self._provider.store.of_order(order_id)
        if not found:
            raise GatewayRefusal(GatewayCode.ORDER_UNKNOWN, "there is no order with this number")
        return found

    def _one(self, reference: str) -> Transaction:
        if self._provider.faults.strikes(Fault.LATE_READS):
            raise GatewayRefusal(GatewayCode.TRANSACTION_UNKNOWN, "there is no transaction with this reference")
        return self._provider.known(reference)


def _whole(one: Transaction) -> dict[str, object]:
    lines = receipt(one)
    return first(one) | ({"receipt": lines} if lines else {})


async def _fault(request: Request, error: Exception) -> Response:
    """A fault of our own: its traceback is for the log alone."""
    log.error("sandbox_fault", path=request.url.path, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return JSONResponse(
        {"code": int(status), "message": status.phrase, "description": "a fault of the sandbox"}, status
    )


async def _unknown(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    return JSONResponse({"code": int(status), "message": "Not Found", "description": "no such resource"}, status)
