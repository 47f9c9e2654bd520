"""What flows over the link connection: a WebSocket that the connector opens, with JSON texts that each have a `type`.

docs/reference/pairing-protocol.md, section 10. The two sides are updated apart, so a member that is not known here is
ignored, and so is a message of a type that is not; what is known has to be right.
"""

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, field_validator

from tillbridge.domain.card import CardUse
from tillbridge.domain.money import MAX_MINOR
from tillbridge.link.message_words import CommandKind, CommandState, Effect, Outcome, StationHealth, or_unknown

MAX_STATIONS: Final = 200
"""Terminals of one location."""

MAX_RESUMED: Final = 200
"""Commands that a connector has not finished when it comes back."""

MAX_WINDOWS: Final = 50
MAX_COUNT: Final = 10**9

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, Field(max_length=500)]
"""A sentence for people."""

Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:+-]+$")]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Protocol = Annotated[int, Field(ge=1, le=10_000)]
Seconds = Annotated[int, Field(ge=0, le=366 * 86_400)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)


class Station(_Part):
    """One terminal as the connector sees it; `busy` while a payment runs there."""

    name: Name
    health: Annotated[StationHealth, BeforeValidator(or_unknown(StationHealth))]
    busy: bool


class PaymentResult(_Part):
    """What became of a payment that the portal asked for. Amounts are minor units of `currency` (ISO 4217)."""

    payment_id: Id
    outcome: Annotated[Outcome, BeforeValidator(or_unknown(Outcome))]
    amount_minor: Annotated[int | None, Field(ge=0, le=MAX_MINOR)] = None
    currency: Annotated[str | None, Field(pattern=r"^[A-Z]{3}$")] = None
    masked_pan: Annotated[str | None, Field(max_length=19)] = None
    authorization_code: Annotated[str | None, Field(max_length=20)] = None
    receipt_number: Annotated[str | None, Field(max_length=40)] = None

    @field_validator("masked_pan")
    @classmethod
    def _is_masked(cls, masked: str | None) -> str | None:
        # Law 7: a whole card number is refused here, whichever way it got into a message.
        return CardUse(masked_pan=masked).masked_pan


class Hello(_Part):
    """Connector: the first message. `resume` names the commands that it took and has not finished."""

    type: Literal["hello"] = "hello"
    protocol: Protocol
    oldest: Protocol
    version: Word
    connector_id: Id
    stations: Annotated[tuple[Station, ...], Field(max_length=MAX_STATIONS)]
    resume: Annotated[tuple[Id, ...], Field(max_length=MAX_RESUMED)] = ()


class Heartbeat(_Part):
    """Connector: how it is, as often as the welcome asked for. `clock` is its own, in UTC.

    `oldest_unsent_seconds` is the age of the oldest thing that waits to be sent to the portal, None if nothing waits.
    """

    type: Literal["heartbeat"] = "heartbeat"
    version: Word
    stations: Annotated[tuple[Station, ...], Field(max_length=MAX_STATIONS)]
    clock: AwareDatetime
    oldest_unsent_seconds: Seconds | None = None
    unsent_count: Count = 0
    open_put_backs: Count = 0
    configuration_revision: Annotated[str | None, Field(max_length=64)] = None


class CommandAnswer(_Part):
    """Connector: where a command stands. `code` says why it was refused; `result` is there once it is done.

    `UNKNOWN` is a command that this connector has never seen: it was not carried out.
    """

    type: Literal["command_answer"] = "command_answer"
    id: Id
    state: CommandState
    code: Word | None = None
    result: PaymentResult | None = None
    answer: Annotated[dict[str, JsonValue] | None, Field(max_length=50)] = None


class Unpair(_Part):
    """Connector: somebody with the right has ended the link at the till."""

    type: Literal["unpair"] = "unpair"
    reason: Text = ""


class Window(_Part):
    """A planned maintenance of one component, in UTC."""

    component: Word
    start: AwareDatetime
    end: AwareDatetime
    effect: Annotated[Effect, BeforeValidator(or_unknown(Effect))]


class Maintenance(_Part):
    """The portal is under maintenance now, until the moment that is named, if one is known."""

    until: AwareDatetime | None = None
    reason: Text = ""


class LocationFacts(_Part):
    """The location as it is called now; both may have changed since the pairing."""

    number: Annotated[str, Field(pattern=r"^[0-9]{8}$")]
    name: Name


class Welcome(_Part):
    """Portal: the answer to a hello. It comes again when something in it has changed."""

    type: Literal["welcome"] = "welcome"
    protocol: Protocol
    oldest: Protocol
    version: Word
    server_time: AwareDatetime
    heartbeat_seconds: Annotated[int, Field(ge=5, le=600)]
    location: LocationFacts
    windows: Annotated[tuple[Window, ...], Field(max_length=MAX_WINDOWS)] = ()
    maintenance: Maintenance | None = None
    update_advice: Text = ""


class Command(_Part):
    """Portal: do this once, under this id, for ever. It is refused if it was not taken within `expires_in` seconds.

    `kind` is a text here, because a newer portal may ask for what this connector cannot do: it refuses then.
    `sent_at` is the portal's clock: a computer that slept with the message in its buffer sees how old it is.
    """

    type: Literal["command"] = "command"
    id: Id
    kind: Word
    body: Annotated[dict[str, JsonValue], Field(max_length=200)]
    expires_in: Seconds
    sent_at: AwareDatetime | None = None

    @property
    def known_kind(self) -> CommandKind | None:
        """What is asked, if this side knows it."""
        return next((kind for kind in CommandKind if kind == self.kind), None)


class Noted(_Part):
    """Portal: it has written down how this command ended, so that the connector need not tell it again."""

    type: Literal["noted"] = "noted"
    id: Id


class Notice(_Part):
    """Portal: something to know, such as a new window or a changed service; nothing has to be answered."""

    type: Literal["notice"] = "notice"
    code: Word
    text: Text = ""
    body: Annotated[dict[str, JsonValue], Field(max_length=200)] = Field(default_factory=dict)


class Bye(_Part):
    """Portal: the connection ends, and why; `retry_after` seconds are to pass before the next one."""

    type: Literal["bye"] = "bye"
    code: Word
    text: Text = ""
    retry_after: Seconds | None = None


FromConnector = Hello | Heartbeat | CommandAnswer | Unpair
FromPortal = Welcome | Command | Noted | Notice | Bye
