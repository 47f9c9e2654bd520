"""What a person does in the provider's small console. That a form is one of its own pages is the guard's business."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.psp.hipay.sandbox.console import LONGEST_TEXT, Pages
from tillbridge.psp.hipay.sandbox.faults import named, switch
from tillbridge.psp.hipay.sandbox.maintenance import Kind
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.refusals import GatewayRefusal
from tillbridge.psp.hipay.sandbox.settings import TerminalAnswer
from tillbridge.psp.hipay.sandbox.statuses import Status
from tillbridge.psp.hipay.sandbox.two_sources import Acquired, Context
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

LONGEST_TIMES = 7
"""Digits of how often a switch acts."""

Form = Mapping[str, str]
Action = Callable[[str, Form], Awaitable[object]]


class Forms:
    """The forms of one sandbox."""

    def __init__(self, provider: Provider, pages: Pages) -> None:
        self._provider = provider
        self._pages = pages

    async def on_transaction(self, request: Request) -> Response:
        """An operation with one transaction; a refusal is shown on its page."""
        reference, name = request.path_params["reference"], request.path_params["action"]
        actions: Mapping[str, Action] = {
            "maintain": self._maintain,
            "collect": self._collect,
            "chargeback": lambda one, _: self._provider.charge_back(one, Status.CHARGEBACK_PENDING),
            "answer": lambda one, form: self._provider.answer(one, _answer(form)),
        }
        if name not in actions:
            raise BridgeError(Code.PATH_UNKNOWN)
        known = self._provider.known(reference)
        try:
            await actions[name](reference, await read_form(request))
        except GatewayRefusal as refusal:
            return self._pages.of(request, known, refusal)
        return see_other(f"/transactions/{reference}?notice=done")

    async def collect_all(self, request: Request) -> Response:
        """The daily collection of everything."""
        await read_form(request)
        done = await self._provider.collect_all()
        return see_other(f"/?notice={'done' if done else 'nothing'}")

    async def again(self, request: Request) -> Response:
        """Sends a notification once more."""
        await read_form(request)
        if not await self._provider.send_again(request.path_params["seq"]):
            raise BridgeError(Code.PATH_UNKNOWN)
        return see_other("/notifications?notice=again")

    async def acquired(self, request: Request) -> Response:
        """The acquirer's side of a payment: a push, or a collection."""
        form = await read_form(request)
        order_id = form.get("order_id", "")
        if not 0 < len(order_id) <= LONGEST_TEXT or form.get("context") not in frozenset(Context):
            return see_other("/messages?notice=nothing")
        acquired = Acquired(
            order_id, form.get("mid", "")[:LONGEST_TEXT], Context(form["context"]), "authorized" in form
        )
        collecting = form.get("how") == "collect"
        done = await (self._provider.collect(acquired) if collecting else self._provider.push(acquired))
        if done is None:
            return see_other("/messages?notice=waiting")
        return see_other(f"/transactions/{done.reference}?notice=done")

    async def fault(self, request: Request) -> Response:
        """Puts a switch on, or back."""
        form = await read_form(request)
        fault = named(form.get("fault", ""))
        if form.get("to") == "on":
            times, seconds = form.get("times", "")[:LONGEST_TIMES], form.get("seconds", "")[:LONGEST_TIMES]
            self._provider.faults.set(switch(fault, _whole(times), _seconds(seconds)))
        else:
            self._provider.faults.clear(fault)
        return see_other(f"/faults?notice=switched#{fault}")

    async def _maintain(self, reference: str, form: Form) -> object:
        kind = form.get("operation", "")
        given = {"operation": kind}
        if form.get("amount") and kind != Kind.CANCEL:
            # People write the comma of their language; the gateway itself takes the point alone.
            given["amount"] = form["amount"].replace(",", ".")
        return await self._provider.maintain(reference, given)

    async def _collect(self, reference: str, _: Form) -> object:
        one = self._provider.known(reference)
        return await self._provider.collect(Acquired(one.order_id, one.mid, Context.STANDALONE, authorized=True))


def _answer(form: Form) -> TerminalAnswer:
    word = form.get("answer", "")
    return TerminalAnswer(word) if word in frozenset(TerminalAnswer) else TerminalAnswer.WAIT


def _whole(text: str) -> int | None:
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() else 0


def _seconds(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return -1.0
