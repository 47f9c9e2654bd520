"""What the tests of commands share: a connection that writes down what it is sent, and a command to send."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tillbridge.link.message_words import CommandKind, CommandState, StationHealth
from tillbridge.link.messages import Bye, Command, CommandAnswer, FromPortal, Heartbeat, PaymentResult, Station
from tillbridge.portal.commands import model
from tillbridge.portal.commands.model import Holder, State
from tillbridge.portal.house import House

PAYMENT_ID = "a" * 32


@dataclass(slots=True)
class TestLine:
    """The portal's end of a connection. `broken` makes every sending fail, `stuck` makes it never end."""

    __test__ = False

    id: str
    holder: Holder
    sent: list[FromPortal] = field(default_factory=list)
    bye: Bye | None = None
    broken: bool = False
    stuck: bool = False

    async def send(self, message: FromPortal) -> None:
        if self.broken:
            raise ConnectionResetError
        if self.stuck:
            await asyncio.Event().wait()
        self.sent.append(message)

    async def close(self, why: Bye) -> None:
        self.bye = why

    @property
    def commands(self) -> list[tuple[str, str]]:
        """The kind and the id of each command that came."""
        return [(one.kind, one.id) for one in self.sent if isinstance(one, Command)]


def payment(house: House, holder: Holder, *, seconds: float = 60, **different: Any) -> model.Command:
    """A payment of ten euros, still queued."""
    now = house.runtime.clock.now()
    usual: dict[str, Any] = {
        "id": house.runtime.ids.new(),
        "tenant_id": holder.tenant_id,
        "location_id": holder.location_id,
        "kind": CommandKind.PAYMENT,
        "body": {"amount_minor": 1000, "currency": "EUR", "terminal": "front", "order_id": ""},
        "state": State.QUEUED,
        "created_at": now,
        "expires_at": now + timedelta(seconds=seconds),
        "created_by": "Olga Owner",
    }
    return model.Command(**(usual | different))


def answer(command_id: str, state: CommandState, outcome: str | None = None, **more: Any) -> CommandAnswer:
    """What a connector says; with an outcome, it shows the payment."""
    said: dict[str, Any] = {"id": command_id, "state": state, **more}
    if outcome is not None:
        said["result"] = PaymentResult.model_validate(
            {"payment_id": PAYMENT_ID, "outcome": outcome, "amount_minor": 1000, "currency": "EUR"}, strict=False
        )
    return CommandAnswer(**said)


def heartbeat(
    version: str = "1.2.3", clock: datetime = datetime(2026, 3, 14, 12, 0, tzinfo=UTC), **more: Any
) -> Heartbeat:
    usual = {"stations": (Station(name="front", health=StationHealth.READY, busy=False),)}
    return Heartbeat(version=version, clock=clock, **(usual | more))
