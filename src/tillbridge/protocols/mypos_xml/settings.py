"""What a person may set for myPOS XML, on either side. Reasons: protocols/mypos_xml/README.md, sections 4, 6 and 7."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tillbridge.domain.money import BY_CODE, Currency
from tillbridge.protocols.mypos_xml.amounts import decimals_of
from tillbridge.protocols.mypos_xml.documents import Layout
from tillbridge.protocols.mypos_xml.framing import Encoding
from tillbridge.protocols.mypos_xml.messages import Copy
from tillbridge.transports.allow import BindHost, Networks, check_exposure
from tillbridge.transports.bluetooth import BluetoothAddress, BluetoothService
from tillbridge.transports.serial_line import SerialSettings

DEFAULT_PORT: Final = 51042
ANSWER_SECONDS: Final = 180.0
"""How long a till waits for an answer: a customer, a card and a PIN stand between. No source gives a figure."""

LISTEN_SECONDS: Final = 0.002
"""Before a request, for bytes that are there already: a look, and no wait that a customer could notice."""

LISTEN_AFTER_DOUBT_SECONDS: Final = 0.5
"""The same while an earlier answer may still be on its way: long enough for a terminal in the same building."""

PATIENCE_SECONDS: Final = 600.0
"""How long a door keeps its till waiting. Longer than any till waits, because a till that hears "unknown" early would
miss an outcome that comes a moment later."""

Port = Annotated[int, Field(ge=0, le=65535)]
Host = Annotated[str, Field(min_length=1, max_length=255)]
Decimals = Annotated[int, Field(ge=0, le=4)]


def _known_currency(code: str) -> str:
    if code not in BY_CODE:
        raise ValueError(f"{code[:10]!r} is not an ISO 4217 currency code such as EUR")
    return code


CurrencyCode = Annotated[str, AfterValidator(_known_currency)]


class _Money(BaseModel):
    """The wire names no currency and no number of decimals: both sides have to be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: CurrencyCode
    decimals: Decimals | None = None

    @property
    def unit(self) -> Currency:
        """The one currency of this terminal."""
        return BY_CODE[self.currency]

    @property
    def written_decimals(self) -> int:
        """How many decimals an amount is written with."""
        return decimals_of(self.unit, self.decimals)

    @model_validator(mode="after")
    def _no_more_decimals(self) -> Self:
        if self.written_decimals > self.unit.exponent:
            raise ValueError(f"{self.currency} has only {self.unit.exponent} decimals")
        return self


class DriverSettings(_Money):
    """A terminal that runs the payment interface: at `host`:`port`, over Bluetooth, or on a paired serial port.

    `currency` is the terminal's own, `decimals` how many its amounts are written with (None: what the currency has,
    whole forints for HUF). `refund_enabled` and `preauth_enabled` say that the account at myPOS allows them. `receipt`
    and `custrcpt` ask for the merchant's and the customer's slip. `keep_alive` keeps the line open between requests,
    for terminals that want their button pressed again otherwise; `half_close` says after each request that no more
    follows. `failed_is_unknown` takes the status 3 for an unknown outcome. `fastest_approval` is how soon an approval
    can come at the earliest: a sooner one is taken for the answer to an earlier request, and 0 believes it.
    `probe_by_connecting` lets the sign of life open a connection, which on some terminals uses up a press of the
    button. `connect_timeout` None is 5 over TCP and 15 over Bluetooth. Times are seconds.
    """

    host: Host | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = DEFAULT_PORT
    bluetooth: BluetoothAddress | None = None
    serial: SerialSettings | None = None
    refund_enabled: bool = False
    preauth_enabled: bool = False
    receipt: Copy = Copy.OFF
    custrcpt: Copy = Copy.OFF
    keep_alive: bool = False
    half_close: bool = False
    layout: Layout = Layout.ONE_LINE
    failed_is_unknown: bool = False
    fastest_approval: Annotated[float, Field(ge=0, le=10)] = 0.0
    probe_by_connecting: bool = False
    connect_timeout: Annotated[float, Field(gt=0, le=60)] | None = None
    answer_timeout: Annotated[float, Field(ge=1, le=900)] = ANSWER_SECONDS
    listen_before: Annotated[float, Field(ge=0, le=10)] = LISTEN_SECONDS
    listen_after_doubt: Annotated[float, Field(ge=0, le=10)] = LISTEN_AFTER_DOUBT_SECONDS

    @model_validator(mode="after")
    def _one_line(self) -> Self:
        if sum(line is not None for line in (self.host, self.bluetooth, self.serial)) != 1:
            raise ValueError("give exactly one of host (and port), bluetooth and serial")
        if self.half_close and (self.keep_alive or self.serial is not None):
            raise ValueError("half_close ends each connection: it goes with neither keep_alive nor serial")
        return self


class ProofOfDelivery(StrEnum):
    """What shows a door that its till has read the answer."""

    CLOSE = "close"  # the till closes the connection after the answer, or asks for something else on it
    WRITE = "write"  # the line took the answer: for tills that keep their connections, or half-close them early


class Button(StrEnum):
    """Whether the operator has pressed the terminal's button for this way of connecting; a simulator's switch."""

    PRESSED = "pressed"
    EACH_TIME = "each_time"  # once for every connection: after its end the next one is refused for a moment
    NOT_PRESSED = "not_pressed"  # every connection is refused


class Second(StrEnum):
    """What becomes of a connection while another one is open."""

    SERVED = "served"  # the desk says what a second payment means
    REFUSED = "refused"
    IGNORED = "ignored"  # taken, and never answered


class Personality(BaseModel):
    """How this terminal spells and behaves, where that is not known of the real ones; README.md, section 8.

    `end_tag_blanks` puts a blank before `>` in the end tags of completions and cancellations, as the maker's page has
    it, `failure_blanks` also behind `<` of a failed completion, which is not well-formed. `declaration` begins answers
    with an XML declaration. `keep_alive` False closes after each answer. `preauth_refusal` is the status for a code
    that stands for nothing that could be completed or cancelled.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: Layout = Layout.LINES
    declaration: bool = False
    end_tag_blanks: bool = True
    failure_blanks: bool = False
    bad_xml_encoding: Encoding = Encoding.UTF_8
    keep_alive: bool = True
    button: Button = Button.PRESSED
    second: Second = Second.SERVED
    preauth_refusal: Literal[3, 5] = 5


class DoorSettings(_Money):
    """A door for tills that speak myPOS XML: at `host`:`port`, on a Bluetooth channel, a serial port or a pty.

    `bind` is another name for `host`. The currency is this door's, because the wire names none. `allow_from` are the
    addresses or networks of the tills that may use the TCP port. `name` stands for the till in what the desk keeps.
    `terminal` is the desk's terminal, None leaves the choice to the desk. `patience` is how many seconds a till waits
    before it hears that nothing is known.
    """

    host: BindHost = "127.0.0.1"
    port: Port = DEFAULT_PORT
    allow_from: Networks = ()
    bluetooth: BluetoothService | None = None
    serial: SerialSettings | None = None
    pty: Path | None = None
    name: Annotated[str | None, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")] = None
    terminal: str | None = None
    refund_enabled: bool = True
    preauth_enabled: bool = True
    proof_of_delivery: ProofOfDelivery = ProofOfDelivery.CLOSE
    patience: Annotated[float, Field(ge=1, le=3600)] = PATIENCE_SECONDS
    personality: Personality = Personality()

    @model_validator(mode="after")
    def _one_line(self) -> Self:
        lines = sum(line is not None for line in (self.bluetooth, self.serial, self.pty))
        if lines > 1:
            raise ValueError("give at most one of bluetooth, serial and pty")
        if lines == 0:
            check_exposure(self.host, self.allow_from)
        return self
