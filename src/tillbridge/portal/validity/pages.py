"""The pages of write-offs: the rule of a system with what is due next, a run, and one voucher of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError
from tillbridge.domain.voucher_code import masked
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.locations.views import Badge, Paging, day, done, wrong_field
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area
from tillbridge.portal.validity.access import may_open_vouchers
from tillbridge.portal.validity.dates import FIRST_NOTICE, LEAST_YEARS, MOST_YEARS, Rule, day_at
from tillbridge.portal.validity.model import LONGEST_TEXT, DueVoucher, Outcome, Run, RunState, Share
from tillbridge.portal.validity.service import Ahead, Seen, Validity
from tillbridge.portal.vouchers.sections import tabs
from tillbridge.web.going import see_other
from tillbridge.web.language import Catalogue
from tillbridge.web.words import Words

PATH: Final = "/vouchers/systems/{system_id}/validity"
RUNS: Final = "/vouchers/write-offs/{run_id}"
SECTION: Final = "/validity"

WRONG: Final = {
    "years": "validity.wrong.years",
    "date": "validity.wrong.date",
    "reason": "validity.wrong.reason",
}
USUAL: Final = {"years": "3", "month": "12", "day": "31"}
MONTHS: Final = tuple(map(str, range(1, 13)))

_RUNS_TONES: Final = {
    RunState.WRITING: "running",
    RunState.DONE: "good",
    RunState.REVERSING: "running",
    RunState.REVERSED: "calm",
}
_TONES: Final = {
    Outcome.WRITTEN_OFF: "calm",
    Outcome.BLOCKED: "bad",
    Outcome.INTERIM: "alert",
    Outcome.FAULT: "bad",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A voucher of a list as it is drawn. `back`: the way to take its write-off back, "" where there is none."""

    voucher_id: str
    number: str
    state: Badge
    balance: str
    last: str
    back: str = ""


class ValidityPages:
    """Shows what is due, changes the rule, takes write-offs back."""

    def __init__(self, site: Site, validity: Validity) -> None:
        self._site = site
        self._validity = validity

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site, one = self._site, f"{RUNS}/of/{{lapsed_id}}"
        return [
            site.get(PATH, self.show),
            site.get(f"{PATH}/edit", self.edit),
            site.post(f"{PATH}/edit", self.change),
            site.post(f"{PATH}/off", self.switch_off),
            site.get(RUNS, self.run),
            site.post(f"{RUNS}/take-back", self.take_back),
            site.get(one, self.ask_one),
            site.post(one, self.take_one_back),
        ]

    # ------------------------------------------------------------ the rule

    async def show(self, request: Request, visit: Visit) -> Response:
        """The rule, what is due next by it, and the runs."""
        person = visit.person
        seen = await self._validity.seen(person, request.path_params["system_id"], page_of(request))
        one = seen.system
        words = self._site.words(request, person, one.time_zone)
        return await self._site.page(
            request,
            "validity/show.html",
            visit=visit,
            zone=one.time_zone,
            one=one,
            tabs=tabs(words.t, person, one.id, SECTION),
            may_open=may_open_vouchers(person),
            rule="" if seen.setting is None else rule_text(words, seen.setting.rule),
            ahead=None if seen.ahead is None else _ahead(words, seen, seen.ahead),
            runs=[_run_row(words, run, one.currency) for run in seen.runs],
            may_edit=seen.may_edit,
            notice=done(request, words.t, "validity"),
        )

    async def edit(self, request: Request, visit: Visit) -> Response:
        """The form of the rule."""
        seen = await self._editable(request, visit)
        rule = None if seen.setting is None else seen.setting.rule
        form = USUAL if rule is None else {"years": str(rule.years), "month": str(rule.month), "day": str(rule.day)}
        return await self._form(request, visit, seen, form)

    async def change(self, request: Request, visit: Visit, form: Form) -> Response:
        """Sets it."""
        seen = await self._editable(request, visit)
        rule = Rule(number(form.get("years", "")), number(form.get("month", "")), number(form.get("day", "")))
        try:
            await self._validity.change(visit.person, seen.system.id, rule)
        except BridgeError as error:
            return await self._form(request, visit, seen, form, wrong_field(error, WRONG))
        return see_other(f"{PATH.format(system_id=seen.system.id)}?done=changed")

    async def switch_off(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as every action
        """Nothing is written off any more."""
        system_id = request.path_params["system_id"]
        await self._validity.switch_off(visit.person, system_id)
        return see_other(f"{PATH.format(system_id=system_id)}?done=off")

    async def _editable(self, request: Request, visit: Visit) -> Seen:
        seen = await self._validity.seen(visit.person, request.path_params["system_id"])
        visit.person.require(Area.VOUCHER_SETTINGS, Action.EDIT)
        return seen

    async def _form(  # what a form shows
        self, request: Request, visit: Visit, seen: Seen, form: Form, wrong: Mapping[str, str] | None = None
    ) -> Response:
        t = self._site.words(request, visit.person).t
        return await self._site.page(
            request,
            "validity/edit.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            one=seen.system,
            on=seen.setting is not None,
            form={**USUAL, **form},
            months=[(month, t(f"validity.month.{month}")) for month in MONTHS],
            wrong=said(t, wrong),
            years=(LEAST_YEARS, MOST_YEARS),
        )

    # ------------------------------------------------------------ runs

    async def run(self, request: Request, visit: Visit) -> Response:
        """A run with what it did."""
        return await self._run(request, visit, {})

    async def take_back(self, request: Request, visit: Visit, form: Form) -> Response:
        """Takes all of it back."""
        run_id = request.path_params["run_id"]
        try:
            await self._validity.take_back(visit.person, run_id, form.get("reason", ""))
        except BridgeError as error:
            return await self._run(request, visit, form, wrong_field(error, WRONG))
        return see_other(f"{RUNS.format(run_id=run_id)}?done=taking_back")

    async def _run(
        self, request: Request, visit: Visit, form: Form, wrong: Mapping[str, str] | None = None
    ) -> Response:
        person = visit.person
        seen = await self._validity.run(person, request.path_params["run_id"], page_of(request))
        run, system = seen.run, seen.system
        words = self._site.words(request, person, system.time_zone)
        here = RUNS.format(run_id=run.id)
        lines = [
            _line(words, one, system.currency, f"{here}/of/{one.voucher_id}" if seen.may_reverse else "")
            for one in seen.vouchers
        ]
        return await self._site.page(
            request,
            "validity/run.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=system.time_zone,
            one=system,
            run=run,
            path=here,
            on=day(words, date.fromisoformat(run.on)),
            cut=day(words, run.cut),
            state=run_badge(words.t, run.state),
            money=amount(words, run.money, system.currency),
            back=amount(words, seen.back.money, system.currency) if seen.back.vouchers else "",
            by=run.reversed_by.partition(" <")[0],
            shares=[_share(words, one, system.currency) for one in seen.shares],
            lines=lines,
            paging=paging(here, seen.page, seen.pages),
            may_open=may_open_vouchers(person),
            may_reverse=seen.may_reverse and run.state in {RunState.WRITING, RunState.DONE},
            form=form,
            longest=LONGEST_TEXT,
            wrong=said(words.t, wrong),
            notice=done(request, words.t, "validity"),
        )

    async def ask_one(self, request: Request, visit: Visit) -> Response:
        """Asks why the write-off of one voucher is to be taken back."""
        return await self._one(request, visit, {})

    async def take_one_back(self, request: Request, visit: Visit, form: Form) -> Response:
        """Takes it back."""
        run_id, voucher_id = request.path_params["run_id"], request.path_params["lapsed_id"]
        try:
            await self._validity.take_one_back(visit.person, run_id, voucher_id, form.get("reason", ""))
        except BridgeError as error:
            return await self._one(request, visit, form, wrong_field(error, WRONG))
        return see_other(f"{RUNS.format(run_id=run_id)}?done=taken_back")

    async def _one(
        self, request: Request, visit: Visit, form: Form, wrong: Mapping[str, str] | None = None
    ) -> Response:
        person, found = visit.person, request.path_params
        seen = await self._validity.one(person, found["run_id"], found["lapsed_id"])
        words = self._site.words(request, person, seen.system.time_zone)
        return await self._site.page(
            request,
            "validity/one.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            run_path=RUNS.format(run_id=seen.run.id),
            path=f"{RUNS.format(run_id=seen.run.id)}/of/{seen.voucher.voucher_id}",
            on=day(words, date.fromisoformat(seen.run.on)),
            number=masked(seen.voucher.number),
            money=amount(words, seen.voucher.amount, seen.system.currency),
            back=seen.voucher.back,
            form=form,
            longest=LONGEST_TEXT,
            wrong=said(words.t, wrong),
        )


def page_of(request: Request) -> int:
    """The page of a list that an address asks for; the first where it asks for none."""
    page = request.query_params.get("page", "")
    return int(page) if page.isascii() and page.isdigit() and len(page) < len("1000000") else 1


def paging(here: str, page: int, pages: int) -> Paging:
    """Where a list stands."""
    before, after = (f"{here}?page={one}" for one in (page - 1, page + 1))
    return Paging(page, pages, before if page > 1 else "", after if page < pages else "")


def number(text: str) -> int:
    """A small number as typed; 0, which nothing here can be, for anything else."""
    typed = text.strip()
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= len("99") else 0


def said(t: Catalogue, wrong: Mapping[str, str] | None) -> dict[str, str]:
    """The sentences for what is wrong, by field."""
    return {name: t(key) for name, key in (wrong or {}).items()}


def rule_text(words: Words, rule: Rule) -> str:
    """A rule in one sentence."""
    t = words.t
    first = t("validity.day.first") if rule.day == 1 else str(rule.day)
    day_of = t(f"validity.day_of.{rule.month}", day=first)
    return t("validity.rule.one", day=day_of) if rule.years == 1 else t("validity.rule", years=rule.years, day=day_of)


def run_badge(t: Catalogue, state: RunState) -> Badge:
    """Where a run stands in one word."""
    return Badge(_RUNS_TONES[state], t(f"validity.run.{state}"))


@dataclass(frozen=True, slots=True)
class _Ahead:
    on: str
    cut: str
    days: int
    soon: bool
    vouchers: str
    money: str
    skipped: str
    shares: list[tuple[str, str, str]]
    lines: list[Line]
    paging: Paging


def _ahead(words: Words, seen: Seen, ahead: Ahead) -> _Ahead:
    due, code = ahead.due, seen.system.currency
    days = (due.on - day_at(words.now, seen.system.time_zone)).days
    return _Ahead(
        day(words, due.on),
        day(words, due.cut.astimezone(words.zone)),
        days,
        days <= FIRST_NOTICE and bool(ahead.forecast.due.vouchers),
        words.count(ahead.forecast.due.vouchers),
        amount(words, ahead.forecast.due.money, code),
        words.count(ahead.forecast.left_alone.vouchers),
        [_share(words, one, code) for one in ahead.shares],
        [_line(words, one, code) for one in ahead.vouchers],
        paging(PATH.format(system_id=seen.system.id), ahead.page, ahead.pages),
    )


def _share(words: Words, one: Share, code: str) -> tuple[str, str, str]:
    return (
        one.location or words.t("validity.no_location"),
        amount(words, one.money, code),
        amount(words, one.back, code) if one.back else "",
    )


def _line(words: Words, one: DueVoucher, code: str, back: str = "") -> Line:
    gone = one.outcome is Outcome.WRITTEN_OFF
    key = "validity.outcome.given_back" if one.back else f"validity.outcome.{one.outcome}"
    tone = "good" if one.back else _TONES[one.outcome]
    return Line(
        one.voucher_id,
        masked(one.number),
        Badge(tone, words.t(key)),
        amount(words, one.amount, code),
        "" if one.last_activity is None else day(words, one.last_activity),
        back if gone and not one.back else "",
    )


def _run_row(words: Words, run: Run, code: str) -> tuple[str, str, Badge, str, str, str]:
    """A run of the list: its address, its day, how it stands, how many vouchers, how much, how many left alone."""
    return (
        RUNS.format(run_id=run.id),
        day(words, date.fromisoformat(run.on)),
        run_badge(words.t, run.state),
        words.count(run.vouchers),
        amount(words, run.money, code),
        words.count(run.skipped),
    )
