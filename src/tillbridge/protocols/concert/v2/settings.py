"""What a person may set for Concert V2, on either side. Reasons: protocols/concert/README.md, sections 5 and 6."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tillbridge.protocols.concert.v2.machine import Count, Deadline
from tillbridge.protocols.concert.v2.messages import Dialect
from tillbridge.transports.allow import BindHost, Networks, check_exposure
from tillbridge.transports.serial_line import SerialSettings, is_pty

ACK_SECONDS: Final = 3.0
"""For one byte that answers ENQ or a frame: the longest that integrations in the field wait."""

BYTE_SECONDS: Final = 3.0
"""For a frame that is due: the longest one takes 4.3 s at 1200 baud, but each byte of it starts this wait afresh."""

PAUSE_SECONDS: Final = 1.0
"""Between EOT and the next ENQ."""

TRANSACTION_SECONDS: Final = 180.0
"""For the customer: beyond what most integrations wait, and what a person at a counter can bear."""

HOLD_SECONDS: Final = 3.0
"""For whoever keeps a late reply: a terminal waits no longer for its acknowledgement."""

EOT_SECONDS: Final = 3.0
"""For the EOT that ends a session; without it the session is over too."""

ATTEMPTS: Final = 3
"""How often ENQ, a frame or a NAK is sent; three is what protocols of this family normally do."""

COLLISIONS: Final = 3
"""Late replies taken before one request: a terminal that always has another one cannot be asked for anything."""

TURNAROUND_SECONDS: Final = 0.05
"""Before each answer on a real serial port: the other side needs time to turn from sending to hearing."""

Seconds = Annotated[float, Field(gt=0, le=900)]
Attempts = Annotated[int, Field(ge=1, le=10)]
Port = Annotated[int, Field(ge=1, le=65535)]
Turnaround = Annotated[float, Field(ge=0, le=1)]
Register = Annotated[str, Field(pattern=r"^(0[1-9]|[1-9][0-9])$")]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Timers(_Settings):
    """The named waits of both roles in seconds, and how often something is tried."""

    ack: Seconds = ACK_SECONDS
    byte: Seconds = BYTE_SECONDS
    pause: Seconds = PAUSE_SECONDS
    transaction: Seconds = TRANSACTION_SECONDS
    hold: Seconds = HOLD_SECONDS
    eot: Seconds = EOT_SECONDS
    enq_attempts: Attempts = ATTEMPTS
    frame_attempts: Attempts = ATTEMPTS
    nak_limit: Attempts = ATTEMPTS

    @property
    def waits(self) -> Mapping[Deadline, float]:
        """How long each wait is."""
        return {
            Deadline.ACK: self.ack,
            Deadline.BYTE: self.byte,
            Deadline.PAUSE: self.pause,
            Deadline.TRANSACTION: self.transaction,
            Deadline.HOLD: self.hold,
            Deadline.EOT: self.eot,
        }

    @property
    def limits(self) -> Mapping[Count, int]:
        """How many times end a count. All NAKs are sent, so that the other side reaches its own limit first."""
        return {
            Count.ENQ: self.enq_attempts,
            Count.FRAME: self.frame_attempts,
            Count.NAK: self.nak_limit + 1,
            Count.COLLISION: COLLISIONS + 1,
        }


class TerminalAddress(_Settings):
    """A terminal that speaks the V2 dialogue over TCP, a maker's extension without a customary port."""

    host: Annotated[str, Field(min_length=1, max_length=255)]
    port: Port


class ListenAddress(_Settings):
    """Where a door listens (`bind` is another name for `host`). With port 0 the system chooses one.

    The wire has no password: beyond this computer `allow_from` lists the addresses or networks of the tills.
    """

    host: BindHost = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)]
    allow_from: Networks = ()

    @model_validator(mode="after")
    def _not_open_to_all(self) -> Self:
        check_exposure(self.host, self.allow_from)
        return self


class DriverSettings(_Settings):
    """A terminal that speaks Concert V2, on a serial line or over TCP.

    `register` replaces the till's own number where the terminal insists on one. `ask_card_report` asks for the card
    number, which is masked as it comes in; off by default, so that none comes at all. `nepting_receipt` adds the block
    T012 and asks for the long reply, behind which the receipt comes. `turnaround` is the pause in seconds before each
    answer; None means 50 ms on a real serial port and none on a pty or TCP.
    """

    dialect: Dialect = Dialect.E_PLUS
    serial: SerialSettings | None = None
    tcp: TerminalAddress | None = None
    register_number: Annotated[Register | None, Field(alias="register")] = None
    ask_card_report: bool = False
    nepting_receipt: bool = False
    turnaround: Turnaround | None = None
    timers: Timers = Timers()

    @model_validator(mode="after")
    def _one_line(self) -> Self:
        if (self.serial is None) == (self.tcp is None):
            raise ValueError("give either serial or tcp, and not both")
        return self


class DoorSettings(_Settings):
    """A door for tills that speak Concert V2: on a serial port, on a pty whose `pty` is the link to it, or over TCP.

    `name` stands for the till in what the desk keeps; without it the register's number does. `terminal` is the desk's
    terminal that this door leads to, None leaves the choice to the desk. `dialect` None takes E and E+ alike, as their
    lengths tell them apart; otherwise a body of the other one is refused.
    """

    name: Annotated[str | None, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")] = None
    terminal: str | None = None
    serial: SerialSettings | None = None
    pty: Path | None = None
    tcp: ListenAddress | None = None
    dialect: Dialect | None = None
    turnaround: Turnaround | None = None
    timers: Timers = Timers()

    @model_validator(mode="after")
    def _one_line(self) -> Self:
        if sum(line is not None for line in (self.serial, self.pty, self.tcp)) != 1:
            raise ValueError("give exactly one of serial, pty and tcp")
        return self


def turnaround(settings: DriverSettings | DoorSettings) -> float:
    """The pause before each answer: what the settings say, or what the line needs."""
    if settings.turnaround is not None:
        return settings.turnaround
    real_port = settings.serial is not None and not is_pty(settings.serial.port)
    return TURNAROUND_SECONDS if real_port else 0.0
