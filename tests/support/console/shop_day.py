"""A whole day of a small shop, at times that look like one: what the console has to show when somebody opens it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from tests.support.console.counter import SETTINGS
from tests.support.console.open_shop import OpenShop, open_shop
from tillbridge.domain.operation import Kind, Stage
from tillbridge.runtime.effects import Runtime, SystemClock
from tillbridge.virtual.scenarios import scenario
from tillbridge.virtual.script import Step

DATE: Final = datetime(2026, 5, 16, tzinfo=ZoneInfo("Europe/Paris"))
"""A Saturday."""

COUNTER: Final = "counter"
BAR: Final = "bar"
TERRACE: Final = "terrace"


@dataclass
class StandingClock(SystemClock):
    """A wall clock that shows what it was last set to, so that a day fits into a second."""

    at: datetime = field(default=DATE)

    def now(self) -> datetime:
        return self.at.astimezone(UTC)

    def set(self, clock: str) -> None:
        """Sets the hands ("09:41:07")."""
        self.at = datetime.combine(DATE, time.fromisoformat(clock), DATE.tzinfo)


@dataclass(frozen=True)
class Customer:
    """Who comes when, where, and what becomes of it."""

    at: str
    minor: int
    terminal: str
    stage: Stage = Stage.APPROVED
    scenario: str = "approve"
    kind: Kind = Kind.SALE
    partial: bool = False


DAY: Final = (
    Customer("09:05:48", 1890, COUNTER),
    Customer("10:12:05", 5475, COUNTER, Stage.DECLINED, "decline_refused"),
    Customer("10:13:31", 5475, COUNTER),
    Customer("11:20:09", 3400, COUNTER, kind=Kind.REFUND),
    Customer("11:46:53", 2150, TERRACE, Stage.ABORTED, "customer_cancels"),
    Customer("12:15:37", 8000, BAR, scenario="partial", partial=True),
    Customer("12:51:26", 1750, BAR, Stage.NOT_STARTED, "busy"),
    Customer("12:52:40", 1750, BAR),
    Customer("13:04:18", 6290, TERRACE, Stage.IN_DOUBT, "approve_then_drop"),
)
NOW: Final = Customer("13:05:51", 2380, COUNTER, Stage.SENDING)
"""Who stands there with the card in the hand."""


@contextmanager
def shop_day(folder: Path) -> Iterator[OpenShop]:
    """A shop a little after one o'clock: one payment runs, one is in doubt, the third terminal is free."""
    clock = StandingClock()
    clock.set("08:30:00")
    settings = SETTINGS.model_copy(update={"probe_seconds": 60.0})
    with open_shop(folder, COUNTER, BAR, TERRACE, runtime=Runtime(clock), settings=settings) as shop:
        for number, customer in enumerate(DAY, 4711):
            clock.set(customer.at)
            _serve(shop, customer, str(number))
        clock.set(NOW.at)
        shop.counter.hold(NOW.terminal)
        shop.start(NOW.minor, NOW.terminal, order_id=str(4711 + len(DAY)))
        yield shop


def _serve(shop: OpenShop, customer: Customer, order: str) -> None:
    desk = shop.counter.terminals[customer.terminal].desk
    shop.do(lambda: desk.script.set(Step(scenario(customer.scenario))))
    paid = shop.pay(
        customer.minor, customer.terminal, kind=customer.kind, order_id=order, partial_allowed=customer.partial
    )
    assert paid.stage is customer.stage
