"""The guided acceptance test's pages: one step after the other, and the protocol to take away."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.api.problems import as_bridge_error
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.settling import one_line
from tillbridge.connector.console.site import Site, render
from tillbridge.connector.console.tester import PATH as TESTER
from tillbridge.connector.console.tester import REFUSALS
from tillbridge.connector.console.tester_views import stable_key
from tillbridge.connector.console.views import Badge, Tone, abortable, awaits_signature, sentence
from tillbridge.connector.console.words import Moment, Words
from tillbridge.connector.wiretest.acceptance import Acceptance, Done, Mark, Step
from tillbridge.connector.wiretest.protocol import protocol
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, currency, parse_major
from tillbridge.engine.engine import MAX_PERSON_TEXT
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.scrubbing import scrub_text
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

PATH: Final = "/tester/acceptance"
SMALLEST: Final = "1.00"
"""What is asked for unless the person says otherwise: some terminals refuse less."""

TONES: Final = {
    Mark.WAITING: Tone.CALM,
    Mark.RUNNING: Tone.RUNNING,
    Mark.ASKING: Tone.ALERT,
    Mark.PASSED: Tone.GOOD,
    Mark.FAILED: Tone.BAD,
    Mark.SKIPPED: Tone.CALM,
    Mark.UNABLE: Tone.CALM,
}


@dataclass(frozen=True, slots=True)
class StepView:
    """One step as the page shows it."""

    step: Step
    done: Done
    badge: Badge
    at: Moment | None
    now: bool
    detail: str
    payment: Payment | None
    sentence: str
    abortable: bool
    signing: bool


class AcceptancePages:
    """The pages under `/tester/acceptance`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tester = site.tester
        self._test: Acceptance | None = None

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        return [
            gate.page(PATH, self.page),
            gate.form(PATH, self.begin),
            gate.form(f"{PATH}/step", self.step),
            gate.page(f"{PATH}/step", self.page),
            gate.page(f"{PATH}.html", self.printed),
            gate.page(f"{PATH}.json", self.machine_readable),
        ]

    async def page(self, request: Request, session: Session) -> Response:
        """The form to begin, or the steps with how each stands."""
        return await self._page(request, session)

    async def begin(self, request: Request, session: Session) -> Response:
        """Begins a test anew; what an earlier one found is gone then, unless its protocol was taken."""
        form = await read_form(request)
        words, line = self._site.words(request), self._tester.under_test()
        by = one_line(form.get("by", ""))[:MAX_PERSON_TEXT]
        if not by:
            return await self._page(request, session, words.t("error.by"))
        try:
            money = parse_major(form.get("amount", ""), currency(form.get("unit", "").upper()))
        except BridgeError:
            return await self._page(request, session, words.t("till.wrong.amount"))
        if money.minor == 0:
            return await self._page(request, session, words.t("till.wrong.amount"))
        self._test = Acceptance(line, self._tester, self._site.runtime, by, money, words.now)
        return see_other(PATH)

    async def step(self, request: Request, session: Session) -> Response:
        """Tries a step, or takes what the person says about it."""
        test = self._current()
        if test is None:
            return see_other(PATH)
        form = await read_form(request)
        step = next((one for one in Step if one == form.get("step")), None)
        if step is None:
            raise BridgeError(Code.BODY_INVALID, "the form names no step")
        remark = one_line(form.get("remark", ""))[:MAX_PERSON_TEXT]
        try:
            await test.look()
            match form.get("do"):
                case "begin":
                    await test.begin(step, form.get("key", ""))
                case "yes" | "no" as answer:
                    test.confirm(step, shown=answer == "yes", remark=remark)
                case "skip":
                    test.skip(step, remark)
                case _:
                    raise BridgeError(Code.BODY_INVALID, "the form says nothing about the step")
        except REFUSALS as error:
            known = as_bridge_error(error)
            if known is None:
                raise
            return await self._page(request, session, _said(known, self._site.words(request)))
        return see_other(PATH)

    async def printed(self, request: Request, _: Session) -> Response:
        """The protocol as a page that stands alone, to print or to keep."""
        test = self._current()
        if test is None:
            return see_other(PATH)
        found = await protocol(test, self._site.host.version)
        words = self._site.words(request)
        text = render("protocol.html", t=words.t, words=words, found=found, made=words.moment(words.now))
        return _file(text, "text/html; charset=utf-8", "acceptance.html")

    async def machine_readable(self, _: Request, __: Session) -> Response:
        """The protocol for programs."""
        test = self._current()
        if test is None:
            return see_other(PATH)
        found = await protocol(test, self._site.host.version)
        return _file(json.dumps(found, indent=2, ensure_ascii=False), "application/json", "acceptance.json")

    # ------------------------------------------------------------ shared

    def _current(self) -> Acceptance | None:
        """The test of the terminal that is under test now."""
        return self._test if self._test is not None and self._test.line is self._tester.line else None

    async def _page(self, request: Request, session: Session, wrong: str | None = None) -> Response:
        line = self._tester.line
        if line is None:
            return see_other(TESTER)
        test, words = self._current(), self._site.words(request)
        if test is not None:
            await test.look()
        able = line.capabilities.currencies
        return self._site.page(
            request,
            "acceptance.html",
            session=session,
            status=HTTPStatus.OK if wrong is None else HTTPStatus.CONFLICT,
            wrong=wrong,
            name=line.name,
            test=test,
            steps=[] if test is None else [await self._view(test, step, words) for step in test.steps],
            amount=SMALLEST.replace(".", words.t("format.decimal")),
            unit=EUR.code if able is None or EUR.code in able else min(able),
            keys={step: stable_key(line, "acceptance", step) for step in Step},
        )

    async def _view(self, test: Acceptance, step: Step, words: Words) -> StepView:
        done = test.of(step)
        engine = test.line.engine
        payment = None if done.payment_id is None else await engine.inquire(done.payment_id)
        return StepView(
            step=step,
            done=done,
            badge=Badge(TONES[done.mark], _standing(done, payment, words)),
            at=None if done.at is None else words.moment(done.at),
            now=step is test.next(),
            detail=scrub_text(done.detail),
            payment=payment,
            sentence="" if payment is None or payment.running else sentence(payment, words),
            abortable=payment is not None and abortable(payment, await engine.terminals()),
            signing=payment is not None and awaits_signature(payment),
        )


def _standing(done: Done, payment: Payment | None, words: Words) -> str:
    if done.mark is Mark.RUNNING and payment is not None:
        return words.standing(payment)
    return words.t(f"mark.{done.mark}")


def _said(error: BridgeError, words: Words) -> str:
    said = refusal_text(error.code, words.t.language)
    return f"{said} ({error.detail})" if error.detail else said


def _file(text: str, media_type: str, name: str) -> Response:
    return Response(text, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
