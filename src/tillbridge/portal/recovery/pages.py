"""The page of a voucher system whose portal was restored from a backup, and the banner above every page meanwhile."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError
from tillbridge.domain.voucher_code import masked
from tillbridge.portal.accounts.model import LONGEST_EMAIL
from tillbridge.portal.audit.log import LONGEST_REASON
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.house import House
from tillbridge.portal.locations.views import done, wrong_field
from tillbridge.portal.pages.site import Banner, Banners, Form, Site, Visit
from tillbridge.portal.recovery import store
from tillbridge.portal.recovery.model import Line, Standing
from tillbridge.portal.recovery.office import RecoveryOffice
from tillbridge.portal.rights import Person
from tillbridge.portal.sealing.addresses import HeadAddresses
from tillbridge.portal.vouchers.access import LOOKING
from tillbridge.portal.vouchers.sections import tabs
from tillbridge.web.going import see_other
from tillbridge.web.words import Words

PATH: Final = "/vouchers/systems/{system_id}/recovery"
SECTION: Final = "/recovery"

_WRONG: Final = {"reason": "recovery.wrong.reason", "recipient": "sealing.wrong.recipient"}


class RecoveryPages:
    """Shows who has told what, and lets a named person end it."""

    def __init__(self, site: Site, office: RecoveryOffice, addresses: HeadAddresses) -> None:
        self._site = site
        self._office = office
        self._addresses = addresses

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site = self._site
        return [
            site.get(PATH, self.show),
            site.post(f"{PATH}/end", self.end),
            site.post(f"{PATH}/heads", self.heads),
            site.post(f"{PATH}/cases/{{line_id}}", self.settle),
        ]

    async def show(self, request: Request, visit: Visit) -> Response:
        """How it stands."""
        return await self._show(request, visit, "", {}, "")

    async def end(self, request: Request, visit: Visit, form: Form) -> Response:
        """Ends it."""
        system_id, reason = request.path_params["system_id"], form.get("reason", "")
        try:
            await self._office.end(visit.person, system_id, reason)
        except BridgeError as error:
            return await self._show(request, visit, "end", wrong_field(error, _WRONG), reason)
        return see_other(f"/vouchers/systems/{system_id}{SECTION}?done=ended")

    async def heads(self, request: Request, visit: Visit, form: Form) -> Response:
        """Sets where the signed heads are sent."""
        system_id, recipient = request.path_params["system_id"], form.get("recipient", "")
        try:
            await self._office.seen(visit.person, system_id)
            await self._addresses.change(visit.person, recipient)
        except BridgeError as error:
            return await self._show(request, visit, "heads", wrong_field(error, _WRONG), recipient)
        return see_other(f"/vouchers/systems/{system_id}{SECTION}?done=heads")

    async def settle(self, request: Request, visit: Visit, form: Form) -> Response:
        """Closes a case."""
        system_id, line_id, reason = *request.path_params.values(), form.get("reason", "")
        try:
            await self._office.settle(visit.person, system_id, line_id, reason)
        except BridgeError as error:
            return await self._show(request, visit, line_id, wrong_field(error, _WRONG), reason)
        return see_other(f"/vouchers/systems/{system_id}{SECTION}?done=settled")

    async def _show(self, request: Request, visit: Visit, at: str, wrong: dict[str, str], reason: str) -> Response:
        person = visit.person
        seen = await self._office.seen(person, request.path_params["system_id"])
        one, standing = seen.system, seen.standing
        words = self._site.words(request, person, one.time_zone)
        return await self._site.page(
            request,
            "recovery/recovery.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=one.time_zone,
            one=one,
            tabs=tabs(words.t, person, one.id, SECTION),
            standing=standing,
            begun=None if standing is None else words.moment(standing.recovery.begun_at),
            since=None if standing is None else words.moment(standing.recovery.since),
            ended=_ended(words, standing),
            places=_places(words, standing),
            counts=_counts(words, standing),
            cases=[] if standing is None else [_case(words, each, standing) for each in standing.cases],
            may_end=seen.may_end,
            heads_to=reason if at == "heads" else await self._addresses.of(person),
            longest_email=LONGEST_EMAIL,
            may_settle=seen.may_settle,
            at=at,
            reason=reason,
            longest_reason=LONGEST_REASON,
            wrong={name: words.t(key) for name, key in wrong.items()},
            notice=done(request, words.t, "recovery"),
        )


def banners(house: House) -> Banners:
    """Says above every page that nothing is taken, to whoever has to do with vouchers."""

    async def told(_: Words, person: Person | None) -> Sequence[Banner]:
        if person is None or person.tenant_id is None or not any(person.may_somewhere(area) for area in LOOKING):
            return ()
        try:
            async with house.database.reading() as connection:
                names = await store.held_systems(connection, person.home)
        except BridgeError:
            return ()  # The page says by itself that the database is away.
        return [Banner("alert", "recovery.banner", {"system": name}) for name in names]

    return told


def _ended(words: Words, standing: Standing | None) -> dict[str, object] | None:
    if standing is None or standing.recovery.ended_at is None:
        return None
    one = standing.recovery
    return {"at": words.moment(standing.recovery.ended_at), "by": one.ended_by, "reason": one.reason}


def _places(words: Words, standing: Standing | None) -> list[tuple[str, object]]:
    if standing is None:
        return []
    return [(one.name, None if one.told_at is None else words.moment(one.told_at)) for one in standing.places]


def _counts(words: Words, standing: Standing | None) -> list[tuple[str, str]]:
    if standing is None:
        return []
    return [
        (words.t(f"recovery.verdict.{verdict}"), words.count(count))
        for verdict, count in sorted(standing.counts.items())
    ]


def _case(words: Words, one: Line, standing: Standing) -> dict[str, object]:
    names = {place.location_id: place.name for place in standing.places}
    return {
        "id": one.id,
        "number": masked(one.number),
        "at": words.moment(one.answered_at),
        "place": names.get(one.location_id, ""),
        "receipt": one.transaction_ref,
        "what": words.t(f"recovery.kind.{one.kind}"),
        "taken": amount(words, one.taken, one.currency),
        "short": amount(words, one.short, one.currency) if one.short else "",
        "verdict": words.t(f"recovery.verdict.{one.verdict}"),
    }
