"""The way of the voucher desk to the portal: the link's own client, asked for one service."""

from collections.abc import Mapping
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from tillbridge.connector.portal.connection import Connection
from tillbridge.connector.portal.states import Unsent
from tillbridge.connector.vouchers.model import Action, Kind
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope, Service
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

_TAKING: Final = frozenset({Scope.VOUCHERS_READ, Scope.VOUCHERS_LOAD, Scope.VOUCHERS_REDEEM})
_UNDOING: Final = frozenset({Scope.VOUCHERS_CANCEL})
"""Apart, because a link that is paused may take nothing and still give back."""

_CONFIRM: Final = "confirm"
_PUT_BACK: Final = "put-back"
_REVERSE: Final = "reverse"


class Way:
    """Every message of the desk, each one request. `BridgeError` as `PortalClient.request` raises it.

    An answer that cannot be read is PORTAL_FAULT: it was carried out, and the same key gets the answer again.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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

    async def lookup(self, number: str, currency: str) -> VoucherFacts:
        """What is on a voucher, at this moment."""
        return _read(VoucherFacts, await self._post(LOOKUP_PATH, Lookup(number=number, currency=currency)))

    async def book(self, action: Action, pin: str | None) -> Booked:
        """Sends a load or a redemption, byte for byte the same each time."""
        body: Load | Redeem
        common = {
            "number": action.number,
            "currency": action.currency,
            "transaction_ref": action.receipt,
            "station": action.station,
            "operator": action.operator,
        }
        match action.kind:
            case Kind.LOAD:
                path, body = LOAD_PATH, Load(amount=action.amount, **common)
            case _:
                how = "exact" if action.exact else "up_to"
                path, body = REDEEM_PATH, Redeem.model_validate({**common, "pin": pin, how: action.amount})
        return _read(Booked, await self._post(path, body, action.key))

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

    async def _operation(self, key: str, what: str) -> Operation:
        return _read(Operation, await self._request("POST", f"{OPERATIONS_PATH}/{key}/{what}"))

    async def _post(self, path: str, body: BaseModel, key: str | None = None) -> object:
        said = body.model_dump(mode="json", exclude_none=True)
        return await self._request("POST", path, said, key)

    async def _request(
        self, method: str, path: str, body: Mapping[str, object] | None = None, key: str | None = None
    ) -> object:
        client = self._connection.client()
        scopes = _UNDOING if path.startswith(OPERATIONS_PATH) else _TAKING
        return await client.request(Service.WEB_VOUCHERS, method, path, body, idempotency_key=key, scopes=scopes)


def _read(model: type[M], said: object) -> M:
    try:
        return model.model_validate(said)
    except ValidationError:
        raise BridgeError(Code.PORTAL_FAULT, "its answer about a voucher cannot be read") from None
