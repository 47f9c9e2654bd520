"""A profile: what is known of one maker's REST wire, as a file of data (README, section 3).

The flow lives in the driver and the door, every path, name, code and time in the profile. So a newly learned fact is an
edit of a file, and another maker's wire of the same kind is another file.
"""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from tillbridge.domain.card import EntryMode
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import MAX_MINOR
from tillbridge.domain.operation import Kind, Progress
from tillbridge.domain.outcome import AbortedBy, DeclineReason

MAX_FILE: Final = 256 * 1024
"""Bytes of a profile; ours has five KB. A larger file is not what was meant."""

SHOWN_ERRORS: Final = 5
"""So many mistakes of a profile are named at once: enough to go on with, few enough to read."""

Text = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)]
Base = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]{0,98}[A-Za-z0-9._-]$")]
UrlPath = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{0,100}$")]
Seconds = Annotated[float, Field(gt=0, le=900)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Placement(StrEnum):
    """Where the secret travels."""

    BODY = "body"
    HEADER = "header"
    BASIC = "basic"
    NONE = "none"


class Secret(_Part):
    """`field` is the name in the body or of the header; for HTTP Basic it is the login."""

    value: SecretStr = SecretStr("")
    placement: Placement = Placement.BODY
    field: Text = "secureString"


class Probe(_Part):
    """How a version of the wire is asked for, and how a terminal says that it lacks it."""

    path: UrlPath = "info"
    unsupported_status: Annotated[int, Field(ge=400, le=599)] = 404
    unsupported_text: str = ""


class Identity(_Part):
    """Under which keys `info` may name the terminal."""

    terminal_id: Names
    version: Names
    name: Names


class IdStyle(StrEnum):
    """How an operation's id is written."""

    UUID = "uuid"
    PLAIN = "plain"


class AmountStyle(StrEnum):
    """How an amount is written in a request."""

    MINOR_NUMBER = "minor_number"
    DECIMAL_TEXT = "decimal_text"


class CurrencyStyle(StrEnum):
    """How a currency is written in a request."""

    NUMBER = "number"
    NUMERIC_TEXT = "numeric_text"
    ALPHA = "alpha"


class Envelope(StrEnum):
    """Whether the fields of a request stand in an object of their own."""

    FLAT = "flat"
    NESTED = "nested"


class Id(_Part):
    """`max_length` is the longest id that a door takes."""

    style: IdStyle = IdStyle.UUID
    max_length: Annotated[int, Field(ge=32, le=128)] = 64


class Amount(_Part):
    """`max_minor` is the largest amount that is sent, in minor units."""

    style: AmountStyle = AmountStyle.MINOR_NUMBER
    max_minor: Annotated[int, Field(ge=1, le=MAX_MINOR)] = MAX_MINOR


class CurrencyOf(_Part):
    """How a request writes its currency."""

    style: CurrencyStyle = CurrencyStyle.NUMBER


class Op(StrEnum):
    """The operations of this wire: those that move money, and those that ask about them."""

    SALE = "sale"
    REFUND = "refund"
    VOID = "void"
    RECONCILIATION = "reconciliation"
    AUTHORIZATION = "authorization"
    CAPTURE = "capture"
    STATUS = "status"
    RESULT = "result"
    CONFIRM = "confirm"
    CANCEL = "cancel"
    TERMINAL = "terminal"


STARTS: Final[Mapping[Kind, Op]] = {
    Kind.SALE: Op.SALE,
    Kind.REFUND: Op.REFUND,
    Kind.VOID: Op.VOID,
    Kind.RECONCILIATION: Op.RECONCILIATION,
    Kind.AUTHORIZATION: Op.AUTHORIZATION,
    Kind.CAPTURE: Op.CAPTURE,
}

NEEDED: Final = (Op.SALE, Op.STATUS, Op.RESULT)
"""Without these no payment can be taken and followed."""


class Operation(_Part):
    """`limit` is how long the operation may take at the terminal, in seconds."""

    path: UrlPath = ""
    enabled: bool = True
    envelope: Envelope = Envelope.FLAT
    limit: Seconds = 120.0

    @model_validator(mode="after")
    def _has_path(self) -> Self:
        if self.enabled and not self.path:
            raise ValueError("an operation that is enabled needs its path")
        return self


class RequestNames(_Part):
    """Names of fields in requests."""

    nested: Text
    id: Text
    parent_id: Text
    amount: Text
    currency: Text
    invoice: Text
    sub_merchant: Text
    confirm: Text
    check_online: Text


class AnswerNames(_Part):
    """Names of fields in every answer but a result."""

    id: Names
    status: Names
    started: Names
    confirmed: Names
    time: Names
    online: Names
    online_text: Names


class ResultNames(_Part):
    """Names of fields in a result."""

    kind: Names
    code: Names
    message: Names
    time: Names
    amount: Names
    currency: Names
    pan: Names
    entry: Names
    aid: Names
    application: Names
    cvm: Names
    authorization: Names
    reference: Names
    contract: Names
    call_reversal: Names
    reversed: Names
    totals: Names


class Column(_Part):
    """One column of a closing's totals."""

    count: Names
    amount: Names


class TotalsNames(_Part):
    """Names in a closing's totals."""

    debits: Column
    credits: Column
    adjustments: Column


class States(_Part):
    """`ended` are the texts that mean the end, in any case; `progress` what some others mean. Unlisted: running."""

    ended: Names
    progress: Mapping[Text, Progress] = Field(default_factory=dict)


class Codes(_Part):
    """What a result's code means; an unlisted one is a refusal without a reason."""

    approved: Names
    signature: tuple[Text, ...] = ()
    unknown: tuple[Text, ...] = ()
    aborted: Mapping[Text, AbortedBy] = Field(default_factory=dict)
    declined: Mapping[Text, DeclineReason] = Field(default_factory=dict)


class AckOrder(StrEnum):
    """When a till confirms an operation."""

    AFTER_RESULT = "after_result"
    BEFORE_RESULT = "before_result"
    NONE = "none"


class Ack(_Part):
    """`value` is what the confirmation says."""

    order: AckOrder = AckOrder.AFTER_RESULT
    value: bool = True


class UnknownId(_Part):
    """How a terminal says that it does not know an id. Empty: nobody knows, so that no answer proves it."""

    statuses: tuple[Annotated[int, Field(ge=200, le=599)], ...] = ()
    texts: tuple[Text, ...] = ()


class Meaning(StrEnum):
    """What an HTTP status means where it is not 200."""

    PASSWORD = "password"  # noqa: S105 - a word of the profile
    BUSY = "busy"
    REJECTED = "rejected"
    ABSENT = "absent"
    UNKNOWN = "unknown"


Meanings = Mapping[Annotated[str, Field(pattern=r"^[1-5][0-9]{2}$")], Meaning]


class Http(_Part):
    """What HTTP statuses mean: in the answer to a start, to a question, to a confirmation. Unlisted: unknown."""

    start: Meanings = Field(default_factory=dict)
    ask: Meanings = Field(default_factory=dict)
    confirm: Meanings = Field(default_factory=dict)


class Timing(_Part):
    """Seconds: between two questions, for a connect, for an answer, and more (README, section 5).

    `silence` is how long nothing sensible may be heard of an operation, `grace` how long one is followed after its
    limit, `search` how long one address is tried in a search.
    """

    poll: Seconds = 0.5
    connect: Seconds = 3.0
    read: Seconds = 10.0
    silence: Seconds = 30.0
    grace: Seconds = 20.0
    search: Seconds = 1.0


class Profile(_Part):
    """Everything that differs between makers of such a wire."""

    name: Text
    port: Annotated[int, Field(ge=1, le=65535)]
    bases: Annotated[tuple[Base, ...], Field(min_length=1, max_length=20)]
    secret: Secret
    probe: Probe
    identity: Identity
    id: Id
    amount: Amount
    currency: CurrencyOf
    operations: Mapping[Op, Operation]
    request: RequestNames
    answer: AnswerNames
    result: ResultNames
    totals: TotalsNames
    states: States
    codes: Codes
    entries: Mapping[Text, EntryMode] = Field(default_factory=dict)
    ack: Ack = Ack()
    unknown_id: UnknownId = UnknownId()
    http: Http = Http()
    timing: Timing = Timing()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = [op.value for op in NEEDED if not self.has(op)]
        if missing:
            raise ValueError(f"operations: a payment needs {', '.join(missing)}")
        if self.ack.order is not AckOrder.NONE and not self.has(Op.CONFIRM):
            raise ValueError("ack: there is no operation to confirm with")
        taken = [operation.path for operation in self.operations.values() if operation.enabled]
        if len(set(taken)) != len(taken) or self.probe.path in taken:
            raise ValueError("operations: two of them have the same path")
        return self

    def has(self, op: Op) -> bool:
        """Whether this operation can be asked for."""
        return op in self.operations and self.operations[op].enabled

    def version_of(self, base: str) -> str:
        """The short name of a base: what follows its last slash."""
        return base.rpartition("/")[2]


def read_profile(text: str, place: str) -> Profile:
    """The profile of a TOML text; `BridgeError(SETTINGS_INVALID)` names `place`, and line or key, if it is none."""
    try:
        return Profile.model_validate(tomllib.loads(text), strict=False)
    except tomllib.TOMLDecodeError as error:
        raise BridgeError(Code.SETTINGS_INVALID, f"this is no TOML: {error}", place=place) from None
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[:SHOWN_ERRORS]
        said = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the profile'}: {one['msg']}" for one in found)
        raise BridgeError(Code.SETTINGS_INVALID, said, place=place) from None


@cache
def built_in(name: str = "gsa") -> Profile:
    """A profile that ships with the program."""
    shipped = resources.files(__package__).joinpath("profiles", f"{name}.toml")
    return read_profile(shipped.read_text(encoding="utf-8"), f"{name}.toml")


def profile_of(path: Path | None) -> Profile:
    """The profile of this file, the built-in one without; `BridgeError(SETTINGS_INVALID)` names what is wrong."""
    if path is None:
        return built_in()
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise BridgeError(Code.SETTINGS_INVALID, f"cannot be read: {error.strerror}", place=str(path)) from None
    if len(raw) > MAX_FILE:
        raise BridgeError(Code.SETTINGS_INVALID, f"a profile is limited to {MAX_FILE} bytes", place=str(path))
    try:
        return read_profile(raw.decode(), str(path))
    except UnicodeDecodeError:
        raise BridgeError(Code.SETTINGS_INVALID, "a profile is written in UTF-8", place=str(path)) from None
