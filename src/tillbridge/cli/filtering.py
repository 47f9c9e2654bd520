"""What `tillbridge payments list` is asked for, as a filter of the journal."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tillbridge.cli.bodies import checked
from tillbridge.cli.errors import WrongWord
from tillbridge.connector.api.bodies import Name
from tillbridge.domain.errors import Code
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.journal.reading import Filter


class _Asked(BaseModel):
    """The options, each under its own name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind | None
    stage: Stage | None
    terminal: Name | None
    order: Name | None
    search: Name | None
    since: str | None


def wanted(**options: str | None) -> Filter:
    """The filter that these options describe. `WrongWord` names the one that is wrong."""
    asked = checked(_Asked, **options)
    return Filter(
        kind=asked.kind,
        stage=asked.stage,
        terminal=asked.terminal,
        order_id=asked.order,
        since=None if asked.since is None else _moment(asked.since),
        text=asked.search,
    )


def _moment(text: str) -> datetime:
    """A date or a moment; one without a zone is in this computer's time."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        detail = f"{text[:40]!r} is no moment such as 2026-03-01 or 2026-03-01T14:30"
        raise WrongWord(Code.FIELD_INVALID, detail, place="--since") from None
