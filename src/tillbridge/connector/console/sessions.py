"""Who is signed in at the console. Kept in memory only: a restart signs everybody out, a copy of the disk nobody in."""

import hmac
import random
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from tillbridge.runtime.effects import Clock

LASTS_SECONDS: Final = 12 * 3600.0
"""A working day: whoever opens the shop signs in once."""

MOST_SESSIONS: Final = 200
"""More than a shop has people and screens; beyond that the oldest is signed out."""

SECRET_BITS: Final = 256


@dataclass(frozen=True, slots=True)
class Session:
    """`id` lies in the browser's cookie, `form_token` in every form of its pages; `ends` is in monotonic seconds."""

    id: str
    form_token: str
    ends: float

    def owns(self, form_token: str | None) -> bool:
        """Whether a form came from one of this session's own pages."""
        return form_token is not None and hmac.compare_digest(self.form_token.encode(), form_token.encode())


class Sessions:
    """Everybody who is signed in."""

    def __init__(self, clock: Clock, chance: random.Random) -> None:
        self._clock = clock
        self._chance = chance
        self._open: OrderedDict[str, Session] = OrderedDict()

    def open(self) -> Session:
        """A new session."""
        session = Session(self._secret(), self._secret(), self._clock.monotonic() + LASTS_SECONDS)
        self._open[session.id] = session
        if len(self._open) > MOST_SESSIONS:
            self._open.popitem(last=False)
        return session

    def find(self, session_id: str | None) -> Session | None:
        """The session of this id, unless it has ended."""
        session = self._open.get(session_id or "")
        if session is not None and session.ends <= self._clock.monotonic():
            del self._open[session.id]
            return None
        return session

    def close(self, session: Session) -> None:
        """Signs out."""
        self._open.pop(session.id, None)

    def _secret(self) -> str:
        return f"{self._chance.getrandbits(SECRET_BITS):064x}"
