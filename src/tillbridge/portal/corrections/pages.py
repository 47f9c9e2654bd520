"""The pages of corrections: what may be corrected on a voucher, asking for it, and deciding on it."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.corrections import views
from tillbridge.portal.corrections.model import TAKES_BACK, Correction, Failure, Impossible, Kind, State
from tillbridge.portal.corrections.reading import Choice, Reading
from tillbridge.portal.corrections.service import Corrections
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.locations.views import done
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.vouchers.batches_model import LONGEST_REASON
from tillbridge.portal.vouchers.pages_forms import state_badge
from tillbridge.portal.vouchers.pages_systems import PATH, said
from tillbridge.portal.vouchers.sections import tabs
from tillbridge.web.going import see_other

SECTION = "/corrections"


class CorrectionPages:
    """Shows, asks for and decides on corrections."""

    def __init__(self, site: Site, corrections: Corrections, reading: Reading) -> None:
        self._site = site
        self._corrections = corrections
        self._reading = reading

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site, voucher, one = self._site, f"{PATH}/one/{{voucher_id}}{SECTION}", f"{PATH}{SECTION}/{{correction_id}}"
        return [
            site.get(f"{PATH}/systems/{{system_id}}{SECTION}", self.of_system),
            site.get(voucher, self.of_voucher),
            site.get(f"{voucher}/{{correction_kind}}", self.ask),
            site.post(f"{voucher}/{{correction_kind}}", self.request),
            site.get(one, self.show),
            site.post(f"{one}/approve", self.approve),
            site.post(f"{one}/refuse", self.refuse),
            site.post(f"{one}/withdraw", self.withdraw),
        ]

    async def of_system(self, request: Request, visit: Visit) -> Response:
        """A system's requests."""
        person, now = visit.person, self._site.house.runtime.clock.now()
        found = await self._reading.of_system(person, request.path_params["system_id"])
        system = found.system
        words = self._site.words(request, person, system.time_zone)
        return await self._site.page(
            request,
            "corrections/system.html",
            visit=visit,
            zone=system.time_zone,
            system=system,
            tabs=tabs(words.t, person, system.id, SECTION),
            waiting=[views.row(words, person, one, system.currency, now) for one in found.waiting],
            done=[views.row(words, person, one, system.currency, now) for one in found.done],
        )

    async def of_voucher(self, request: Request, visit: Visit) -> Response:
        """What may be corrected on a voucher, and what ever was."""
        person, now = visit.person, self._site.house.runtime.clock.now()
        found = await self._reading.subject(person, request.path_params["voucher_id"])
        system, one = found.system, found.voucher
        words = self._site.words(request, person, system.time_zone)
        return await self._site.page(
            request,
            "corrections/voucher.html",
            visit=visit,
            zone=system.time_zone,
            one=one,
            number=one.shown(whole=views.sees_whole(person)),
            state=state_badge(words.t, one.state),
            balance=amount(words, one.balance, system.currency),
            kinds=tuple(Kind),
            alone=found.alone,
            may_edit=found.may_edit,
            waiting=found.waiting,
            rows=[views.row(words, person, each, system.currency, now) for each in found.requests],
            notice=done(request, words.t, "corrections"),
        )

    async def ask(self, request: Request, visit: Visit) -> Response:
        """The form of one kind of correction."""
        kind = _kind(request)
        found = await self._reading.choice(visit.person, request.path_params["voucher_id"], kind)
        return await self._form(request, visit, kind, found, {}, {})

    async def request(self, request: Request, visit: Visit, form: Form) -> Response:
        """Asks for it."""
        kind, voucher_id = _kind(request), request.path_params["voucher_id"]
        found = await self._reading.choice(visit.person, voucher_id, kind)
        wanted, wrong = views.read_wanted(form, kind, found.subject.system, found.reversible)
        if not wrong:
            try:
                made = await self._corrections.request(visit.person, voucher_id, wanted)
            except Impossible as error:
                wrong = views.stands_in_the_way(error.failure)
            except BridgeError as error:
                wrong = views.wrong_of(error)
            else:
                return see_other(f"{PATH}{SECTION}/{made.id}?done=requested")
        return await self._form(request, visit, kind, found, form, wrong)

    async def show(self, request: Request, visit: Visit) -> Response:
        """A request with what the second person needs."""
        return await self._show(request, visit, {}, "")

    async def approve(self, request: Request, visit: Visit, _: Form) -> Response:
        """Books it."""
        return await self._decide(request, lambda one: self._corrections.approve(visit.person, one))

    async def refuse(self, request: Request, visit: Visit, form: Form) -> Response:
        """Says no."""
        reason = form.get("reason", "")
        try:
            return await self._decide(request, lambda one: self._corrections.refuse(visit.person, one, reason))
        except BridgeError as error:
            return await self._show(request, visit, views.wrong_of(error), reason)

    async def withdraw(self, request: Request, visit: Visit, _: Form) -> Response:
        """Takes one's own back."""
        return await self._decide(request, lambda one: self._corrections.withdraw(visit.person, one))

    async def _decide(self, request: Request, deciding: Callable[[str], Awaitable[Correction]]) -> Response:
        correction_id = request.path_params["correction_id"]
        try:
            said_now: str = (await deciding(correction_id)).state.value
        except Impossible:
            said_now = "again"
        except BridgeError as error:
            if error.code is not Code.RECORD_CONFLICT:
                raise
            said_now = "late"
        return see_other(f"{PATH}{SECTION}/{correction_id}?done={said_now}")

    async def _form(
        self,
        request: Request,
        visit: Visit,
        kind: Kind,
        found: Choice,
        form: Mapping[str, str],
        wrong: Mapping[str, str],
    ) -> Response:
        system, one = found.subject.system, found.subject.voucher
        words = self._site.words(request, visit.person, system.time_zone)
        return await self._site.page(
            request,
            "corrections/ask.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=system.time_zone,
            system=system,
            one=one,
            kind=kind,
            number=one.shown(whole=views.sees_whole(visit.person)),
            balance=amount(words, one.balance, system.currency),
            hindrance=_hindrance(found, kind),
            entries=[(each.entry_id, views.choice_of(words, each, system.currency)) for each in found.reversible],
            places=[(each.location_id, each.name) for each in found.places],
            # What was seen when the form was first shown, so that a second look is one at what stands there now.
            seq=form.get("seq", str(one.entries)) if "voucher" not in wrong else str(one.entries),
            form=form,
            wrong=said(words.t, dict(wrong)),
            takes_back=kind in TAKES_BACK,
            longest={"amount": views.LONGEST_AMOUNT, "reason": LONGEST_REASON, "code": views.LONGEST_CODE},
        )

    async def _show(self, request: Request, visit: Visit, wrong: Mapping[str, str], reason: str) -> Response:
        person = visit.person
        found = await self._reading.evidence(person, request.path_params["correction_id"])
        system, one, voucher = found.system, found.listed.one, found.voucher
        words, code = self._site.words(request, person, system.time_zone), system.currency
        return await self._site.page(
            request,
            "corrections/one.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=system.time_zone,
            system=system,
            one=one,
            found=found,
            waits=found.state is State.OPEN,
            state=views.state_badge(words.t, found.state),
            amount=views.money(words, one, code),
            number=voucher.shown(whole=views.sees_whole(person)),
            target=views.number_for(person, found.listed.target) if found.listed.target else "",
            original=views.choice_of(words, found.original, code) if found.original else "",
            seen=amount(words, one.seen_balance, code),
            balance=amount(words, voucher.balance, code),
            asked_at=words.moment(one.requested_at),
            ends_at=words.moment(one.expires_at),
            decided_at=None if one.decided_at is None else words.moment(one.decided_at),
            history=[views.line(words, each, code) for each in found.history],
            reason=reason,
            longest_reason=LONGEST_REASON,
            wrong=said(words.t, dict(wrong)),
            notice=done(request, words.t, "corrections"),
        )


def _kind(request: Request) -> Kind:
    name = request.path_params["correction_kind"]
    if name not in set(Kind):
        raise BridgeError(Code.RECORD_UNKNOWN)
    return Kind(name)


def _hindrance(found: Choice, kind: Kind) -> str:
    """Why nobody can ask for a correction of this kind at present, as the key of a text; "" if somebody can."""
    if found.subject.waiting is not None:
        return f"corrections.failure.{Failure.WAITING}"
    if found.subject.alone:
        return f"corrections.failure.{Failure.NO_SECOND}"
    if kind in TAKES_BACK and not found.reversible:
        return "corrections.original.none"
    return "corrections.places.none" if kind is Kind.MORE and not found.places else ""
