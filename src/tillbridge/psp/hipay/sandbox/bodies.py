"""The bodies and the answers of the sandbox's own paths, which no provider has."""

from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.psp.hipay.sandbox.answers import first
from tillbridge.psp.hipay.sandbox.faults import LONGEST_SECONDS, MOST_TIMES, Fault, Switch, switch
from tillbridge.psp.hipay.sandbox.hosted_deeds import Deed
from tillbridge.psp.hipay.sandbox.model import Message, Notice, Passed, Transaction
from tillbridge.psp.hipay.sandbox.notices import Digest, Style
from tillbridge.psp.hipay.sandbox.settings import Target, TerminalAnswer
from tillbridge.psp.hipay.sandbox.statuses import MESSAGES
from tillbridge.psp.hipay.sandbox.two_sources import Acquired, Context

ROWS_AT_ONCE: Final = 1000
"""Rows in one answer: a page that a person or a test can still read whole."""

USUAL_ROWS: Final = 100
HIGHEST: Final = 2**53

_Name = Annotated[str, Field(min_length=1, max_length=100)]


class Body(BaseModel):
    """A body without any field."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FaultBody(Body):
    """A switch to be put on."""

    fault: Fault
    times: Annotated[int, Field(ge=1, le=MOST_TIMES)] | None = None
    seconds: Annotated[float, Field(ge=0, le=LONGEST_SECONDS)] | None = None

    @property
    def switch(self) -> Switch:
        """As a value."""
        return switch(self.fault, self.times, self.seconds)


class AcquiredBody(Body):
    """What the acquirer says of an order."""

    order_id: _Name
    mid: Annotated[str, Field(max_length=100)] = ""
    context: Context = Context.STANDALONE
    authorized: bool = True

    @property
    def acquired(self) -> Acquired:
        """As a value."""
        return Acquired(self.order_id, self.mid, self.context, self.authorized)


class CollectBody(Body):
    """Without an order number everything is collected."""

    order_id: _Name | None = None
    mid: Annotated[str, Field(max_length=100)] = ""
    context: Context = Context.STANDALONE


class AnswerBody(Body):
    """What the terminal says."""

    answer: Literal[TerminalAnswer.APPROVE, TerminalAnswer.REFUSE, TerminalAnswer.EXPIRE]


class ChargebackBody(Body):
    """How far the chargeback is."""

    status: Literal[180, 181] = 180


class DeedBody(Body):
    """What a buyer does on a payment page."""

    deed: Deed


class TargetBody(Body):
    """Where notifications go from now on."""

    url: str | None
    style: Style = Style.FORM
    digest: Digest = Digest.SHA256

    @property
    def target(self) -> Target:
        """As a value; `BridgeError(WEBHOOK_REFUSED)` for an address that may not be."""
        return Target(self.url, self.style, self.digest)


B = TypeVar("B", bound=Body)


async def read_body(request: Request, model: type[B]) -> B:
    """The body as this model; an empty one is an empty object. `BridgeError` names the field that is wrong."""
    raw = await request.body()
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if wrong["type"] == "json_invalid":
            raise BridgeError(Code.BODY_INVALID, wrong["msg"]) from None
        place = str(wrong["loc"][0]) if wrong["loc"] else "body"
        raise BridgeError(Code.FIELD_INVALID, wrong["msg"], place=place) from None


def number(request: Request, name: str, default: int | None) -> int | None:
    """A whole number of the query; `BridgeError(FIELD_INVALID)` for anything else."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < len(str(HIGHEST))):
        raise BridgeError(Code.FIELD_INVALID, f"{name} is a whole number", place=name)
    return int(text)


def rows(request: Request) -> int:
    """How many rows are asked for, bounded."""
    return max(1, min(number(request, "limit", USUAL_ROWS) or USUAL_ROWS, ROWS_AT_ONCE))


def transaction_view(one: Transaction) -> dict[str, Any]:
    """A transaction as the gateway writes it, with what only the sandbox knows."""
    return {"seq": one.seq, "mode": one.mode, "order_id": one.order_id, "transaction": first(one)}


def step_view(passed: Passed, one: Transaction) -> dict[str, Any]:
    """A line of a transaction's history."""
    return {
        "at": passed.at.isoformat(),
        "status": int(passed.status),
        "message": MESSAGES[passed.status],
        "operation": passed.kind or None,
        "operation_id": passed.operation_id or None,
        "amount": None if passed.minor is None else Money(passed.minor, one.currency).major(),
    }


def notice_view(notice: Notice) -> dict[str, Any]:
    """A notification and what became of it."""
    return {
        "seq": notice.seq,
        "transaction_reference": notice.reference,
        "order_id": notice.order_id,
        "status": int(notice.status),
        "made": notice.made.isoformat(),
        "due": None if notice.due is None else notice.due.isoformat(),
        "attempts": notice.attempts,
        "delivery": notice.delivery,
        "said": notice.said,
        "fields": dict(notice.fields),
    }


def message_view(message: Message) -> dict[str, Any]:
    """What our own receiver was told."""
    return {
        "seq": message.seq,
        "at": message.at.isoformat(),
        "receiver": message.receiver,
        "message_id": message.message_id,
        "type": message.kind,
        "order_id": message.order_id,
        "amount": None if message.amount is None else str(message.amount),
        "transaction_reference": message.reference,
        "body": message.body,
    }


def faults_view(on: dict[Fault, Switch]) -> dict[str, Any]:
    """Every switch, and those that are on."""
    return {
        "known": list(Fault),
        "on": [{"fault": one.fault, "times": one.times, "seconds": one.seconds} for one in on.values()],
    }
