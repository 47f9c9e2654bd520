"""The state machine of an operation, as a table. The diagram in the docs is drawn from it.

Nothing leads out of a closed stage: what contradicts it later becomes an event and an alarm, never a silent change.
"""

from enum import StrEnum
from typing import Final, assert_never

from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, NotStarted, Outcome


class Cause(StrEnum):
    """What moves an operation from one stage to the next."""

    INTENT_ON_DISK = "intent_on_disk"
    ANSWER = "answer"
    NO_ANSWER = "no_answer"
    NOTHING_SENT = "nothing_sent"
    RESTART = "restart"
    LATE_ANSWER = "late_answer"
    INQUIRY = "inquiry"
    PERSON = "person"
    REVERSAL = "reversal"


_FINAL: Final = (Stage.APPROVED, Stage.DECLINED, Stage.ABORTED)
_CLOSED: Final = (*_FINAL, Stage.NOT_STARTED)

MOVES: Final[dict[tuple[Stage, Cause], tuple[Stage, ...]]] = {
    (Stage.ACCEPTED, Cause.INTENT_ON_DISK): (Stage.SENDING,),
    (Stage.ACCEPTED, Cause.NOTHING_SENT): (Stage.NOT_STARTED,),
    (Stage.ACCEPTED, Cause.RESTART): (Stage.NOT_STARTED,),
    (Stage.SENDING, Cause.ANSWER): _FINAL,
    (Stage.SENDING, Cause.NO_ANSWER): (Stage.IN_DOUBT,),
    (Stage.SENDING, Cause.NOTHING_SENT): (Stage.NOT_STARTED,),
    (Stage.SENDING, Cause.RESTART): (Stage.IN_DOUBT,),
    (Stage.IN_DOUBT, Cause.LATE_ANSWER): _FINAL,
    (Stage.IN_DOUBT, Cause.INQUIRY): _CLOSED,
    (Stage.IN_DOUBT, Cause.PERSON): (Stage.APPROVED, Stage.DECLINED),
    (Stage.IN_DOUBT, Cause.REVERSAL): (Stage.ABORTED,),
}


def answer_cause(outcome: Outcome) -> Cause:
    """Why an operation that was being sent ends in this outcome, when its own driver says so."""
    match outcome:
        case Approved() | Declined() | Aborted():
            return Cause.ANSWER
        case InDoubt():
            return Cause.NO_ANSWER
        case NotStarted():
            return Cause.NOTHING_SENT
        case _:
            assert_never(outcome)


def allowed_from(cause: Cause, target: Stage) -> tuple[Stage, ...]:
    """The stages that this cause can lead out of, into that one. Empty: the move does not exist."""
    return tuple(stage for (stage, why), targets in MOVES.items() if why is cause and target in targets)


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> accepted"]
    for (stage, cause), targets in MOVES.items():
        lines.extend(f"    {stage} --> {target}: {cause.replace('_', ' ')}" for target in targets)
    lines.extend(f"    {stage} --> [*]" for stage in _CLOSED)
    return "\n".join(lines) + "\n"
