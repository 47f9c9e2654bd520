"""`tillbridge demo --check`: one payment on each wire, and whether everybody says the same about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from tillbridge.connector.folder import DataFolder
from tillbridge.demo.plan import LOGIN, PASSWORD, V2, V3, Plan
from tillbridge.domain.operation import Stage
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.terminal import VirtualTerminal

ANSWER_SECONDS: Final = 60.0
"""For a payment with a virtual customer who takes no time, on a computer that may be busy."""

WIRES: Final = {V2: "concert-v2", V3: "concert-v3"}
AMOUNT: Final = "10.23"
MINOR: Final = 1023


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
        return (self.till, self.journal, self.taken_minor) == ("SUCCESS", Stage.APPROVED, MINOR)


async def take_one_on_each(plan: Plan, terminals: Mapping[str, VirtualTerminal], runtime: Runtime) -> list[Result]:
    """A sale through the HiPay-compatible door of each terminal. What goes wrong is a result, too."""
    key = DataFolder(plan.folder).known_key() or ""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        return [
            await _take(plan, session, key, terminals[name], port, f"check-{runtime.ids.new()[:20]}")
            for name, port in plan.hipay_ports.items()
        ]


async def _take(  # everything that one payment touches
    plan: Plan, session: aiohttp.ClientSession, key: str, terminal: VirtualTerminal, port: int, order_id: str
) -> Result:
    before = _taken(terminal)
    body = json.loads(plan.request.read_text(encoding="utf-8")) | {"order_id": order_id, "amount": AMOUNT}
    login = {"Authorization": aiohttp.encode_basic_auth(LOGIN, PASSWORD)}
    try:
        async with session.post(f"http://localhost:{port}/order", json=body, headers=login) as answer:
            told: dict[str, Any] = await answer.json()
        kept_at = f"http://localhost:{plan.console_port}/v1/payments/{told.get('payment_id')}"
        async with session.get(kept_at, headers={"Authorization": f"Bearer {key}"}) as answer:
            kept: dict[str, Any] = await answer.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return Result(terminal.name, type(error).__name__, "", _taken(terminal) - before)
    heard = " ".join(str(told[name]) for name in ("paymentStatus", "errorCode", "errorDescription") if name in told)
    return Result(terminal.name, heard, str(kept.get("stage", kept.get("code"))), _taken(terminal) - before)


def _taken(terminal: VirtualTerminal) -> int:
    return sum(row.minor for row in terminal.ledger.rows if row.movement is Movement.TAKEN)
