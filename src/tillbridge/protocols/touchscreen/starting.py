"""What the answer to a start proves: accepted, refused, or nothing (README, section 4)."""

from enum import StrEnum
from typing import Final

from tillbridge.domain.outcome import NotStarted, NotStartedReason
from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.touchscreen.line import HTTP_OK
from tillbridge.protocols.touchscreen.link import Ended, Heard
from tillbridge.protocols.touchscreen.messages import read_told
from tillbridge.protocols.touchscreen.profile import Meaning, Profile
from tillbridge.protocols.unheard import Lost, NotSent


class Taken(StrEnum):
    """Whether the terminal has said that it works on the operation."""

    ACCEPTED = "accepted"
    UNCLEAR = "unclear"


_REFUSED: Final = {
    Meaning.BUSY: NotStarted(NotStartedReason.TERMINAL_BUSY, "the terminal is busy"),
    Meaning.PASSWORD: NotStarted(
        NotStartedReason.TERMINAL_REFUSED_MESSAGE, "the terminal refuses the password, or is busy"
    ),
    Meaning.REJECTED: NotStarted(NotStartedReason.TERMINAL_REFUSED_MESSAGE, "the terminal does not take the request"),
}


def read_start(ended: Ended, wire_reference: str, profile: Profile, *, unsupported: bool) -> Taken | NotStarted:
    """What became of a start that was sent once. Only a plain refusal proves that nothing was started."""
    if unsupported:
        return NotStarted(NotStartedReason.TERMINAL_REFUSED_MESSAGE, "the terminal no longer speaks this version")
    match ended:
        case NotSent(reason=reason, detail=detail):
            return NotStarted(reason, detail)
        case Lost():
            return Taken.UNCLEAR
        case Heard(status=status, body=body) if status == HTTP_OK:
            return _told(body, wire_reference, profile)
        case Heard(status=status):
            return _REFUSED.get(profile.http.start.get(str(status), Meaning.UNKNOWN), Taken.UNCLEAR)


def _told(body: bytes, wire_reference: str, profile: Profile) -> Taken | NotStarted:
    try:
        told = read_told(body, profile, profile.answer.started)
    except ProtocolError:
        return Taken.UNCLEAR
    if told.id is not None and told.id.casefold() != wire_reference.casefold():
        return Taken.UNCLEAR
    if told.flag is False:
        # Busy, a wrong password and a refusal look alike here: the terminal's own text is all that there is.
        return NotStarted(NotStartedReason.TERMINAL_REFUSED_MESSAGE, f"the terminal says: {told.status or 'nothing'}")
    return Taken.ACCEPTED if told.flag else Taken.UNCLEAR
