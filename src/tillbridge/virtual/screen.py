"""The screens that one operation passes on the virtual terminal, driven by the event loop's timers."""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tillbridge.domain.operation import Progress


class Screen(StrEnum):
    """What a person in front of the terminal sees."""

    IDLE = "idle"
    WAITING_FOR_CARD = "waiting_for_card"
    WAITING_FOR_PIN = "waiting_for_pin"
    AUTHORIZING = "authorizing"
    PRINTING = "printing"
    ENDED = "ended"
    REBOOTING = "rebooting"


COURSE: Final = (
    (Screen.WAITING_FOR_CARD, 50),
    (Screen.WAITING_FOR_PIN, 25),
    (Screen.AUTHORIZING, 20),
    (Screen.PRINTING, 5),
)
"""Each screen with its share of the operation's whole time, in percent."""

BY_HAND: Final = frozenset({Screen.WAITING_FOR_CARD, Screen.WAITING_FOR_PIN})
"""The screens that wait for a person in a manual scenario."""

PROGRESS: Final = MappingProxyType(
    {
        Screen.WAITING_FOR_CARD: Progress.WAITING_FOR_CARD,
        Screen.WAITING_FOR_PIN: Progress.WAITING_FOR_PIN,
        Screen.AUTHORIZING: Progress.AUTHORIZING,
        Screen.PRINTING: Progress.PRINTING,
    }
)

HAND_PATIENCE: Final = 600.0
"""Seconds that a manual scenario waits for a person before the terminal gives up, so that none stays busy for ever."""


class Course:
    """One operation on its way through the screens.

    `show` is told each new screen. `leave` is told the screen that is over, and returns whether the course goes on.
    `gave_up` is called when a manual scenario got no card or PIN in time. All three are plain functions, called from
    the event loop; with no delay the whole course runs in one turn of it.
    """

    def __init__(
        self,
        seconds: float,
        by_hand: bool,
        show: Callable[[Screen], None],
        leave: Callable[[Screen], bool],
        gave_up: Callable[[], None],
    ) -> None:
        self._seconds = seconds
        self._by_hand = by_hand
        self._show = show
        self._leave = leave
        self._gave_up = gave_up
        self._at = 0
        self._timer: asyncio.Handle | None = None

    def begin(self) -> None:
        """Shows the first screen; everything else happens in later turns of the event loop."""
        self._show(COURSE[0][0])
        self._timer = asyncio.get_running_loop().call_soon(self._enter)

    def hurry(self, screen: Screen) -> bool:
        """Ends this screen now; False if another one is shown."""
        if self._timer is None or COURSE[self._at][0] is not screen:
            return False
        self._timer.cancel()
        self._next()
        return True

    def stop(self) -> None:
        """Nothing more happens."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _enter(self) -> None:
        while self._timer is not None:
            screen, share = COURSE[self._at]
            self._show(screen)
            loop = asyncio.get_running_loop()
            if self._by_hand and screen in BY_HAND:
                self._timer = loop.call_later(HAND_PATIENCE, self._gave_up)
                return
            if self._seconds > 0:
                self._timer = loop.call_later(self._seconds * share / 100, self._next)
                return
            self._step()

    def _next(self) -> None:
        self._step()
        self._enter()

    def _step(self) -> None:
        screen, _ = COURSE[self._at]
        if not self._leave(screen) or self._at + 1 == len(COURSE):
            self.stop()
        else:
            self._at += 1
