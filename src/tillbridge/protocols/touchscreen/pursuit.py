"""Follows one operation that may be running at the terminal to its end, by its id (README, sections 3 and 4).

Every question here can be asked as often as one likes: none of them starts anything.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from tillbridge.domain.operation import Progress
from tillbridge.domain.outcome import DoubtReason, InDoubt, NotStarted, NotStartedReason, Outcome
from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.touchscreen.judgement import Asked, judge
from tillbridge.protocols.touchscreen.line import HTTP_OK, Line
from tillbridge.protocols.touchscreen.link import Heard
from tillbridge.protocols.touchscreen.messages import (
    confirm_body,
    is_ended,
    one_line,
    question_body,
    read_result,
    read_told,
)
from tillbridge.protocols.touchscreen.profile import AckOrder, Meaning, Op, Profile
from tillbridge.protocols.unheard import Lost, NotSent

log = structlog.get_logger(__name__)

CLOSED: Final = InDoubt(DoubtReason.CONNECTOR_STOPPED, "the line was given up before the result")


class State(StrEnum):
    """What a status shows."""

    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN_ID = "unknown_id"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Said:
    """A status: its text while it runs, else what was wrong. `unsupported`: the version of the wire went away."""

    state: State
    text: str = ""
    reason: DoubtReason = DoubtReason.NO_ANSWER
    unsupported: bool = False


class Asking:
    """The questions about operations of one terminal."""

    def __init__(self, line: Line, profile: Profile, secret: str) -> None:
        self._line = line
        self._profile = profile
        self._secret = secret

    async def status(self, wire_reference: str) -> Said:
        """Where the operation stands."""
        ended = await self._line.ask(Op.STATUS, question_body(wire_reference, self._secret, self._profile))
        if not isinstance(ended, Heard):
            return Said(State.NOTHING, ended.detail, _doubt(ended))
        if self._unknown(ended):
            return Said(State.UNKNOWN_ID, "the terminal says that it does not know the operation")
        if ended.status != HTTP_OK:
            return Said(State.NOTHING, self._refusal(ended), unsupported=self._line.unsupported(ended))
        try:
            told = read_told(ended.body, self._profile)
        except ProtocolError as error:
            return Said(State.NOTHING, f"the status cannot be read: {error}", DoubtReason.ANSWER_UNREADABLE)
        if told.id is not None and told.id.casefold() != wire_reference.casefold():
            return Said(State.NOTHING, "the status is that of another operation", DoubtReason.ANSWER_MISMATCH)
        if told.status is None:
            return Said(State.NOTHING, "the status has no text", DoubtReason.ANSWER_UNREADABLE)
        return Said(State.ENDED if is_ended(told.status, self._profile) else State.RUNNING, told.status)

    async def result(self, asked: Asked) -> Outcome | Said:
        """What the result proves; `Said` where there is none to read."""
        if self._profile.ack.order is AckOrder.BEFORE_RESULT:
            await self.confirm(asked.id)
        ended = await self._line.ask(Op.RESULT, question_body(asked.id, self._secret, self._profile))
        if not isinstance(ended, Heard):
            return Said(State.NOTHING, ended.detail, _doubt(ended))
        if ended.status != HTTP_OK:
            return Said(State.NOTHING, self._refusal(ended), DoubtReason.ANSWER_UNREADABLE)
        try:
            outcome = judge(asked, read_result(ended.body, self._profile), self._profile)
        except ProtocolError as error:
            return Said(State.NOTHING, f"the result cannot be read: {error}", DoubtReason.ANSWER_UNREADABLE)
        if isinstance(outcome, InDoubt):
            log.error("touchscreen_result_in_doubt", id=asked.id, reason=outcome.reason, body=one_line(ended.body))
        return outcome

    async def confirm(self, wire_reference: str) -> bool:
        """Confirms once; whether nothing is owed any more."""
        ended = await self._line.ask(Op.CONFIRM, confirm_body(wire_reference, self._secret, self._profile))
        if not isinstance(ended, Heard):
            return False
        if ended.status != HTTP_OK:
            return self._profile.http.confirm.get(str(ended.status)) is Meaning.ABSENT
        try:
            told = read_told(ended.body, self._profile, self._profile.answer.confirmed)
        except ProtocolError:
            return False
        return told.flag is True

    async def cancel(self, wire_reference: str) -> bool:
        """Asks the terminal to stop; whether it took the request. What came of it is read from the operation."""
        if not self._profile.has(Op.CANCEL):
            return False
        ended = await self._line.ask(Op.CANCEL, question_body(wire_reference, self._secret, self._profile))
        return isinstance(ended, Heard) and ended.status == HTTP_OK

    def _unknown(self, heard: Heard) -> bool:
        """Whether the answer is what the profile knows as "unknown id"; where it knows none, nothing is."""
        known = self._profile.unknown_id
        if heard.status not in known.statuses:
            return False
        folded = heard.body.decode("utf-8", "replace").casefold()
        return not known.texts or any(text.casefold() in folded for text in known.texts)

    def _refusal(self, heard: Heard) -> str:
        meaning = self._profile.http.ask.get(str(heard.status), Meaning.UNKNOWN)
        return f"HTTP {heard.status} ({meaning}): {one_line(heard.body)}"


def _doubt(ended: NotSent | Lost) -> DoubtReason:
    return ended.reason if isinstance(ended, Lost) else DoubtReason.LINE_LOST


class Pursuit:
    """One operation, from its start to its result. `proven` says that the terminal has taken it."""

    def __init__(
        self,
        asking: Asking,
        profile: Profile,
        asked: Asked,
        closed: asyncio.Event,
        progress: Callable[[Progress], None],
        *,
        proven: bool,
    ) -> None:
        self._asking = asking
        self._profile = profile
        self._asked = asked
        self._closed = closed
        self._progress = progress
        self._proven = proven
        self._words = {text.casefold(): one for text, one in profile.states.progress.items()}

    async def follow(self, limit: float) -> Outcome:
        """The outcome, within `limit` seconds and the profile's grace; in doubt where nothing can be known by then."""
        loop, timing = asyncio.get_running_loop(), self._profile.timing
        ends_at, heard_at, unknown_at = loop.time() + limit, loop.time(), None
        stopped = False
        while not self._closed.is_set():
            said = await self._asking.status(self._asked.id)
            now = loop.time()
            if said.state is State.ENDED:
                return await self._result()
            if said.state is State.RUNNING:
                heard_at, self._proven = now, True
                self._show(said.text)
            if said.state is State.UNKNOWN_ID and not self._proven:
                unknown_at = now if unknown_at is None else unknown_at
                if now - unknown_at >= timing.grace:
                    return NotStarted(NotStartedReason.TERMINAL_REFUSED_MESSAGE, said.text)
            if now - heard_at >= timing.silence:
                return InDoubt(said.reason, said.text)
            if now >= ends_at and stopped:
                return InDoubt(DoubtReason.NO_ANSWER, f"it still runs {timing.grace:g} s after its time: {said.text}")
            if now >= ends_at:
                stopped, ends_at = True, now + timing.grace
                await self._asking.cancel(self._asked.id)
            await self.pause()
        return CLOSED

    async def pause(self) -> None:
        """Waits between two questions; ends at once when the line is given up."""
        try:
            async with asyncio.timeout(self._profile.timing.poll):
                await self._closed.wait()
        except TimeoutError:
            return

    async def _result(self) -> Outcome:
        """The result may be asked for again and again: it is over, and only has to be read."""
        loop = asyncio.get_running_loop()
        gives_up = loop.time() + self._profile.timing.silence
        while not self._closed.is_set():
            told = await self._asking.result(self._asked)
            if not isinstance(told, Said):
                return told
            if loop.time() >= gives_up:
                return InDoubt(told.reason, told.text)
            await self.pause()
        return CLOSED

    def _show(self, text: str) -> None:
        progress = self._words.get(text.casefold())
        if progress is not None:
            self._progress(progress)
