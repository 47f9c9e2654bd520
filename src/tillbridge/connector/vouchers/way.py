"""The way of the voucher desk to the portal: the link's own client, asked for one service."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from tillbridge.connector.portal.connection import Connection
from tillbridge.connector.portal.faults import OVERDUE_SECONDS, UnderMaintenance
from tillbridge.connector.portal.states import Unsent
from tillbridge.connector.vouchers.model import Action, Kind
from tillbridge.connector.vouchers.offline import Sealed
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
from tillbridge.link.recovery_messages import RECOVERY_PATH, RecoveryAsk, RecoveryFacts, Resubmission
from tillbridge.link.scopes import Scope, Service, ServiceState
from tillbridge.link.voucher_messages import (
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

M = TypeVar("M", bound=BaseModel)

_SERVICE: Final = Service.WEB_VOUCHERS.value
_TAKING: Final = frozenset({Scope.VOUCHERS_READ, Scope.VOUCHERS_LOAD, Scope.VOUCHERS_REDEEM})
_UNDOING: Final = frozenset({Scope.VOUCHERS_CANCEL})
"""Apart, because a link that is paused may take nothing and still give back."""

_ASKING: Final = frozenset({Scope.STATUS})

SERVICES_PATH: Final = "/v1/services"

_CODES: Final = {code.value: code for code in Code}

_CONFIRM: Final = "confirm"
_PUT_BACK: Final = "put-back"
_REVERSE: Final = "reverse"


class _ServiceTold(BaseModel):
    """A service as the portal describes it. `code` is what a request to it would be refused with."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    service: str
    state: str
    code: str | None = None
    until: AwareDatetime | None = None


_SERVICES: Final = TypeAdapter(tuple[_ServiceTold, ...])


class Way:
    """Every message of the desk, each one request. `BridgeError` as `PortalClient.request` raises it.

    An answer that cannot be read is PORTAL_FAULT: it was carried out, and the same key gets the answer again.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.noted: Callable[[BridgeError | None], None] = lambda _: None
        """Hears what each request for a voucher came to; None where the service was open."""

    @property
    def portal(self) -> str | None:
        """The portal and the location that a link stands for; None where there is no link that can be used."""
        keystore = self._connection.keystore
        kept = None if keystore.fault is not None else keystore.kept
        link = None if kept is None else kept.link
        return None if link is None or link.ended else f"{link.address} {link.location_number}"

    def waits(self, unsent: Unsent) -> None:
        """Says what waits for the portal, for the heartbeat and for whoever looks at the link."""
        self._connection.board.waits(unsent)

    async def service(self) -> BridgeError | None:
        """What the portal would refuse a request about vouchers with, as it says itself; None where it is open.

        `BridgeError`: NOT_PAIRED where the link knows of no such service, and as `PortalClient.request`.
        """
        granted = self._connection.keystore.link.services
        if not any(one.service == _SERVICE and one.state is not ServiceState.NOT_AVAILABLE for one in granted):
            raise BridgeError(Code.NOT_PAIRED, "the link was made without vouchers", place=_SERVICE)
        # A token for the status alone is had also where the service is off.
        said = await self._connection.client().request(Service.REPORTS, "GET", SERVICES_PATH, scopes=_ASKING)
        try:
            told = next((one for one in _SERVICES.validate_python(said) if one.service == _SERVICE), None)
        except ValidationError:
            raise BridgeError(Code.PORTAL_FAULT, "its answer about services cannot be read") from None
        return None if told is None else _refusal_of(told)

    async def lookup(self, number: str, currency: str, merchant: str = "") -> VoucherFacts:
        """What is on a voucher, at this moment. `merchant` is the number that its code names, where it names one."""
        asked = Lookup(number=number, currency=currency, merchant=merchant or None)
        return _read(VoucherFacts, await self._post(LOOKUP_PATH, asked))

    async def book(self, action: Action, pin: str | None) -> Booked:
        """Sends a load or a redemption, byte for byte the same each time."""
        body: Load | Redeem
        common: dict[str, Any] = {
            "number": action.number,
            "currency": action.currency,
            "transaction_ref": action.receipt,
            "station": action.station,
            "operator": action.operator,
            "merchant": action.merchant or None,
        }
        match action.kind:
            case Kind.LOAD:
                path, body = LOAD_PATH, Load(amount=action.amount, **common)
            case _:
                how = "exact" if action.exact else "up_to"
                path, body = REDEEM_PATH, Redeem.model_validate({**common, "pin": pin, how: action.amount})
        return _read(Booked, await self._post(path, body, action.key))

    async def terms(self) -> OfflineTerms:
        """Up to where vouchers may be taken while the portal is not reached."""
        client = self._connection.client()
        return _read(OfflineTerms, await client.request(Service.WEB_VOUCHERS, "GET", TERMS_PATH, scopes=_TAKING))

    async def take_offline(self, action: Action, sealed: Sealed) -> OfflineTaken:
        """Tells of a payment that was taken without a connection, byte for byte the same each time."""
        body = OfflineTake(
            offline=True,
            number=action.number,
            currency=action.currency,
            amount=action.amount,
            transaction_ref=action.receipt,
            station=action.station,
            operator=action.operator,
            accepted_at=action.offline_at or action.changed_at,
            key_id=sealed.key_id,
            pin_sealed=sealed.pin,
        )
        return _read(OfflineTaken, await self._post(TAKE_PATH, body, action.key))

    async def given_back(self, key: str) -> Loss:
        """The receipt of such a payment was cancelled: what was lost with it is lost no more."""
        body = GivenBack(key=key).model_dump(mode="json")
        client = self._connection.client()
        said = await client.request(Service.WEB_VOUCHERS, "POST", GIVEN_BACK_PATH, body, scopes=_UNDOING)
        return _read(Loss, said)

    async def state(self, key: str) -> Operation:
        """How an action stands at the portal."""
        return _read(Operation, await self._request("GET", f"{OPERATIONS_PATH}/{key}"))

    async def confirm(self, key: str) -> Operation:
        """The receipt was closed."""
        return await self._operation(key, _CONFIRM)

    async def put_back(self, key: str) -> Operation:
        """What was taken goes back on the voucher; a key that the portal has not seen is never carried out."""
        return await self._operation(key, _PUT_BACK)

    async def reverse(self, key: str) -> Operation:
        """What was loaded is taken off again."""
        return await self._operation(key, _REVERSE)

    async def recovery(self, newest: str | None) -> RecoveryFacts:
        """What the portal wants to hear again, where it was restored. `newest`: the last action that it answered."""
        client, body = self._connection.client(), RecoveryAsk(newest=newest).model_dump(mode="json")
        said = await client.request(Service.WEB_VOUCHERS, "POST", RECOVERY_PATH, body, scopes=_UNDOING)
        return _read(RecoveryFacts, said)

    async def tell(self, recovery: str, told: Resubmission) -> RecoveryFacts:
        """Tells actions again that the portal had answered."""
        client, body = self._connection.client(), told.model_dump(mode="json")
        path = f"{RECOVERY_PATH}/{recovery}"
        return _read(RecoveryFacts, await client.request(Service.WEB_VOUCHERS, "POST", path, body, scopes=_UNDOING))

    async def _operation(self, key: str, what: str) -> Operation:
        return _read(Operation, await self._request("POST", f"{OPERATIONS_PATH}/{key}/{what}"))

    async def _post(self, path: str, body: BaseModel, key: str | None = None) -> object:
        said = body.model_dump(mode="json", exclude_none=True)
        try:
            answer = await self._request("POST", path, said, key)
        except BridgeError as error:
            self.noted(error)
            raise
        self.noted(None)
        return answer

    async def _request(
        self, method: str, path: str, body: Mapping[str, object] | None = None, key: str | None = None
    ) -> object:
        client = self._connection.client()
        scopes = _UNDOING if path.startswith(OPERATIONS_PATH) else _TAKING
        return await client.request(Service.WEB_VOUCHERS, method, path, body, idempotency_key=key, scopes=scopes)


def _refusal_of(told: _ServiceTold) -> BridgeError | None:
    if told.state == ServiceState.MAINTENANCE:
        return UnderMaintenance(told.until, OVERDUE_SECONDS)
    return None if told.code is None else BridgeError(_CODES.get(told.code, Code.SWITCHED_OFF))


def _read(model: type[M], said: object) -> M:
    try:
        return model.model_validate(said)
    except ValidationError:
        raise BridgeError(Code.PORTAL_FAULT, "its answer about a voucher cannot be read") from None
