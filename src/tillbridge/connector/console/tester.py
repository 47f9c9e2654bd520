"""The wire tester's pages: enter an address, speak its wire, and see what passes over it."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.api.problems import as_bridge_error
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.persons import read_signed
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.settling import ANSWERS
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.terminals import abilities
from tillbridge.connector.console.tester_views import dashboard
from tillbridge.connector.wiretest import fields
from tillbridge.connector.wiretest.session import request as asked
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money, currency, parse_major
from tillbridge.domain.operation import Kind
from tillbridge.engine.journal.journal import MoveRefused
from tillbridge.protocols import registry
from tillbridge.runtime.sqlite import StorageUnavailable
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

PATH: Final = "/tester"
REFUSALS: Final = (BridgeError, MoveRefused, StorageUnavailable)
WITHOUT_AMOUNT: Final = frozenset({Kind.VOID, Kind.RECONCILIATION})


KNOWN: Final = {
    "host": "door.address",
    "port": "door.port",
    "tcp.host": "door.address",
    "tcp.port": "door.port",
    "serial.port": "door.serial",
    "bluetooth": "door.bluetooth",
    "username": "door.login",
    "login": "door.login",
    "password": "door.password",
}
"""Settings that a technician who reads no English looks for; the rest is called as in a settings file."""

Action = Callable[[], Awaitable[object]]


class TesterPages:
    """The pages under `/tester`, apart from the acceptance test."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tester = site.tester

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        one = f"{PATH}/payments/{{payment_id}}"
        return [
            gate.page(PATH, self.page),
            gate.form(PATH, self.open),
            gate.form(f"{PATH}/close", self.close),
            gate.form(f"{PATH}/health", self.health),
            gate.form(f"{PATH}/clear", self.clear),
            gate.form(f"{PATH}/pay", self.pay),
            gate.form(f"{one}/abort", self.abort),
            gate.form(f"{one}/sign", self.sign),
            gate.form(f"{one}/settle", self.settle),
            # An open page asks for its own address again, also where it came back from a form with a complaint.
            *(gate.page(f"{PATH}/{name}", self.page) for name in ("close", "health", "pay")),
            *(gate.page(f"{one}/{name}", self.page) for name in ("abort", "sign", "settle")),
        ]

    async def page(self, request: Request, session: Session) -> Response:
        """The terminal under test; or the wires to choose from and the form of the one chosen."""
        if self._tester.line is None:
            return self._form(request, session, {}, {})
        return await self._dashboard(request, session)

    async def open(self, request: Request, session: Session) -> Response:
        """Takes the terminal of the form under test."""
        form = await read_form(request)
        wire = self._wire(form.get("wire"))
        if wire is None:
            return see_other(PATH)
        entered = fields.read(registry.driver(wire).settings, form)
        if entered.settings is None:
            return self._form(request, session, form, entered.wrong)
        try:
            await self._tester.open(wire, entered.settings)
            await self._tester.under_test().ask_health()
        except REFUSALS as error:
            return self._form(request, session, form, {"": self._said(request, error)})
        return see_other(PATH)

    async def close(self, request: Request, session: Session) -> Response:
        """Gives the terminal up."""
        return await self._do(request, session, self._tester.close)

    async def health(self, request: Request, session: Session) -> Response:
        """Asks the terminal for a sign of life."""
        return await self._do(request, session, lambda: self._tester.under_test().ask_health())

    async def clear(self, _: Request, __: Session) -> Response:
        """Empties the list of what passed."""
        self._tester.under_test().trace.clear()
        return see_other(PATH)

    async def pay(self, request: Request, session: Session) -> Response:
        """One operation on the terminal, journalled like every payment; sent twice it is still one."""
        form = await read_form(request)

        async def start() -> None:
            kind = next((one for one in Kind if one == form.get("kind")), Kind.SALE)
            money = None if kind in WITHOUT_AMOUNT else _money(form)
            parent = form.get("parent") or None
            meaning = hashlib.sha256(f"{kind}\n{money}\n{parent}".encode()).hexdigest()
            await self._tester.start(asked(kind, money, form.get("key", ""), meaning, parent))

        return await self._do(request, session, start)

    async def abort(self, request: Request, session: Session) -> Response:
        """Asks the terminal to stop."""
        payment_id = request.path_params["payment_id"]
        back = await _back(request)
        return await self._do(request, session, lambda: self._tester.under_test().engine.abort(payment_id), back)

    async def sign(self, request: Request, session: Session) -> Response:
        """A person says whether the signature is right."""
        form = await read_form(request)
        engine, payment_id = self._tester.under_test().engine, request.path_params["payment_id"]
        accepted, back = form.get("accepted") == "yes", await _back(request)
        return await self._do(request, session, lambda: engine.sign(payment_id, accepted=accepted, by="tester"), back)

    async def settle(self, request: Request, session: Session) -> Response:
        """A named person says what became of a test payment in doubt."""
        form = await read_form(request)
        signed = read_signed(form, self._site.words(request))
        taken = ANSWERS.get(form.get("taken", ""))
        if signed.wrong or taken is None:
            said = next(iter(signed.wrong.values()), self._site.words(request).t("error.summary"))
            return await self._dashboard(request, session, said)
        engine, payment_id = self._tester.under_test().engine, request.path_params["payment_id"]
        return await self._do(
            request, session, lambda: engine.resolve(payment_id, taken=taken, by=signed.by, reason=signed.reason)
        )

    # ------------------------------------------------------------ shared

    async def _do(self, request: Request, session: Session, action: Action, onward: str = PATH) -> Response:
        try:
            await action()
        except REFUSALS as error:
            return await self._dashboard(request, session, self._said(request, error))
        return see_other(onward)

    async def _dashboard(self, request: Request, session: Session, wrong: str | None = None) -> Response:
        if self._tester.line is None:
            return see_other(PATH)
        words, line = self._site.words(request), self._tester.line
        return self._site.page(
            request,
            "tester.html",
            session=session,
            status=HTTPStatus.OK if wrong is None else HTTPStatus.CONFLICT,
            wrong=wrong,
            board=await dashboard(line, words),
            abilities=list(abilities(line.capabilities, words)),
            key=self._site.runtime.ids.new(),
            without_amount=WITHOUT_AMOUNT,
        )

    def _form(self, request: Request, session: Session, form: Mapping[str, str], wrong: Mapping[str, str]) -> Response:
        installed = fields.wires()
        wire = self._wire(form.get("wire") or request.query_params.get("wire")) or installed[0]
        model = registry.driver(wire).settings
        return self._site.page(
            request,
            "tester_open.html",
            session=session,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            wires=installed,
            wire=wire,
            settings=fields.settings_of(model),
            known=KNOWN,
            notes=fields.notes_of(model),
            form=form,
            wrong=wrong,
        )

    def _wire(self, name: str | None) -> str | None:
        return name if name in fields.wires() else None

    def _said(self, request: Request, error: Exception) -> str:
        known = as_bridge_error(error)
        if known is None:
            raise error
        said = refusal_text(known.code, self._site.words(request).t.language)
        return f"{said} ({known.detail})" if known.detail else said


def _money(form: Mapping[str, str]) -> Money:
    money = parse_major(form.get("amount", ""), currency(form.get("unit", "").upper()))
    if money.minor == 0:
        raise BridgeError(Code.AMOUNT_INVALID, "the amount must be more than zero", place="amount")
    return money


async def _back(request: Request) -> str:
    """Where the form stood."""
    return f"{PATH}/acceptance" if (await read_form(request)).get("back") == "acceptance" else PATH
