"""What a person signs a decision with: a name, and a reason."""

from typing import Final

from tillbridge.domain.errors import BridgeError, Code

MAX_PERSON_TEXT: Final = 500
"""A name or a reason is a line, not an essay: it is shown beside the payment for ever."""


def person_named(text: str, place: str = "by") -> str:
    """What a person wrote as a name or a reason; `BridgeError(FIELD_INVALID)` for nothing or an essay."""
    if not text.strip() or len(text) > MAX_PERSON_TEXT:
        raise BridgeError(Code.FIELD_INVALID, f"it takes 1 to {MAX_PERSON_TEXT} characters", place=place)
    return text.strip()


def signed(by: str, reason: str) -> dict[str, object]:
    """Name and reason as they go to the journal; `BridgeError(FIELD_INVALID)` as for each of them."""
    return {"by": person_named(by), "reason": person_named(reason, "reason")}
