"""The three routes that tills of other makers ask (docs/reference/voucher-third-party-api.md, section 3).

The form is theirs: a voucher's number stands in the address, 200 is fine, and everything else is an error. What is
proven, counted and booked is as with every other way to a voucher.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, APIKeyQuery, HTTPBearer
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tillbridge.domain.errors import BridgeError
from tillbridge.link.scopes import Scope
from tillbridge.link.voucher_messages import REPLAYED, Booked
from tillbridge.portal.house import House
from tillbridge.portal.partners.proving import HEADER, QUERY, KeyProofs
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.thirdparty.balances import Balances
from tillbridge.portal.thirdparty.branches import Branch, Branches
from tillbridge.portal.thirdparty.cancelling import Cancellations
from tillbridge.portal.thirdparty.model import (
    BalanceSaid,
    CancelAsked,
    CancelSaid,
    RedeemAsked,
    RedeemSaid,
    Wanted,
    wanted,
)
from tillbridge.portal.thirdparty.redeeming import Redemptions
from tillbridge.portal.thirdparty.refusals import REFUSED, error_of, refusal, sentence
from tillbridge.portal.thirdparty.requests import CODE_PATTERN, paying, read_asked, read_voucher
from tillbridge.portal.vouchers import answers
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.portal.vouchers.gate import Asking
from tillbridge.portal.vouchers.model import Answered

PATH: Final = "/third-party"

_IN_HEADER: Final = APIKeyHeader(
    name=HEADER, scheme_name="BranchKey", description="The key of a location.", auto_error=False
)
_AS_BEARER: Final = HTTPBearer(
    scheme_name="BranchKeyAsBearer", description="The same key, for clients that know this form.", auto_error=False
)
_IN_ADDRESS: Final = APIKeyQuery(
    name=QUERY,
    scheme_name="BranchKeyInAddress",
    description="The same key, where it was made with the switch for older programs.",
    auto_error=False,
)

# It is only described here: `read_voucher` is what judges it, in the words of this form.
Code = Annotated[str, Path(json_schema_extra={"pattern": CODE_PATTERN})]

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def routes(house: House, desk: VoucherDesk, registry: Registry) -> APIRouter:
    """All of them."""
    router = APIRouter(
        prefix=PATH,
        route_class=_answering(house),
        tags=["third-party"],
        # They describe the key; `KeyProofs` is what judges it.
        dependencies=[Security(_IN_HEADER), Security(_AS_BEARER), Security(_IN_ADDRESS)],
        responses={"default": REFUSED},
    )
    tills = _Tills(house, desk, registry)

    @router.get("/vouchers/{code}/balance")
    async def balance(request: Request, code: Code) -> BalanceSaid:
        """What is on a voucher, and whether it can be redeemed here. It needs no PIN."""
        return await tills.balance(request, code)

    @router.post("/vouchers/{code}/redeem", openapi_extra=_described(RedeemAsked), response_model=RedeemSaid)
    async def redeem(request: Request, code: Code) -> Response:
        """Pays with a voucher: the whole amount or nothing. It is booked at once, and given back by `cancel`."""
        return await tills.redeem(request, code)

    @router.post("/vouchers/{code}/cancel", openapi_extra=_described(CancelAsked), response_model=CancelSaid)
    async def cancel(request: Request, code: Code) -> Response:
        """Gives a redemption back, in whole or in part, until nothing of it is left."""
        return await tills.cancel(request, code)

    return router


class _Tills:
    """Serves them. What goes wrong is raised, and becomes an answer of this form in the route."""

    def __init__(self, house: House, desk: VoucherDesk, registry: Registry) -> None:
        self._house = house
        self._branches = Branches(house, registry)
        self._balances = Balances(house, desk)
        self._redemptions = Redemptions(house)
        self._cancellations = Cancellations(house)
        proofs = KeyProofs(house)
        self._reads = proofs.either(Scope.VOUCHERS_READ)
        self._redeems = proofs.either(Scope.VOUCHERS_REDEEM)
        self._cancels = proofs.either(Scope.VOUCHERS_CANCEL, Scope.VOUCHERS_REDEEM)

    async def balance(self, request: Request, code: str) -> BalanceSaid:
        branch = await self._branch(request, self._reads)
        found = await self._balances.of(branch, read_voucher(code))
        return BalanceSaid(
            code=code,
            is_redeemable=found.reason is None,
            balance_in_cents=found.amount,
            total_amount_in_cents=found.total,
            message="" if found.reason is None else sentence(self._house, found.reason, branch),
        )

    async def redeem(self, request: Request, code: str) -> Response:
        branch, body = await self._branch(request, self._redeems), await request.body()
        try:
            branch.refuse(self._house.runtime.clock.now())
        except BridgeError as refused:
            return self._redeemed(request, code, branch, *await self._again(branch, code, body, refused))
        wish = self._wanted(branch, code, body)
        return self._redeemed(request, code, branch, wish, await self._redemptions.redeem(branch, wish))

    async def _again(self, branch: Branch, code: str, body: bytes, refused: BridgeError) -> tuple[Wanted, Answered]:
        """Who asks again hears what was decided then, whatever has been switched off since."""
        try:
            wish = self._wanted(branch, code, body)
        except BridgeError:
            raise refused from None
        answered = await self._redemptions.replayed(branch, wish)
        if answered is None:
            raise refused
        return wish, answered

    def _wanted(self, branch: Branch, code: str, body: bytes) -> Wanted:
        asked = read_asked(RedeemAsked, body)
        voucher = paying(read_voucher(code), asked)
        return wanted(self._house.vault, self._house.runtime.chance, branch.owner, voucher, asked)

    def _redeemed(self, request: Request, code: str, branch: Branch, wish: Wanted, answered: Answered) -> Response:
        if answered.status != answers.DONE:
            route = f"{PATH}/vouchers/{{code}}/redeem"
            response = refusal(self._house, request, error_of(answered), route, branch)
        else:
            booked = Booked.model_validate_json(answered.body)
            response = _answer(RedeemSaid(code=code, balance_in_cents=booked.balance, redeem_token=wish.key))
        return _marked(response, replayed=answered.replayed)

    async def cancel(self, request: Request, code: str) -> Response:
        branch = await self._branch(request, self._cancels)
        await self._branches.refuse_in_maintenance(branch)
        voucher, asked = read_voucher(code), read_asked(CancelAsked, await request.body())
        given = await self._cancellations.cancel(branch, voucher, asked)
        return _marked(_answer(CancelSaid(code=code, balance_in_cents=given.balance)), replayed=given.replayed)

    async def _branch(self, request: Request, asking: Asking) -> Branch:
        branch = await self._branches.of(await asking(request), request.headers.get("accept-language"))
        # For whatever goes wrong from here on: its sentence is in this shop's language and money.
        request.state.branch = branch
        return branch


def _answering(house: House) -> type[APIRoute]:
    """A route whose answers nobody keeps, and whose refusals have the shape of this form."""

    class Answering(APIRoute):
        def get_route_handler(self) -> Handler:
            """The handler of FastAPI, with these."""
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    response = await handle(request)
                except Exception as error:  # noqa: BLE001  # it is logged, and whoever asked has to hear of it
                    branch: Branch | None = getattr(request.state, "branch", None)
                    response = refusal(house, request, error, self.path, branch)
                response.headers["Cache-Control"] = "no-store"
                return response

            return answer

    return Answering


def _answer(said: BaseModel) -> Response:
    return JSONResponse(said.model_dump())


def _marked(response: Response, *, replayed: bool) -> Response:
    if replayed:
        response.headers[REPLAYED] = "true"
    return response


def _described(kind: type[BaseModel]) -> dict[str, Any]:
    # Bodies are read by the models themselves, strictly and with a limit: here they are only described.
    return {"requestBody": {"required": True, "content": {answers.JSON: {"schema": kind.model_json_schema()}}}}
