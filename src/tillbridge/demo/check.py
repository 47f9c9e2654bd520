"""`tillbridge demo --check`: one payment on each wire, and whether everybody says the same about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from tillbridge.demo.plan import CURRENCY, LOGIN, MYPOS, PASSWORD, TERMINALS, TOUCH, V2, V3, Plan
from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.runtime.data_folder import DataFolder
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.terminal import VirtualTerminal

ANSWER_SECONDS: Final = 60.0
"""For a payment with a virtual customer who takes no time, on a computer that may be busy."""

WIRES: Final = {V2: "concert-v2", V3: "concert-v3", TOUCH: "touchscreen", MYPOS: "mypos-xml"}
AMOUNT: Final = "10.23"
MINOR: Final = 1023
SUCCESS: Final = "SUCCESS"
"""HiPay's word for a payment that went through."""


@dataclass(frozen=True, slots=True)
class Result:
    """One payment as each side has it: what the till heard, what the journal keeps, what the terminal really took."""

    terminal: str
    till: str
    journal: str
    taken_minor: int

    @property
    def wire(self) -> str:
        """The wire to the terminal."""
        return WIRES[self.terminal]

    @property
    def agrees(self) -> bool:
        """Whether the payment went through and nobody says anything else."""
        return (self.till, self.journal, self.taken_minor) == (SUCCESS, Stage.APPROVED, MINOR)


async def take_one_on_each(plan: Plan, terminals: Mapping[str, VirtualTerminal], runtime: Runtime) -> list[Result]:
    """A sale on each terminal: through its HiPay-compatible door, or the native interface where it has none.

    What goes wrong is a result, too.
    """
    key = DataFolder(plan.folder).known_key() or ""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        shop = _Shop(plan, session, {"Authorization": f"Bearer {key}"})
        return [await _take(shop, terminals[name], f"check-{runtime.ids.new()[:20]}") for name in TERMINALS]


@dataclass(frozen=True, slots=True)
class _Shop:
    """Where the check's till asks."""

    plan: Plan
    session: aiohttp.ClientSession
    key: Mapping[str, str]

    @property
    def native(self) -> str:
        return f"http://localhost:{self.plan.console_port}/v1/payments"

    async def hipay(self, port: int, order_id: str) -> tuple[str, str]:
        """What the till heard, and the payment's id."""
        body = json.loads(self.plan.request.read_text(encoding="utf-8")) | {"order_id": order_id, "amount": AMOUNT}
        login = {"Authorization": aiohttp.encode_basic_auth(LOGIN, PASSWORD)}
        async with self.session.post(f"http://localhost:{port}/order", json=body, headers=login) as answer:
            told: dict[str, Any] = await answer.json()
        words = ("paymentStatus", "errorCode", "errorDescription")
        return " ".join(str(told[name]) for name in words if name in told), str(told.get("payment_id"))

    async def pay(self, terminal: str, order_id: str) -> tuple[str, str]:
        """The same over the native interface."""
        body = {"amount": {"minor": MINOR, "currency": CURRENCY}, "terminal": terminal, "order_id": order_id}
        headers = {**self.key, "Idempotency-Key": order_id, "Prefer": f"wait={ANSWER_SECONDS:g}"}
        async with self.session.post(self.native, json=body, headers=headers) as answer:
            told: dict[str, Any] = await answer.json()
        heard = SUCCESS if told.get("money_moved") == MoneyMoved.YES else str(told.get("stage", told.get("code")))
        return heard, str(told.get("id"))

    async def kept(self, payment_id: str) -> str:
        """How the journal has it."""
        async with self.session.get(f"{self.native}/{payment_id}", headers=self.key) as answer:
            kept: dict[str, Any] = await answer.json()
        return str(kept.get("stage", kept.get("code")))


async def _take(shop: _Shop, terminal: VirtualTerminal, order_id: str) -> Result:
    before = _taken(terminal)
    port = shop.plan.hipay_ports.get(terminal.name)
    try:
        asking = shop.pay(terminal.name, order_id) if port is None else shop.hipay(port, order_id)
        heard, payment_id = await asking
        stage = await shop.kept(payment_id)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return Result(terminal.name, type(error).__name__, "", _taken(terminal) - before)
    return Result(terminal.name, heard, stage, _taken(terminal) - before)


def _taken(terminal: VirtualTerminal) -> int:
    return sum(row.minor for row in terminal.ledger.rows if row.movement is Movement.TAKEN)
