"""The vouchers of the native interface. docs/reference/connector-vouchers.md is their manual."""

import re
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from tillbridge.connector.api.bodies import LONGEST_NAME, digest, writable
from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.headers import IdempotencyKey
from tillbridge.connector.api.outcome_resources import Resource
from tillbridge.connector.api.payments import ONE, WRITING
from tillbridge.connector.api.problems import as_bridge_error
from tillbridge.connector.api.repeats import Repeats
from tillbridge.connector.api.scopes import Scope, granted
from tillbridge.connector.api.voucher_events import add_voucher_service
from tillbridge.connector.api.voucher_resources import (
    ActionHistoryResource,
    ActionResource,
    ActionsResource,
    DecideBody,
    HistoryResource,
    LoadBody,
    LookupBody,
    ReceiptActionsResource,
    RedeemBody,
    VoucherKey,
    VoucherResource,
    not_known,
    voucher_problem,
)
from tillbridge.connector.vouchers.model import RUNNING, Action, Kind, Standing, State, Wanted
from tillbridge.connector.vouchers.opening import Vouchers
from tillbridge.connector.vouchers.providers.codes import read_scan, with_pin
from tillbridge.connector.vouchers.providers.profile import Profile
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.domain.voucher_entries import VOUCHER_ENTRIES
from tillbridge.link.voucher_messages import KEY_PATTERN

if TYPE_CHECKING:
    from tillbridge.connector.vouchers.desk import VoucherDesk

TAG: Final = "vouchers"

_WAY: Final = (
    Code.NOT_PAIRED,
    Code.LINK_REVOKED,
    Code.LINK_SUSPENDED,
    Code.LINK_SCOPE,
    Code.KEYSTORE_UNREADABLE,
    Code.LICENCE_MISSING,
    Code.SERVICE_UNAVAILABLE,
    Code.PORTAL_UNREACHABLE,
    Code.SWITCHED_OFF,
    Code.MAINTENANCE,
    Code.PORTAL_REFUSED,
    Code.OVERLOADED,
    Code.PORTAL_FAULT,
    Code.PORTAL_SILENT,
    Code.CONNECTOR_STOPPING,
)
"""What may stand between a till and its vouchers."""

UNANSWERED: Final = (*_WAY, Code.CURRENCY_UNKNOWN)
"""What a question about a voucher may be refused with besides what is wrong with the voucher."""

_BOOKING: Final = (*WRITING, *_WAY, *VOUCHER_ENTRIES, Code.CURRENCY_UNKNOWN, Code.ALREADY_CLOSED)
_CHANGING: Final = (*WRITING, *ONE, Code.CONNECTOR_STOPPING)
_READING: Final = (Code.CONNECTOR_STOPPING,)
_RESOLVING: Final = (*_CHANGING, Code.ALREADY_CLOSED, Code.PROVIDER_MUST_FINISH)
_FOREIGN: Final = (Code.PROVIDER_UNKNOWN, Code.PROVIDER_MUST_FINISH)
_BACK_AGAIN: Final = (*_CHANGING, Code.VOUCHER_RUNNING, *_FOREIGN)
_ENDING: Final = (*WRITING, Code.CONNECTOR_STOPPING, Code.VOUCHER_RUNNING, *_FOREIGN)
_REVERSING: Final = (*_CHANGING, Code.VOUCHER_LOAD_SPENT, Code.VOUCHER_OVER_REVERSAL)
_NOT_KNOWN: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.ACCEPTED: {"model": ActionResource, "description": "It is not known yet; ask again by its key."}
}

_PAY: Final = (Scope.PAY,)
_BACK: Final = (Scope.PAY, Scope.REFUND)
_KEY: Final = re.compile(KEY_PATTERN, re.ASCII)

_Act = Callable[[], Awaitable[Resource]]


class _Routes:
    """The routes' functions, over the desk that there is once there is a link."""

    def __init__(self, vouchers: Vouchers) -> None:
        self._vouchers = vouchers
        self._repeats = Repeats()

    async def lookup(self, body: LookupBody, idempotency_key: IdempotencyKey) -> Response:
        """What is on a voucher. It needs no PIN, moves nothing, and is asked of the portal each time."""
        del idempotency_key  # every write has one; this one may be repeated as often as anybody likes
        try:
            scanned = read_scan(body.code, self._vouchers.profiles)
            desk, code = await self._vouchers.desk(), scanned.code
            if scanned.provider:
                seen = await desk.lookup_at(scanned.provider, code.number, body.currency)
                profile = desk.providers.of(scanned.provider).profile
                return json_answer(VoucherResource.of_provider(code.number, seen, profile, self._vouchers.now()))
            facts = await desk.lookup(code.number, body.currency, code.merchant or "")
            return json_answer(VoucherResource.of(facts))
        except BridgeError as error:
            return voucher_problem(error, body.currency)

    async def redeem(self, body: RedeemBody, idempotency_key: VoucherKey) -> Response:
        """Pays with a voucher, as an interim payment of a receipt that is still open.

        An answer comes after fifteen seconds at the latest; then it may not be known yet whether it was paid (202).
        """
        asked = body.exact or body.up_to
        if asked is None or (body.exact is not None and body.up_to is not None):
            error = BridgeError(Code.FIELD_INVALID, "either up_to or exact", place="up_to")
            return voucher_problem(error)
        return await self._booked(idempotency_key, Kind.REDEEM, body, asked.currency)

    async def load(self, body: LoadBody, idempotency_key: VoucherKey) -> Response:
        """Puts money on a voucher. The card is handed over once this is done, and not before.

        An answer comes after fifteen seconds at the latest; then it may not be known yet (202).
        """
        return await self._booked(idempotency_key, Kind.LOAD, body, body.amount.currency)

    async def one(self, key: str) -> Response:
        """How an action stands, with its history."""
        desk = await self._desk(key)
        lines = tuple(
            HistoryResource(at=line.at, state=line.state, words=dict(line.words)) for line in desk.history(key)
        )
        return json_answer(ActionHistoryResource(**dict(self._shown(desk.find(key))), history=lines))

    async def every(self) -> Response:
        """Everything about vouchers that is not over: open payments, cases for a person, and what waits."""
        desk = await self._vouchers.desk_or_none()
        found = Standing() if desk is None else desk.standing()
        return json_answer(
            ActionsResource(
                open=tuple(map(self._shown, found.open)),
                cases=tuple(map(self._shown, found.cases)),
                waiting=tuple(map(self._shown, found.waiting)),
            )
        )

    async def put_back(self, key: str, idempotency_key: IdempotencyKey) -> Response:
        """Gives back what was taken, whatever became of it; a key that comes later is then never carried out.

        It reaches the portal in the end, however long that takes: `putback_queued` is as good as done.
        """
        del idempotency_key  # the action's own key says it all: to put back twice is to put back once
        desk = await self._desk(key)
        try:
            return json_answer(self._shown(await desk.put_back(key)))
        except BridgeError as error:
            return voucher_problem(error)

    async def reverse(self, key: str, idempotency_key: IdempotencyKey) -> Response:
        """Takes off again what was loaded, as long as nothing of it is spent."""
        del idempotency_key  # as with a put-back
        desk = await self._desk(key)
        try:
            return json_answer(self._shown(await desk.reverse(key)))
        except BridgeError as error:
            return voucher_problem(error, desk.find(key).currency)

    async def resolve(self, request: Request, key: str, body: DecideBody, idempotency_key: IdempotencyKey) -> Response:
        """What a person decided about an open case. The name and the reason stay for ever."""
        desk = await self._desk(key)

        async def act() -> Resource:
            return self._shown(await desk.resolve(key, body.decision, body.by, body.reason))

        fingerprint = digest(body, "resolve_voucher", key)
        return await self._repeats.once(granted(request).caller, idempotency_key, fingerprint, act)

    async def close(self, ref: str, idempotency_key: IdempotencyKey) -> Response:
        """The receipt is paid: its payments by voucher are final. Refused while one of them is not known."""
        del idempotency_key  # a receipt that is closed twice is closed
        receipt = _receipt(ref)
        desk = await self._vouchers.desk_or_none()
        try:
            found = [] if desk is None else await desk.close(receipt)
        except BridgeError as error:
            return voucher_problem(error)
        return json_answer(ReceiptActionsResource.of(receipt, map(self._shown, found)))

    async def cancel(self, ref: str, idempotency_key: IdempotencyKey) -> Response:
        """The receipt is void: what its vouchers paid goes back, and what was loaded is taken off again."""
        del idempotency_key  # as with closing
        receipt = _receipt(ref)
        desk = await self._vouchers.desk_or_none()
        try:
            found = [] if desk is None else await desk.cancel(receipt)
        except BridgeError as error:
            return voucher_problem(error)
        return json_answer(ReceiptActionsResource.of(receipt, map(self._shown, found)))

    # ------------------------------------------------------------ shared

    async def _desk(self, key: str) -> "VoucherDesk":
        return await known_desk(self._vouchers, key)

    async def _booked(self, key: str, kind: Kind, body: RedeemBody | LoadBody, unit: str) -> Response:
        try:
            desk = await self._vouchers.desk()
            action = await desk.ask(key, _wanted(kind, body, self._vouchers.profiles))
        except BridgeError as error:
            return voucher_problem(error, unit)
        if action.state is State.REFUSED and action.refusal is not None:
            return voucher_problem(action.refusal, unit)
        if action.with_person and action.state in RUNNING:
            return voucher_problem(not_known(action), unit, MoneyMoved.UNKNOWN)
        return json_answer(self._shown(action), HTTPStatus.ACCEPTED if action.state in RUNNING else HTTPStatus.OK)

    def _shown(self, action: Action) -> ActionResource:
        desk = self._vouchers.there
        return ActionResource.of(action, self._vouchers.now(), action.case if desk is None else desk.case(action))


async def known_desk(vouchers: Vouchers, key: str) -> "VoucherDesk":
    """The desk for an action of this key. `BridgeError(PAYMENT_UNKNOWN)` where there can be none."""
    desk = await vouchers.desk_or_none() if _KEY.fullmatch(key) else None
    if desk is None:
        raise BridgeError(Code.PAYMENT_UNKNOWN, "no action with a voucher has such a key", place="key")
    return desk


def add_vouchers(app: FastAPI, vouchers: Vouchers) -> None:
    """Adds the routes under `/vouchers` and `/receipts`."""
    _say_what_is_wrong_with_amounts(app)
    add_voucher_service(app, vouchers)
    of = _Routes(vouchers)
    for route in (*_desk_routes(of), *_action_routes(of), *_receipt_routes(of)):
        route.add_to(app)


def _say_what_is_wrong_with_amounts(app: FastAPI) -> None:
    """A malformed amount of a voucher is refused like every other refusal of vouchers."""
    others = app.exception_handlers[RequestValidationError]

    async def refuse(request: Request, error: Exception) -> Response:
        known = as_bridge_error(error)
        if known is not None and known.code is Code.VOUCHER_AMOUNT:
            return voucher_problem(known)
        answer: Response = await others(request, error)  # type: ignore[misc]  # ours are all asynchronous
        return answer

    app.add_exception_handler(RequestValidationError, refuse)


def _desk_routes(of: _Routes) -> tuple[Route, ...]:
    path, listed, facts, action = "/vouchers", ActionsResource, VoucherResource, ActionResource
    look, pay, load = (of.lookup, "look_up_voucher"), (of.redeem, "redeem_voucher"), (of.load, "load_voucher")
    return (
        Route("GET", path, of.every, "list_vouchers", "See what is open", TAG, listed, _READING, (Scope.READ,)),
        Route("POST", f"{path}/lookup", *look, "See a balance", TAG, facts, _BOOKING, _PAY),
        Route("POST", f"{path}/redeem", *pay, "Pay with a voucher", TAG, action, _BOOKING, _PAY, _NOT_KNOWN),
        Route("POST", f"{path}/load", *load, "Sell or load one", TAG, action, _BOOKING, _PAY, _NOT_KNOWN),
    )


def _action_routes(of: _Routes) -> tuple[Route, ...]:
    path, shape, back = "/vouchers/{key}", ActionResource, (of.put_back, "put_back_voucher")
    reverse, resolve = (of.reverse, "reverse_voucher"), (of.resolve, "resolve_voucher")
    one, refund, settle = ActionHistoryResource, (Scope.REFUND,), (Scope.SETTLE,)
    return (
        Route("GET", path, of.one, "get_voucher_action", "Ask by key", TAG, one, (*ONE, *_READING)),
        Route("POST", f"{path}/put-back", *back, "Put it back", TAG, shape, _BACK_AGAIN, _BACK),
        Route("POST", f"{path}/reverse", *reverse, "Reverse a load", TAG, shape, _REVERSING, refund),
        Route("POST", f"{path}/resolve", *resolve, "Decide about it", TAG, shape, _RESOLVING, settle),
    )


def _receipt_routes(of: _Routes) -> tuple[Route, ...]:
    path, shape = "/receipts/{ref}", ReceiptActionsResource
    return (
        Route("POST", f"{path}/close", of.close, "close_receipt", "It is paid", TAG, shape, _ENDING, _PAY),
        Route("POST", f"{path}/cancel", of.cancel, "cancel_receipt", "It is void", TAG, shape, _ENDING, _BACK),
    )


def _wanted(kind: Kind, body: RedeemBody | LoadBody, profiles: Sequence[Profile]) -> Wanted:
    """What the till asks for; `BridgeError`: what `read_scan` and `with_pin` refuse, CURRENCY_UNKNOWN."""
    scanned = read_scan(body.code, profiles)
    code = scanned.code
    if isinstance(body, RedeemBody):
        code = with_pin(scanned, body.pin, next((one for one in profiles if one.prefix == scanned.provider), None))
        asked = body.exact or body.up_to
        exact = body.exact is not None
    else:
        asked, exact = body.amount, False
    if asked is None:
        raise BridgeError(Code.FIELD_INVALID, "either up_to or exact", place="up_to")
    money = asked.money("amount")
    return Wanted(
        kind=kind,
        number=code.number,
        pin=code.pin if kind is Kind.REDEEM else None,
        amount=money.minor,
        currency=money.currency.code,
        exact=exact,
        receipt=body.receipt,
        station=body.station,
        operator=body.operator,
        merchant=code.merchant or "",
        offline=isinstance(body, RedeemBody) and body.offline and not scanned.provider,
        provider=scanned.provider,
    )


def _receipt(ref: str) -> str:
    try:
        found = writable(ref)
    except ValueError as error:
        raise BridgeError(Code.FIELD_INVALID, str(error), place="ref") from None
    if not 0 < len(found) <= LONGEST_NAME:
        raise BridgeError(Code.FIELD_INVALID, f"a receipt has 1 to {LONGEST_NAME} characters", place="ref")
    return found
