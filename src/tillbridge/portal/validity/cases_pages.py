"""The page of exceptions, and the pages on which a person decides one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import masked
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.locations.views import done, wrong_field
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Person
from tillbridge.portal.validity import elsewhere_views as elsewhere
from tillbridge.portal.validity.access import may_open_vouchers
from tillbridge.portal.validity.cases_model import (
    CHOICES,
    MOST,
    Adjusted,
    Alarm,
    CaseKind,
    Decision,
    Pause,
    Receipt,
    ShutVoucher,
)
from tillbridge.portal.validity.cases_service import Cases, SeenExceptions
from tillbridge.portal.validity.model import LONGEST_TEXT
from tillbridge.portal.validity.pages import said
from tillbridge.portal.vouchers.sections import tabs
from tillbridge.web.going import see_other
from tillbridge.web.words import Moment, Words

PATH: Final = "/vouchers/systems/{system_id}/exceptions"
CASE: Final = "/vouchers/cases/{operation_id}"
PAUSE: Final = "/vouchers/systems/{system_id}/pauses/{location_id}"
SECTION: Final = "/exceptions"

WRONG: Final = {
    "decision": "exceptions.wrong.decision",
    "evidence": "exceptions.wrong.evidence",
    "reason": "validity.wrong.reason",
}


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A receipt of a list as it is drawn. `decide`: where it is decided, "" where this reader may not."""

    voucher_id: str | None
    number: str
    money: str
    location: str
    station: str
    operator: str
    receipt: str
    at: Moment
    moment: Moment
    decide: str


class CasePages:
    """Shows exceptions and lets a person decide."""

    def __init__(self, site: Site, cases: Cases) -> None:
        self._site = site
        self._cases = cases

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site = self._site
        return [
            site.get(PATH, self.show),
            site.get(CASE, self.ask),
            site.post(CASE, self.decide),
            site.get(PAUSE, self.ask_release),
            site.post(PAUSE, self.release),
        ]

    async def show(self, request: Request, visit: Visit) -> Response:
        """All that somebody has to look at."""
        person = visit.person
        seen = await self._cases.seen(person, request.path_params["system_id"])
        one = seen.system
        words = self._site.words(request, person, one.time_zone)
        return await self._site.page(
            request,
            "validity/exceptions.html",
            visit=visit,
            zone=one.time_zone,
            one=one,
            tabs=tabs(words.t, person, one.id, SECTION),
            may_open=may_open_vouchers(person),
            most=words.count(MOST),
            lists=_lists(words, seen, person),
            notice=done(request, words.t, "exceptions"),
        )

    async def ask(self, request: Request, visit: Visit) -> Response:
        """Asks what became of a receipt."""
        return await self._ask(request, visit, {})

    async def decide(self, request: Request, visit: Visit, form: Form) -> Response:
        """Decides it."""
        try:
            try:
                decision = Decision(form.get("decision", ""))
            except ValueError:
                raise BridgeError(Code.FIELD_INVALID, "nothing is decided", place="decision") from None
            system = await self._cases.decide(
                visit.person,
                request.path_params["operation_id"],
                decision,
                evidence=form.get("evidence", ""),
                reason=form.get("reason", ""),
            )
        except BridgeError as error:
            return await self._ask(request, visit, form, wrong_field(error, WRONG))
        return see_other(f"{PATH.format(system_id=system.id)}?done={decision}")

    async def _ask(
        self, request: Request, visit: Visit, form: Form, wrong: Mapping[str, str] | None = None
    ) -> Response:
        person = visit.person
        seen = await self._cases.case(person, request.path_params["operation_id"])
        system, receipt = seen.system, seen.receipt
        words = self._site.words(request, person, system.time_zone)
        return await self._site.page(
            request,
            "validity/case.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=system.time_zone,
            one=system,
            kind=seen.kind,
            contested=seen.kind is CaseKind.CONTESTED,
            with_moment=seen.kind is not CaseKind.OPEN,
            choices=CHOICES[seen.kind],
            line=_receipt(words, receipt, system.currency),
            till_key=receipt.key,
            path=CASE.format(operation_id=receipt.operation_id),
            may_open=may_open_vouchers(person),
            form=form,
            longest=LONGEST_TEXT,
            wrong=said(words.t, wrong),
        )

    async def ask_release(self, request: Request, visit: Visit) -> Response:
        """Asks why a location may go on before its time."""
        return await self._ask_release(request, visit, {})

    async def release(self, request: Request, visit: Visit, form: Form) -> Response:
        """Lets it go on."""
        system_id, location_id = request.path_params["system_id"], request.path_params["location_id"]
        try:
            await self._cases.release(visit.person, system_id, location_id, form.get("reason", ""))
        except BridgeError as error:
            return await self._ask_release(request, visit, form, wrong_field(error, WRONG))
        return see_other(f"{PATH.format(system_id=system_id)}?done=released")

    async def _ask_release(
        self, request: Request, visit: Visit, form: Form, wrong: Mapping[str, str] | None = None
    ) -> Response:
        person, found = visit.person, request.path_params
        system, one = await self._cases.pause(person, found["system_id"], found["location_id"])
        words = self._site.words(request, person, system.time_zone)
        return await self._site.page(
            request,
            "validity/pause.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=system.time_zone,
            one=system,
            pause=one,
            until=words.moment(one.until),
            path=PAUSE.format(system_id=system.id, location_id=one.location_id),
            form=form,
            longest=LONGEST_TEXT,
            wrong=said(words.t, wrong),
        )


def _lists(words: Words, seen: SeenExceptions, person: Person) -> dict[str, object]:
    """Every list of the page as it is drawn, and which of them were cut."""
    found, code = seen.found, seen.system.currency
    restored = found.restored
    lists: dict[str, Sequence[object]] = {
        "unsent": [elsewhere.unsent(words, one, person) for one in found.unsent],
        "unfinished": [_receipt(words, one, code) for one in found.unfinished],
        "missing": [] if restored is None else [_receipt(words, one, code) for one in restored.missing],
        "short": [elsewhere.short(words, one, code) for one in found.short],
        "open_cases": [_receipt(words, one, code, seen.deciding) for one in found.open_cases],
        "contested": [_receipt(words, one, code, seen.deciding) for one in found.contested],
        "repeated": [_receipt(words, one, code, seen.deciding) for one in found.repeated],
        "late": [_receipt(words, one, code) for one in found.late],
        "shut": [_shut(words, one) for one in found.shut],
        "pauses": [_pause(words, one, seen) for one in found.pauses],
        "alarms": [_alarm(words, one) for one in found.alarms],
        "adjusted": [_adjusted(words, one, code) for one in found.adjusted],
    }
    return {
        **{name: list(lines)[:MOST] for name, lines in lists.items()},
        "cut": [name for name, lines in lists.items() if len(lines) > MOST],
        "restored": None if restored is None else elsewhere.restored(words, restored),
        "ways": elsewhere.ways(person, seen.system.id),
        "quiet": restored is None and not any(lists.values()),
    }


def _receipt(words: Words, one: Receipt, code: str, deciding: Collection[str] = ()) -> ReceiptLine:
    return ReceiptLine(
        one.voucher_id,
        masked(one.number) if one.number else "",
        amount(words, one.taken, code),
        one.location,
        one.station,
        one.operator,
        # A till that gave no number has its key in that place.
        "" if one.receipt == one.key else one.receipt,
        words.moment(one.at),
        words.moment(one.moment or one.at),
        CASE.format(operation_id=one.operation_id) if one.location_id in deciding else "",
    )


def _shut(words: Words, one: ShutVoucher) -> tuple[str, str, Moment | None]:
    return one.voucher_id, masked(one.number), None if one.until is None else words.moment(one.until)


def _pause(words: Words, one: Pause, seen: SeenExceptions) -> tuple[str, tuple[str, ...], Moment, str]:
    path = PAUSE.format(system_id=seen.system.id, location_id=one.location_id)
    return one.location, one.kinds, words.moment(one.until), path if one.location_id in seen.releasing else ""


def _alarm(words: Words, one: Alarm) -> tuple[str, Moment, Moment]:
    return one.location, words.moment(one.at), words.moment(one.until)


def _adjusted(words: Words, one: Adjusted, code: str) -> tuple[str, str, str, str, str, Moment]:
    sign = "+" if one.amount > 0 else ""
    money = f"{sign}{amount(words, one.amount, code)}"
    return one.voucher_id, masked(one.number), money, one.by, one.reason, words.moment(one.at)
