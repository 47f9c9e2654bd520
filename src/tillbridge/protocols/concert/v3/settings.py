"""What a person may set for Concert V3, on either side. Reasons: protocols/concert/README-V3.md, sections 5 and 6."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tillbridge.domain.money import BY_CODE
from tillbridge.protocols.concert.v3.personalities import PersonalityName
from tillbridge.transports.allow import BindHost, Networks, check_exposure
from tillbridge.transports.serial_line import SerialSettings

DEFAULT_PORT: Final = 8888
QUIET_SECONDS: Final = 0.3
"""How long a silence ends a message: integrations in the field use 0.25 to 0.8 seconds."""

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 180.0
"""How long a till waits for a payment: what most integrations wait, and what a person at a counter can bear."""

SERVICE_SECONDS: Final = 10.0
"""How long a till waits for a sign of life or a status: no customer stands between question and answer."""

INCOMPLETE_SECONDS: Final = 3.0
"""How long a door waits for the rest of a request before it says that something is missing: ten quiet times."""

Version = Literal["0300", "0301", "0310", "0320"]
ProtocolId = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
Quiet = Annotated[float, Field(ge=0.05, le=5.0)]


class Ticket(StrEnum):
    """Which slip the terminal is asked to send along."""

    NONE = "none"
    CUSTOMER = "customer"
    MERCHANT = "merchant"
    BOTH = "both"


TICKET_CODES: Final = {Ticket.CUSTOMER: "100", Ticket.MERCHANT: "110", Ticket.BOTH: "120"}
"""The three positions of CK: send it back, whose slip, and plain text instead of HTML."""


class DriverSettings(BaseModel):
    """A terminal that speaks Concert V3: at `host`:`port`, or on a serial line in the frames of V2.

    `trailing_crlf` ends requests with a line end, as Nepting's terminals are said to want it. `partial` allows BF to be
    sent at all; recent terminals choke on it. `cancel` says that this terminal runs CD 2. `ask_after_doubt` allows the
    status and duplicate requests, which not every terminal knows; neither moves money, the latter may print.
    `currencies` are ISO 4217 codes, None leaves it to the terminal. Times are seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = DEFAULT_PORT
    serial: SerialSettings | None = None
    version: Version = "0300"
    protocol_id: ProtocolId = "012345678901"
    ticket: Ticket = Ticket.NONE
    send_reference: bool = True
    application: Annotated[str, Field(pattern=r"^[0-9A-Z]{3}$")] | None = None
    partial: bool = False
    cancel: bool = False
    ask_after_doubt: bool = True
    currencies: frozenset[str] | None = None
    trailing_crlf: bool = False
    quiet_time: Quiet = QUIET_SECONDS
    connect_timeout: Annotated[float, Field(gt=0, le=60)] = CONNECT_SECONDS
    answer_timeout: Annotated[float, Field(ge=1, le=900)] = ANSWER_SECONDS
    service_timeout: Annotated[float, Field(ge=0.5, le=60)] = SERVICE_SECONDS

    @model_validator(mode="after")
    def _one_line(self) -> Self:
        if (self.host is None) == (self.serial is None):
            raise ValueError("give either host (and port) or serial, and not both")
        if self.serial is not None and self.trailing_crlf:
            raise ValueError("trailing_crlf is for TCP: the frames of a serial line carry no line ends")
        return self

    @model_validator(mode="after")
    def _known_currencies(self) -> Self:
        unknown = sorted((self.currencies or frozenset()) - BY_CODE.keys())
        if unknown:
            raise ValueError(f"not ISO 4217 currency codes: {', '.join(unknown)}")
        return self


class ProofOfDelivery(StrEnum):
    """What shows a door on TCP that its till has read the answer."""

    CLOSE = "close"  # the till closes the connection after the answer, and not before it
    WRITE = "write"  # the network took the answer: for tills that keep their connections, or half-close them early


class DoorSettings(BaseModel):
    """Where tills find the terminal that this door plays: at `host`:`port`, or on a serial line in the frames of V2.

    `bind` is another name for `host`. The wire has no password: beyond this computer `allow_from` lists the addresses
    or networks of the tills.
    That line is the port of `serial`, or a pty whose `pty` is the link to it. `name` stands for the till in what the
    desk keeps; without it the register's number does. `terminal` is the desk's terminal, None leaves the choice to the
    desk. `reference_is_order` takes the till's private field CF for its order number: right only for tills that never
    send the same one for two sales. `incomplete_time` is how long a request may pause before the door says that
    something is missing. Times are seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: BindHost = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = DEFAULT_PORT
    allow_from: Networks = ()
    serial: SerialSettings | None = None
    pty: Path | None = None
    name: Annotated[str | None, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")] = None
    terminal: str | None = None
    personality: PersonalityName = PersonalityName.PLAIN
    reference_is_order: bool = False
    proof_of_delivery: ProofOfDelivery = ProofOfDelivery.CLOSE
    quiet_time: Quiet = QUIET_SECONDS
    incomplete_time: Annotated[float, Field(ge=0.1, le=30)] = INCOMPLETE_SECONDS

    @model_validator(mode="after")
    def _one_line(self) -> Self:
        if self.serial is not None and self.pty is not None:
            raise ValueError("give either serial or pty, and not both")
        if self.serial is None and self.pty is None:
            check_exposure(self.host, self.allow_from)
        return self
