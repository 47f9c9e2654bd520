"""What the portal asks of a connector, and what a connector says of itself (docs/explanation/link.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from pydantic import JsonValue

from tillbridge.link.message_words import CommandKind, Outcome
from tillbridge.link.messages import Heartbeat, Station

Facts = dict[str, JsonValue]
"""What a command carries, as it travels."""

UNSTARTED_LASTS: Final = timedelta(seconds=60)
"""A payment that no connector has taken by then is not started any more: whoever asked has gone on."""

CONFIGURATION_LASTS: Final = timedelta(days=7)
"""A configuration waits for a connector that is switched off over a holiday."""


class State(StrEnum):
    """Where a command stands.

    `GIVEN` means that it left for the connector and nothing came back yet: whether it was taken is not known.
    """

    QUEUED = "queued"
    GIVEN = "given"
    ACCEPTED = "accepted"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"

    @property
    def over(self) -> bool:
        """Whether nothing of it can change any more."""
        return self in _OVER

    @property
    def out(self) -> bool:
        """Whether the connector may have it, and has not said how it ended."""
        return self in OUT


OUT: Final = frozenset({State.GIVEN, State.ACCEPTED, State.RUNNING})
_OVER: Final = frozenset({State.DONE, State.REFUSED, State.EXPIRED})
_NOTHING_DONE: Final = frozenset({State.REFUSED, State.EXPIRED})
_PAYMENT: Final = "payment_id"
_OUTCOME: Final = "outcome"


@dataclass(frozen=True, slots=True)
class Command:
    """A command and where it stands. `result` is a `PaymentResult` of the link as a document, or what else was said."""

    id: str
    tenant_id: str
    location_id: str
    kind: CommandKind
    body: Facts
    state: State
    created_at: datetime
    expires_at: datetime
    created_by: str
    given_at: datetime | None = None
    answered_at: datetime | None = None
    code: str = ""
    result: Facts = field(default_factory=dict)


def follows(found: Command, said: State, result: Mapping[str, JsonValue]) -> bool:
    """Whether a command that stands so can be in the state that its connector says now.

    Nothing goes backwards. A payment is evidence: one that the connector shows counts also where "nothing was done" is
    written (two computers with one key may say both), and one that is in doubt is never taken for not started.
    """
    evidence = _PAYMENT in result
    match said:
        case State.ACCEPTED:
            return found.state is State.GIVEN
        case State.RUNNING | State.DONE:
            return found.state in OUT or (evidence and found.state in _NOTHING_DONE)
        case State.REFUSED | State.EXPIRED:
            return found.state in OUT and found.result.get(_OUTCOME) != Outcome.IN_DOUBT
        case State.QUEUED | State.GIVEN:
            return False
        case _:
            assert_never(said)


@dataclass(frozen=True, slots=True)
class Report:
    """A heartbeat as it came in; `at` by the portal's clock, `skew_seconds` is how far the connector's is ahead."""

    location_id: str
    link_id: str
    at: datetime
    skew_seconds: int
    heartbeat: Heartbeat


@dataclass(frozen=True, slots=True)
class Equipment:
    """The terminals of a location as its connector last reported them, and the configuration that it has in force.

    `configuration_since` is when it was first reported in force.
    """

    at: datetime
    stations: tuple[Station, ...]
    configuration_revision: str
    configuration_since: datetime


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose connection it is: the link with its location and merchant."""

    link_id: str
    location_id: str
    tenant_id: str
