"""How the service of vouchers stands, and what happens to actions with vouchers: asked for, and told in the stream."""

from datetime import datetime

from fastapi import FastAPI, Response

from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.hub import Hub
from tillbridge.connector.api.outcome_resources import AmountResource, Resource
from tillbridge.connector.api.voucher_resources import ActionResource, sentences
from tillbridge.connector.portal.faults import Cause
from tillbridge.connector.vouchers.judging import LEGACY, LEGACY_CODE, LEGACY_TEXT
from tillbridge.connector.vouchers.model import Told
from tillbridge.connector.vouchers.opening import Vouchers
from tillbridge.connector.vouchers.service import Readiness, VoucherService
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import Money, currency


class VoucherServiceResource(Resource):
    """Whether vouchers can be taken now. Cash and cards go on in every state.

    `code` and `number` are what a request for a voucher would be refused with, `cashier_text` the sentence for it; null
    where the service is open. `cause` says for `unreachable` how far the way was open: `no_network`, `no_internet` or
    `portal_down`. `maintenance_until` is null where the portal names no end. `offline_limit` is the most that one
    voucher may be taken for without a connection, at the merchant's risk; null for not at all.
    """

    state: Readiness
    since: datetime
    code: Code | None
    number: str | None
    cause: Cause | None
    maintenance_until: datetime | None
    cashier_text: dict[Language, str] | None
    legacy_code: str | None
    legacy_text: str | None
    offline_limit: AmountResource | None

    @classmethod
    def of(cls, found: VoucherService, vouchers: Vouchers) -> "VoucherServiceResource":
        """This state."""
        trouble = found.trouble
        legacy = trouble is not None and trouble.code in LEGACY
        return cls(
            state=found.state,
            since=found.since,
            code=None if trouble is None else trouble.code,
            number=None if trouble is None else trouble.entry.number,
            cause=found.cause,
            maintenance_until=found.until,
            cashier_text=None if trouble is None else sentences(told_with_until(found), ""),
            legacy_code=LEGACY_CODE if legacy else None,
            legacy_text=LEGACY_TEXT if legacy else None,
            offline_limit=_limit(vouchers),
        )


class StreamedVoucherResource(ActionResource):
    """An action with a voucher as the stream of events tells it: as it stands now.

    `seq` counts the lines of all histories, `at` is when this one was written; a case that is found by the clock alone
    stands in none and has no `seq`.
    """

    seq: int | None
    at: datetime

    @classmethod
    def told(cls, told: Told, now: datetime) -> "StreamedVoucherResource":
        """This event."""
        shown = ActionResource.of(told.action, now, told.case)
        return cls(**dict(shown), seq=told.seq, at=told.at)


def told_with_until(found: VoucherService) -> BridgeError:
    """What is in the way, with the end of a maintenance among its figures, where it is known."""
    trouble = found.trouble or BridgeError(Code.NOT_PAIRED)
    members = trouble.members if found.until is None else {**trouble.members, "until": found.until.isoformat()}
    return BridgeError(trouble.code, trouble.detail, retry_after=trouble.retry_after, members=members)


def service_now(vouchers: Vouchers) -> VoucherService:
    """How the service stands; a connector that was never paired says so."""
    found = vouchers.service
    return found or VoucherService(Readiness.NOT_PAIRED, vouchers.since, BridgeError(Code.NOT_PAIRED))


def add_voucher_service(app: FastAPI, vouchers: Vouchers) -> None:
    """Adds the route that says how the service stands."""

    async def service() -> Response:
        """Whether vouchers can be taken now, to be shown before one is scanned."""
        return json_answer(VoucherServiceResource.of(service_now(vouchers), vouchers))

    path, shape = "/vouchers/service", VoucherServiceResource
    Route("GET", path, service, "get_voucher_service", "See if they can be taken", "vouchers", shape).add_to(app)


def tell_of_vouchers(app: FastAPI, vouchers: Vouchers) -> None:
    """Lets the stream of events tell of vouchers: how the service stands, at once and when it changes, and actions.

    A shop that was never paired hears nothing of them.
    """
    hub: Hub = app.state.hub

    def heard(news: Told | VoucherService) -> None:
        if isinstance(news, Told):
            hub.tell(_event("voucher", StreamedVoucherResource.told(news, vouchers.now())))
        else:
            hub.tell(_event("voucher_service", VoucherServiceResource.of(news, vouchers)))

    def greeting() -> bytes:
        found = vouchers.service
        return b"" if found is None else _event("voucher_service", VoucherServiceResource.of(found, vouchers))

    vouchers.listeners.append(heard)
    hub.greetings.append(greeting)


def _limit(vouchers: Vouchers) -> AmountResource | None:
    found = None if vouchers.there is None else vouchers.there.offline_limit
    return None if found is None else AmountResource.of(Money(found[0], currency(found[1])))


def _event(name: str, resource: Resource) -> bytes:
    return f"event: {name}\ndata: {resource.model_dump_json()}\n\n".encode()
