"""Commands and connectors as pages show them."""

from dataclasses import dataclass
from typing import Final

from tillbridge.link.message_words import CommandKind, Outcome, StationHealth
from tillbridge.portal.commands.model import Command, Equipment, State
from tillbridge.portal.links.model import Standing
from tillbridge.portal.locations.views import Badge, link_badge
from tillbridge.web.words import Moment, Words

_TONES: Final = {
    State.QUEUED: "running",
    State.GIVEN: "running",
    State.ACCEPTED: "running",
    State.RUNNING: "running",
    State.DONE: "good",
    State.REFUSED: "bad",
    State.EXPIRED: "calm",
}

_OUTCOMES: Final = {
    Outcome.APPROVED: "good",
    Outcome.DECLINED: "bad",
    Outcome.ABORTED: "calm",
    Outcome.NOT_STARTED: "calm",
    Outcome.IN_DOUBT: "alert",
    Outcome.UNKNOWN: "alert",
}

_HEALTH: Final = {
    StationHealth.READY: "good",
    StationHealth.BUSY: "running",
    StationHealth.SILENT: "alert",
    StationHealth.UNREACHABLE: "bad",
    StationHealth.UNKNOWN: "calm",
}


@dataclass(frozen=True, slots=True)
class StationRow:
    """A terminal of a location."""

    name: str
    badge: Badge


def standing_badge(words: Words, standing: Standing | None) -> Badge:
    """How a location's link stands, in one word."""
    return link_badge(words.t, None if standing is None else standing.state)


def badge_of(words: Words, command: Command) -> Badge:
    """Where a command stands; a payment that is over, or in doubt, by its outcome."""
    outcome = _outcome(command)
    if outcome is not None and (command.state is State.DONE or outcome is Outcome.IN_DOUBT):
        return Badge(_OUTCOMES[outcome], words.t(f"commands.outcome.{outcome}"))
    return Badge(_TONES[command.state], words.t(f"commands.state.{command.state}"))


def sentence_of(words: Words, command: Command) -> str:
    """What that means for whoever asked. Nothing in doubt is ever called a decline."""
    outcome = _outcome(command)
    if command.kind is CommandKind.PAYMENT and outcome is not None and command.state is not State.REFUSED:
        return words.t(f"commands.outcome.{outcome}.means")
    if command.state is State.REFUSED and words.t.has(key := f"commands.refused.{command.code}"):
        return words.t(key)
    kind = "payment" if command.kind is CommandKind.PAYMENT else "configuration"
    return words.t(f"commands.{kind}.{command.state}")


def in_force(words: Words, command: Command, equipment: Equipment | None) -> Moment | None:
    """Since when the settings of a command are in force, as the connector reports it; None if they are not."""
    revision = command.result.get("revision")
    if equipment is None or command.kind is not CommandKind.CONFIGURATION or command.state is not State.DONE:
        return None
    return words.moment(equipment.configuration_since) if equipment.configuration_revision == revision else None


def station_rows(words: Words, equipment: Equipment | None) -> list[StationRow]:
    """The terminals as they were last reported."""
    stations = () if equipment is None else equipment.stations
    return [
        StationRow(one.name, Badge(_HEALTH[health], words.t(f"commands.health.{health}")))
        for one in stations
        for health in (StationHealth.BUSY if one.busy else one.health,)
    ]


def _outcome(command: Command) -> Outcome | None:
    said = command.result.get("outcome")
    if not isinstance(said, str):
        return None
    return Outcome(said) if said in set(Outcome) else Outcome.UNKNOWN
