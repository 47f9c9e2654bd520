"""Keeps one connector up for years: starts it, starts it again, lets it go when asked to, and switches versions."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from tillbridge.connector.supervisor import crashes
from tillbridge.connector.supervisor.child import Child
from tillbridge.connector.supervisor.endings import FAULTS, Again, Ended, Restarts, Why
from tillbridge.connector.supervisor.health import ready_seconds
from tillbridge.connector.supervisor.life import Life, Lived, Start, Wanted
from tillbridge.connector.supervisor.place import Place, look_at, read_place
from tillbridge.connector.supervisor.programs import Program, Programs, of
from tillbridge.connector.supervisor.room import Room, connector_holds, holder_of
from tillbridge.connector.supervisor.states import Board, State
from tillbridge.connector.supervisor.updating import UpdateWork, until_idle
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.effects import Runtime

FILE_LOOK_SECONDS: Final = 0.5
"""Between two looks at a settings file or a lock that is waited for: a person who has saved a file is watching."""

NOT_ITS_FAULT: Final = frozenset({Code.FOLDER_IN_USE, Code.FOLDER_UNUSABLE, Code.PORT_TAKEN})
"""Refusals of a version on trial that any version would have given at that moment: it is tried again another night."""

log = structlog.get_logger(__name__)


class Left(StrEnum):
    """Why a supervisor is done."""

    ASKED = "asked"
    WISH = "wish"
    MOVED = "moved"
    HANDED_OVER = "handed_over"


@dataclass(frozen=True, slots=True)
class Means:
    """What the composition hands in. `tell` gets sentences for people, `pass_on` the connector's own lines."""

    runtime: Runtime
    tell: Callable[[str], None]
    pass_on: Callable[[str], None]
    programs: Programs
    environment: Mapping[str, str]
    update_work: UpdateWork | None = None


class Supervisor:
    """The supervisor of one data folder, which `room` is locked for."""

    def __init__(self, place: Place, room: Room, means: Means, wanted: Wanted) -> None:
        self._place = place
        self._room = room
        self._means = means
        self._wanted = wanted
        self._restarts = Restarts()
        self._slow_starts = 0
        self._seen = look_at(place.config)
        self._left: Left | None = None
        self._renewing = False
        self._board = Board(room, means.runtime, means.programs.own.version, os.getpid())

    async def run(self) -> Left:
        """Until it is asked to leave, a till has stopped the connector, or the settings name another data folder."""
        work = self._means.update_work
        if work is None:
            return await self._keep()
        work.recover()
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(work.look(lambda: self._place))
            try:
                return await self._keep()
            finally:
                looking.cancel()

    async def _keep(self) -> Left:
        while self._left is None:
            if self._may_start() and await self._folder_is_free():
                await self._one()
        self._board.show(State.STOPPED_BY_TILL if self._left is Left.WISH else State.STOPPED)
        return self._left

    async def _one(self) -> None:
        """One connector, and what follows from its end."""
        work = self._means.update_work
        # Before the start: what a person saves while the connector still reads the old file counts as well.
        self._seen = look_at(self._place.config)
        self._room.forget_restart()
        self._renewing = False
        trial = None if work is None else work.begin_trial()
        program = self._means.programs.current() if trial is None else of(trial)
        self._board.starts(program.version, None if work is None else work.outcome)
        life = Life(self._start(program), self._means.runtime.clock, self._wanted, self._means.pass_on)
        try:
            lived = await life.live(self._at_work)
        except BridgeError as error:
            self._means.tell(f"{error}")
            lived = Lived(Ended(1, 0.0, str(error.code)), (), was_ready=False, payment_ran=False)
        self._slow_starts = self._slow_starts + 1 if lived.ended.why is Why.NEVER_READY else 0
        self._board.ended(lived.ended)
        if lived.ended.why in FAULTS:
            self._write_report(lived, program)
        if work is not None and trial is not None and not work.proven and _trial_over(work, lived):
            return  # the version before it is started at once
        await self._follow(lived)

    def _start(self, program: Program) -> Start:
        place = self._place
        patience = ready_seconds(self._slow_starts)
        return Start(program.runs(place.config), self._means.environment, place.data, patience)

    async def _at_work(self, child: Child) -> None:
        """Beside a running connector: says that it is ready, proves a new version, and waits for the next one."""
        self._board.runs(child.pid)
        await child.ready.wait()
        self._board.ready(child.address)
        self._means.tell(f"The connector takes payments (process {child.pid}, console {child.address}).")
        work = self._means.update_work
        async with asyncio.TaskGroup() as group:
            group.create_task(self._restart_when_asked(child))
            if work is not None:
                work.started()
                group.create_task(self._look_after_updates(child, work))

    async def _look_after_updates(self, child: Child, work: UpdateWork) -> None:
        try:
            await self._update(child, work)
        except Exception:
            # A fault in what looks after updates must not end a connector that takes payments.
            log.exception("update_fault")

    async def _restart_when_asked(self, child: Child) -> None:
        """Stops the connector between two payments once somebody asks for it; another is started at once.

        A version on trial is left alone until it has proven itself or is gone.
        """
        work = self._means.update_work
        told = False
        while not self._renewing:
            await asyncio.sleep(FILE_LOOK_SECONDS)
            on_trial = work is not None and work.trial is not None and not work.proven
            if on_trial or not self._room.restart_asked():
                continue
            if not told:
                self._means.tell("It is asked to start the connector again: at the next moment without a payment.")
                told = True
            # Set before the answer: with that the connector may be gone, and this with it.
            self._renewing = True
            self._renewing = await child.stop_if_idle()

    async def _update(self, child: Child, work: UpdateWork) -> None:
        if work.trial is not None and not await work.prove(child, work.trial):
            await child.leave()
            return
        self._board.update(work.outcome)
        if _can_hand_over() and work.handed_over():
            await until_idle(self._place)
            if await child.stop_if_idle():
                self._left = Left.HANDED_OVER
                return
        await work.agree(child, self._place, self._means.environment)

    # ------------------------------------------------------------ what follows an end

    async def _follow(self, lived: Lived) -> None:
        ended, work = lived.ended, self._means.update_work
        if self._left is not None or self._renewing:
            return
        if work is not None and work.trial is not None and ended.why is Why.LEFT:
            return  # it stopped for the version that is started now
        again = self._restarts.after(ended)
        if again is None:
            self._left = Left.WISH if ended.why is Why.WISH else Left.ASKED
            self._note_wish(ended)
            return
        self._tell_end(lived, again)
        await self._wait(again)

    def _tell_end(self, lived: Lived, again: Again) -> None:
        ended = lived.ended
        what = _ENDS[ended.why].format(words=ended.words, refusal=ended.refusal)
        more = " A payment was running: the next one looks into it." if lived.payment_ran else ""
        when = "at once" if not again.seconds else f"in {again.seconds:g} seconds"
        sooner = ", or as soon as the settings file changes" if again.when_file_changes else ""
        self._means.tell(f"{what}{more} Starting it again {when}{sooner}.")

    async def _wait(self, again: Again) -> None:
        try:
            async with asyncio.timeout(again.seconds):
                while not self._leaving():
                    await self._tick()
                    if again.when_file_changes and look_at(self._place.config) != self._seen:
                        return
        except TimeoutError:
            return

    async def _tick(self) -> None:
        """A short while, or less where somebody wants to leave."""
        try:
            async with asyncio.timeout(FILE_LOOK_SECONDS):
                await self._wanted.leave.wait()
        except TimeoutError:
            return

    def _leaving(self) -> bool:
        if self._wanted.leave.is_set():
            self._left = Left.ASKED
        return self._left is not None

    def _note_wish(self, ended: Ended) -> None:
        if ended.why is not Why.WISH:
            return
        self._means.tell("A till has stopped the connector: it stays down until a person or the next boot starts it.")
        try:
            self._room.note_wish()
        except BridgeError as error:
            log.warning("wish_not_noted", cause=str(error))

    def _write_report(self, lived: Lived, program: Program) -> None:
        moment = self._means.runtime.clock.now()
        text = crashes.report(moment, program.version, lived.ended, lived.lines, payment_ran=lived.payment_ran)
        try:
            written = crashes.keep(self._room.path / crashes.FOLDER, text)
        except (BridgeError, OSError) as error:
            log.warning("crash_report_not_written", cause=str(error))
        else:
            log.error("connector_ended", why=lived.ended.why, report=str(written))

    # ------------------------------------------------------------ before a start

    def _may_start(self) -> bool:
        """Whether to start one here. Other settings count from now on; another data folder needs another lock."""
        if self._leaving():
            return False
        try:
            found = read_place(self._place.config)
        except BridgeError:
            return True  # the connector says what is wrong with the file, by its lines
        if found.data != self._place.data:
            self._means.tell(f"The settings name another data folder now: {found.data}.")
            self._left = Left.MOVED
            return False
        self._place = found
        return True

    async def _folder_is_free(self) -> bool:
        """Waits until no connector owns the data folder; False where somebody wants to leave before that.

        One whose supervisor was killed goes by itself once its payment is over, and one that a person runs is theirs.
        """
        told = False
        while await asyncio.to_thread(connector_holds, self._place.data):
            if not told:
                holder = holder_of(self._place.data)
                who = (
                    "Another process"
                    if holder is None
                    else f"A connector that somebody else started (process {holder})"
                )
                self._means.tell(f"{who} owns the data folder {self._place.data}: waiting until it has ended.")
                self._board.show(State.FOLDER_TAKEN)
                told = True
            await self._tick()
            if self._leaving():
                return False
        return True


def _can_hand_over() -> bool:
    """Whether this process can become the next version's supervisor. Where not, that one starts with the computer."""
    return sys.platform != "win32"


def _trial_over(work: UpdateWork, lived: Lived) -> bool:
    """Whether a version on trial has failed. It is to blame unless it was asked to go or something stood in its way."""
    ended = lived.ended
    match ended.why:
        case Why.ASKED | Why.WISH:
            work.over(None)
            return False
        case Why.REFUSED if ended.refusal in NOT_ITS_FAULT:
            work.over(None)
        case Why.LEFT if lived.was_ready:
            work.over("it was ready and did not answer")
        case Why.NEVER_READY:
            work.over("it did not become ready in time")
        case _:
            work.over(f"it ended before it had proven itself, {ended.words}")
    return True


_ENDS: Final[Mapping[Why, str]] = {
    Why.SETTINGS: "The settings are wrong: what is named above has to be corrected.",
    Why.REFUSED: "The connector cannot start ({refusal}): see above.",
    Why.CRASHED: "The connector crashed ({words}).",
    Why.HUNG: "The connector did not answer any more and was ended.",
    Why.NEVER_READY: "The connector did not become ready in time and was ended.",
    Why.LEFT: "The connector was ended by somebody else.",
}
