"""What stands between a connector and its portal, told apart: no network, no internet, no portal, or a refusal.

docs/reference/connector-portal.md, section 7. `PORTAL_UNREACHABLE` (X901) says that nothing was sent; where something
may have been, it is `PORTAL_SILENT` (X907) or `PORTAL_FAULT` (X906), and the outcome is unknown.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tillbridge.domain.errors import BridgeError, Code

LONGEST_DETAIL: Final = 300
"""Characters of a portal's own words that are kept."""

OVERDUE_SECONDS: Final = 300
"""The wait that is meant where a portal under maintenance names no end."""

LONGEST_WAIT: Final = 86_400

FIGURES: Final = frozenset({"balance", "min", "max", "tries_left", "until", "spent", "unspent"})
"""Further members of a refusal that are kept: the figures that a cashier is told."""

LONGEST_FIGURE: Final = 64

_CODES: Final = {code.value: code for code in Code}
_NONCE_ERROR: Final = "use_dpop_nonce"


class Cause(StrEnum):
    """Why nothing could be sent."""

    NO_NETWORK = "no_network"
    NO_INTERNET = "no_internet"
    PORTAL_DOWN = "portal_down"


class Unreachable(BridgeError):
    """Nothing was sent; `cause` says how far the way was open."""

    def __init__(self, cause: Cause, words: str) -> None:
        super().__init__(Code.PORTAL_UNREACHABLE, f"{cause}: {words}")
        self.cause = cause


class UnderMaintenance(BridgeError):
    """The portal is under maintenance; `until` is its end in UTC, None where nobody knows it."""

    def __init__(self, until: datetime | None, retry_after: int) -> None:
        super().__init__(Code.MAINTENANCE, retry_after=retry_after)
        self.until = until


@dataclass(frozen=True, slots=True)
class Answer:
    """What a portal answered. Header names are in lower case; `server_time` is its `Date`, in whole seconds of UTC."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def good(self) -> bool:
        """Whether it says that what was asked is done."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def server_time(self) -> datetime | None:
        """The portal's clock when it answered, if it said so."""
        try:
            found = parsedate_to_datetime(self.headers.get("date", ""))
        except (TypeError, ValueError):
            return None
        return None if found.tzinfo is None else found.astimezone(UTC)

    @property
    def retry_after(self) -> int | None:
        """Seconds that the portal asks to wait; a moment in this header is not read."""
        text = self.headers.get("retry-after", "")
        if not (text.isascii() and text.isdigit()) or len(text) > len(str(LONGEST_WAIT)):
            return None
        return min(int(text), LONGEST_WAIT)

    def json(self) -> dict[str, object]:
        """The body as one JSON object; an empty one for anything else."""
        try:
            whole = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return whole if isinstance(whole, dict) else {}


class _Problem(BaseModel):
    """The members of problem+json, or of an OAuth error, that are acted on."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    code: str = ""
    error: str = ""
    detail: str = ""
    error_description: str = ""
    place: str | None = None
    until: AwareDatetime | None = None
    retry_after: int | None = Field(default=None, ge=0, le=LONGEST_WAIT)


def refusal(answer: Answer) -> BridgeError:
    """What an answer means that is not a good one."""
    told = _told(answer)
    wait = told.retry_after if told.retry_after is not None else answer.retry_after
    code = _CODES.get(told.code) or _by_oauth(told.error) or _by_status(answer.status, wait)
    words = (told.detail or told.error_description)[:LONGEST_DETAIL]
    match code:
        case Code.MAINTENANCE:
            return UnderMaintenance(told.until, OVERDUE_SECONDS if wait is None else wait)
        case Code.PORTAL_UNREACHABLE:
            return Unreachable(Cause.PORTAL_DOWN, words or f"it answered {answer.status}")
        case Code.INTERNAL:
            # The portal's own fault is not one of this connector's.
            return BridgeError(Code.PORTAL_FAULT, words)
        case _:
            # A code has words of its own; only where there is none does the number of the answer say something.
            said = words if told.code in _CODES else words or f"it answered {answer.status}"
            return BridgeError(code, said, place=told.place, retry_after=wait, members=_figures(answer))


def _told(answer: Answer) -> _Problem:
    try:
        return _Problem.model_validate(answer.json())
    except ValidationError:
        return _Problem()


def _figures(answer: Answer) -> dict[str, object]:
    """The figures in a refusal; whatever else a portal may add is nothing that is acted on."""
    found = {name: value for name, value in answer.json().items() if name in FIGURES}
    return {
        name: value
        for name, value in found.items()
        if type(value) is int or (isinstance(value, str) and len(value) <= LONGEST_FIGURE)
    }


def _by_oauth(error: str) -> Code | None:
    return Code.NONCE_NEEDED if error == _NONCE_ERROR else None


def _by_status(status: int, retry_after: int | None) -> Code:
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Code.PORTAL_REFUSED
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Code.OVERLOADED
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return Code.OVERLOADED if retry_after is not None else Code.PORTAL_UNREACHABLE
        case HTTPStatus.BAD_GATEWAY | HTTPStatus.GATEWAY_TIMEOUT:
            # A proxy answers for a portal that may or may not have had the request.
            return Code.PORTAL_SILENT
        case _ if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return Code.PORTAL_UNREACHABLE
        case _:
            return Code.PORTAL_FAULT
