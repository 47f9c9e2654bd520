"""How the link with the portal stands, for tills and the command line; pairing and its end."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Request, Response
from pydantic import Field

from tillbridge.connector.api.bodies import Body, PersonText, digest
from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.headers import IdempotencyKey
from tillbridge.connector.api.outcome_resources import Resource
from tillbridge.connector.api.payments import WRITING
from tillbridge.connector.api.repeats import Repeats
from tillbridge.connector.api.scopes import Scope, granted
from tillbridge.connector.portal.checks import Part, Verdict
from tillbridge.connector.portal.desk import PortalDesk
from tillbridge.connector.portal.faults import Unreachable
from tillbridge.connector.portal.states import LinkState, LinkView, ServiceView, Standing, Step, Warned
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import ServiceState

TAG: Final = "portal"
_Act = Callable[[], Awaitable[Resource]]
_READ: Final = (Scope.READ,)
_CHANGE: Final = (Scope.ADMIN,)
_PAIRING: Final = (*WRITING, Code.PAIRING_INPUT, Code.NOT_PAIRED, Code.RECORD_CONFLICT, Code.SETTINGS_INVALID)
_UNPAIRING: Final = (*WRITING, Code.NOT_PAIRED, Code.KEYSTORE_UNREADABLE, Code.FOLDER_UNUSABLE)


class TroubleResource(Resource):
    """What stands in the way. `cause` says for `portal_unreachable` how far the way was open.

    `cashier_text` is a sentence for the person at the till, in each language.
    """

    code: Code
    number: str
    cause: str | None
    detail: str
    cashier_text: dict[Language, str]

    @classmethod
    def of(cls, error: BridgeError) -> "TroubleResource":
        """This refusal."""
        return cls(
            code=error.code,
            number=error.entry.number,
            cause=error.cause if isinstance(error, Unreachable) else None,
            detail=error.detail,
            cashier_text={language: refusal_text(error.code, language) for language in Language},
        )


class ServiceResource(Resource):
    """A service of the portal at this location. `expires_at` is the end of the access token that is held for it."""

    service: str
    state: ServiceState
    expires_at: datetime | None

    @classmethod
    def of(cls, view: ServiceView) -> "ServiceResource":
        """This service."""
        return cls(service=view.service, state=view.state, expires_at=view.expires_at)


class LinkResource(Resource):
    """The link. The master token is masked but for its last four characters: nothing gives it out."""

    link_id: str
    portal: str
    location_number: str
    location_name: str
    merchant: str
    fingerprint: str
    masked_token: str
    paired_at: datetime
    rotated_at: datetime
    services: tuple[ServiceResource, ...]

    @classmethod
    def of(cls, view: LinkView) -> "LinkResource":
        """This link."""
        return cls(
            link_id=view.link_id,
            portal=view.address,
            location_number=view.location_number,
            location_name=view.location_name,
            merchant=view.tenant,
            fingerprint=view.fingerprint,
            masked_token=view.masked_token,
            paired_at=view.paired_at,
            rotated_at=view.rotated_at,
            services=tuple(map(ServiceResource.of, view.services)),
        )


class ExchangeResource(Resource):
    """A pairing under way. `fingerprint` is what two people compare while the office has to confirm it."""

    id: str
    step: Step
    started_at: datetime
    fingerprint: str | None
    trouble: TroubleResource | None


class EndedResource(Resource):
    """How the last pairing since the start of the connector ended; without `refusal` it led to a link."""

    id: str
    at: datetime
    refusal: TroubleResource | None


class PlannedResource(Resource):
    """A maintenance of the portal that begins within the hour, `start` to `end` in UTC."""

    component: str
    start: datetime
    end: datetime


class PortalResource(Resource):
    """How the link with the portal stands. Payments by card go on in every state.

    `portal` and `location_number` are what is set, also before pairing. `maintenance_until` is null where the portal
    names no end. `clock_skew_seconds` is this computer's clock less the portal's. `notice` is the portal's sentence.
    """

    state: LinkState
    since: datetime
    portal: str | None
    location_number: str | None
    link: LinkResource | None
    exchange: ExchangeResource | None
    last_exchange: EndedResource | None
    trouble: TroubleResource | None
    maintenance_until: datetime | None
    last_contact_at: datetime | None
    clock_skew_seconds: int | None
    unsent_count: int
    oldest_unsent_at: datetime | None
    notice: str
    planned: tuple[PlannedResource, ...]
    warnings: tuple[Warned, ...]

    @classmethod
    def of(cls, desk: PortalDesk) -> "PortalResource":
        """As it stands at this moment."""
        standing, place = desk.standing(), desk.place
        return cls(
            state=standing.state,
            since=standing.since,
            portal=None if place is None else place.address,
            location_number=None if place is None else str(place.location),
            link=None if standing.link is None else LinkResource.of(standing.link),
            exchange=_exchange(standing),
            last_exchange=_ended(standing),
            trouble=_trouble(standing.trouble),
            maintenance_until=standing.until,
            last_contact_at=standing.last_contact_at,
            clock_skew_seconds=None if standing.skew is None else int(standing.skew.total_seconds()),
            unsent_count=standing.unsent.count,
            oldest_unsent_at=standing.unsent.oldest_at,
            notice=standing.notice,
            planned=tuple(
                PlannedResource(component=one.component, start=one.start, end=one.end) for one in standing.planned
            ),
            warnings=standing.warnings,
        )


class CheckResource(Resource):
    """One thing that the link needs. `code` is that of a refusal; `remedy` is empty where nothing is due."""

    part: Part
    verdict: Verdict
    found: str
    remedy: str
    code: str | None


class ChecksResource(Resource):
    """Everything that the link needs, in the order in which one needs the other."""

    checks: tuple[CheckResource, ...]


class UnpairedResource(Resource):
    """The link is over on this side. `portal_told` false: the portal will see a link that has fallen silent."""

    portal_told: bool


class PairBody(Body):
    """The PIN that the portal shows: four digits, or six."""

    pin: Annotated[str, Field(min_length=4, max_length=6, pattern="^[0-9]+$", repr=False)]


class UnpairBody(Body):
    """Who ends the link, and why."""

    by: PersonText
    reason: PersonText


class _Portal:
    """The routes' functions, over one desk."""

    def __init__(self, desk: PortalDesk) -> None:
        self._desk = desk
        self._repeats = Repeats()

    async def standing(self) -> Response:
        """How the link with the portal stands."""
        return json_answer(PortalResource.of(self._desk))

    async def checks(self) -> Response:
        """Looks at everything that the link needs: name, certificate, clock, key, token, right, licence."""
        found = await self._desk.examine()
        checks = tuple(
            CheckResource(part=one.part, verdict=one.verdict, found=one.found, remedy=one.remedy, code=one.code)
            for one in found
        )
        return json_answer(ChecksResource(checks=checks))

    async def pair(self, request: Request, body: PairBody, idempotency_key: IdempotencyKey) -> Response:
        """Pairs this location with a PIN. One request is one guess of the PIN, however often it is repeated.

        It goes on after the answer: ask for the state until `last_exchange` has the id of this `exchange`.
        """

        async def act() -> Resource:
            await self._desk.start_pairing(body.pin)
            return PortalResource.of(self._desk)

        answer = await self._once(request, idempotency_key, body, act)
        answer.status_code = HTTPStatus.ACCEPTED
        return answer

    async def unpair(self, request: Request, body: UnpairBody, idempotency_key: IdempotencyKey) -> Response:
        """Ends the link on this side and tells the portal, if it is reached. Payments and the journal stay."""

        async def act() -> Resource:
            return UnpairedResource(portal_told=await self._desk.unpair(f"{body.by}: {body.reason}"))

        return await self._once(request, idempotency_key, body, act)

    async def _once(self, request: Request, key: str, body: Body, act: _Act) -> Response:
        return await self._repeats.once(granted(request).caller, key, digest(body, request.url.path), act)


def add_portal(app: FastAPI, desk: PortalDesk) -> None:
    """Adds the routes under `/portal`."""
    of = _Portal(desk)
    shape = PortalResource
    pairing: dict[int | str, dict[str, Any]] = {
        HTTPStatus.ACCEPTED: {"model": PortalResource, "description": "It has begun."}
    }
    for route in (
        Route("GET", "/portal", of.standing, "get_portal", "See how the link stands", TAG, shape, (), _READ),
        Route(
            "GET", "/portal/checks", of.checks, "check_portal", "Look what is wrong", TAG, ChecksResource, (), _CHANGE
        ),
        Route("POST", "/portal/pair", of.pair, "pair_portal", "Pair with a PIN", TAG, None, _PAIRING, _CHANGE, pairing),
        Route(
            "POST",
            "/portal/unpair",
            of.unpair,
            "unpair_portal",
            "End the link",
            TAG,
            UnpairedResource,
            _UNPAIRING,
            _CHANGE,
        ),
    ):
        route.add_to(app)


def _trouble(error: BridgeError | None) -> TroubleResource | None:
    return None if error is None else TroubleResource.of(error)


def _exchange(standing: Standing) -> ExchangeResource | None:
    found = standing.exchange
    if found is None:
        return None
    return ExchangeResource(
        id=found.id,
        step=found.step,
        started_at=found.started_at,
        fingerprint=found.fingerprint,
        trouble=_trouble(found.trouble),
    )


def _ended(standing: Standing) -> EndedResource | None:
    found = standing.ended
    return None if found is None else EndedResource(id=found.id, at=found.at, refusal=_trouble(found.refusal))
