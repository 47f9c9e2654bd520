"""What stands before the desk, whoever asks and however that is proven (docs/reference/vouchers.md, section 5).

What is in the way is looked at in one order: who asks, an earlier answer to the same key, licence, switch and
maintenance, and only then what was asked.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope, Service
from tillbridge.link.voucher_messages import REPLAYED, Load, Operation, Redeem
from tillbridge.portal.house import House
from tillbridge.portal.locations import store as locations
from tillbridge.portal.maintenance.model import Component, Mode
from tillbridge.portal.maintenance.refusing import Maintained
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.services.model import ServiceStanding
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.storage.together import Together
from tillbridge.portal.vouchers import answers
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.portal.vouchers.model import Answered, Counter
from tillbridge.portal.vouchers.requests import KEY_HEADER, one_key, read_body, read_key, read_nothing
from tillbridge.web.language import choose
from tillbridge.web.problem import MEDIA_TYPE

SERVICE: Final = Service.WEB_VOUCHERS

LEGACY: Final[Mapping[str, object]] = {"legacy_code": "007", "legacy_text": "007 - Partner authentication failed"}
"""Beside our own code, for tills that know this text alone. Programs go by our code."""

_LEGACY_CODES: Final = frozenset(
    {
        Code.SWITCHED_OFF,
        Code.NOT_PAIRED,
        Code.LINK_REVOKED,
        Code.LINK_SUSPENDED,
        Code.PROOF_REFUSED,
        Code.PORTAL_REFUSED,
    }
)
"""What such tills have always been told with that one text; no other refusal has it."""

T = TypeVar("T", Load, Redeem)
F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose request was proven: `by` is its link or its key. `station` stands in the ledger where none is named."""

    location_id: str
    by: str
    station: str = ""


Asking = Callable[[Request], Awaitable[Asker]]


class Proofs(Protocol):
    """How whoever asks proves who it is."""

    def either(self, *scopes: Scope) -> Asking:
        """The dependency of a route that needs one of these scopes, judged in this order."""
        ...


class Gate:
    """Lets whoever asks to the desk."""

    def __init__(self, house: House, registry: Registry, desk: VoucherDesk) -> None:
        self._house = house
        self._registry = registry
        self._standings = Together(house.database, self._read_standings)
        self._modes = Together(house.database, self._read_modes)
        self.desk = desk

    async def open_counter(self, request: Request, asker: Asker) -> Counter:
        """Who asks, where the service is on. `BridgeError`: what is missing, X902 and X903 among it."""
        found = await self._found(self._standings, asker)
        self._refuse(found)
        return _counter(request, asker, found.tenant_id)

    async def act(
        self, request: Request, asker: Asker, kind: type[T], do: Callable[[Counter, str, T], Awaitable[Answered]]
    ) -> Response:
        """A load or a redemption."""
        found = await self._found(self._standings, asker)
        said = Said(await request.body(), request.headers.getlist(KEY_HEADER), asker.station)
        return _response(await self.decide(said, _counter(request, asker, found.tenant_id), found, kind, do))

    async def decide(
        self,
        said: "Said",
        at: Counter,
        standing: "AtLocation",
        kind: type[T],
        do: Callable[[Counter, str, T], Awaitable[Answered]],
    ) -> Answered:
        """The answer to a load or a redemption, however it was asked for."""
        try:
            self._refuse(standing)
        except BridgeError as refusal:
            return await self._again(said, kind, at, refusal)
        key, asked = one_key(said.keys, KEY_HEADER), said.read(kind)
        return await do(at, key, asked)

    async def _again(self, said: "Said", kind: type[T], at: Counter, refusal: BridgeError) -> Answered:
        """Who asks again hears what was decided then, whatever has been switched off since."""
        try:
            key, asked = one_key(said.keys, KEY_HEADER), said.read(kind)
        except BridgeError:
            raise refusal from None
        replayed = await self.desk.replayed(at, key, asked)
        if replayed is None:
            raise refusal
        return replayed

    async def undo(
        self, request: Request, asker: Asker, key: str, do: Callable[[Counter, str], Awaitable[Operation]]
    ) -> Operation:
        """What becomes of an action: only maintenance can make it wait, never a licence or a switch."""
        found = await self._found(self._modes, asker)
        if found.mode is not None:
            raise Maintained(found.mode, self._house.runtime.clock.now())
        read_nothing(await request.body())
        return await do(_counter(request, asker, found.tenant_id), read_key(request, key))

    async def _found(self, asked: Together[str, F], asker: Asker) -> F:
        found = await asked.ask(asker.location_id)
        if found is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return found

    def _refuse(self, found: "AtLocation") -> None:
        now = self._house.runtime.clock.now()
        if found.standing.mode is not None:
            raise Maintained(found.standing.mode, now)
        try:
            found.standing.refuse(now)
        except BridgeError as error:
            raise with_legacy(error) from None

    async def _read_standings(
        self, connection: AsyncConnection, location_ids: Collection[str]
    ) -> Mapping[str, "AtLocation"]:
        now = self._house.runtime.clock.now()
        return {
            one: AtLocation(tenant_id, await self._registry.standing_of(connection, one, SERVICE, now))
            for one, tenant_id in (await locations.tenants_of(connection, location_ids)).items()
        }

    async def _read_modes(
        self, connection: AsyncConnection, location_ids: Collection[str]
    ) -> Mapping[str, "_Maintained"]:
        now, planned = self._house.runtime.clock.now(), Maintenance(self._house)
        return {
            one: _Maintained(tenant_id, await planned.now(connection, tenant_id, Component.VOUCHERS, now))
            for one, tenant_id in (await locations.tenants_of(connection, location_ids)).items()
        }


@dataclass(frozen=True, slots=True)
class Said:
    """What a request says: its body, each of its `Idempotency-Key` headers, and the station where none is named."""

    body: bytes
    keys: Sequence[str]
    station: str = ""

    def read(self, kind: type[T]) -> T:
        """What is asked for. `BridgeError` as `read_body` names them."""
        asked = read_body(kind, self.body)
        return asked if asked.station or not self.station else asked.model_copy(update={"station": self.station})


@dataclass(frozen=True, slots=True)
class AtLocation:
    """How the service stands at a location of this merchant."""

    tenant_id: str
    standing: ServiceStanding


@dataclass(frozen=True, slots=True)
class _Maintained:
    """The maintenance that is on for this merchant."""

    tenant_id: str
    mode: Mode | None


def _counter(request: Request, asker: Asker, tenant_id: str) -> Counter:
    return Counter(asker.location_id, tenant_id, asker.by, choose(None, None, request.headers.get("accept-language")))


def with_legacy(error: BridgeError) -> BridgeError:
    """The error, with the one text that old tills know where they would show that."""
    if error.code not in _LEGACY_CODES:
        return error
    members = {**error.members, **LEGACY}
    return BridgeError(error.code, error.detail, place=error.place, retry_after=error.retry_after, members=members)


def _response(answered: Answered) -> Response:
    headers = {REPLAYED: "true"} if answered.replayed else {}
    return Response(answered.body, answered.status, headers, media_type=media_type_of(answered))


def media_type_of(answered: Answered) -> str:
    """How the body of an answer is called."""
    return answers.JSON if answered.status < HTTPStatus.BAD_REQUEST else MEDIA_TYPE.decode()
