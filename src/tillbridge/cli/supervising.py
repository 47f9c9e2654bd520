"""`tillbridge supervise`: what it does."""

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from tillbridge.cli.errors import told
from tillbridge.cli.exits import Exit
from tillbridge.cli.running import run
from tillbridge.connector.supervisor.life import Wanted
from tillbridge.connector.supervisor.place import Place, look_at, read_place
from tillbridge.connector.supervisor.programs import own_programs
from tillbridge.connector.supervisor.room import Room, SupervisorRuns, owned_room, room_of
from tillbridge.connector.supervisor.states import State
from tillbridge.connector.supervisor.supervisor import FILE_LOOK_SECONDS, Left, Means, Supervisor
from tillbridge.connector.supervisor.switching import Switching
from tillbridge.connector.supervisor.updating import UpdateWork
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.interrupts import on_interrupt
from tillbridge.runtime.logging import set_up_logging

WORDS: Final = {
    State.STARTING: "is starting the connector",
    State.READY: "the connector takes payments",
    State.WAITING: "waits before it starts the connector again",
    State.FOLDER_TAKEN: "waits until another process lets the data folder go",
    State.STOPPED_BY_TILL: "stopped, because a till has stopped the connector",
    State.STOPPED: "stopped, because it was asked to",
}

FOLDER_LOOK_SECONDS: Final = 3.0
"""Between two looks at a data folder that cannot be used: a stick or a share of the network comes a little later."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Done:
    """How a supervisor left, and the program that takes over from it, where one does."""

    left: Left
    successor: tuple[str, ...] = ()


def supervise_file(config: Path, *, if_needed: bool) -> Exit:
    """Keeps the connector of this settings file up. Raises `SupervisorRuns` where another one does already."""
    # The data folder may be reached from elsewhere by the next version's program, and by a child: no relative path.
    config = config.absolute()
    try:
        done = run(_supervise(config, if_needed=if_needed))
    except SupervisorRuns:
        if if_needed:
            return Exit.APPROVED
        raise
    match done.left:
        case Left.WISH:
            return Exit.APPROVED if if_needed else Exit.STOPPED_BY_WISH
        case Left.HANDED_OVER:
            _become(done.successor, config)
        case Left.ASKED | Left.MOVED:
            pass
    return Exit.APPROVED


async def _supervise(config: Path, *, if_needed: bool) -> _Done:
    wanted = Wanted()
    with on_interrupt(lambda: _interrupt(wanted)):
        said = ""
        while not wanted.leave.is_set():
            place = await _place(config, wanted)
            if place is None:
                break
            try:
                done = await _one_place(place, wanted, if_needed=if_needed)
            except BridgeError as error:
                if isinstance(error, SupervisorRuns):
                    raise
                # A disk that is not there yet when the computer starts: it is waited for, for ever, and said once.
                said = _tell_once(f"{error} Waiting until that is mended.", said)
                await _left_within(FOLDER_LOOK_SECONDS, wanted)
                continue
            if done.left is not Left.MOVED:
                return done
    return _Done(Left.ASKED)


def _tell_once(sentence: str, before: str) -> str:
    if sentence != before:
        _tell(sentence)
    return sentence


def _interrupt(wanted: Wanted) -> None:
    if wanted.leave.is_set():
        wanted.hurry.set()
    wanted.leave.set()


async def _place(config: Path, wanted: Wanted) -> Place | None:
    """What the settings say; where they cannot be read, that is said once, and they are waited for."""
    while not wanted.leave.is_set():
        seen = look_at(config)
        try:
            return read_place(config)
        except BridgeError as error:
            _tell(f"{error} Waiting until the settings file is changed.")
        while look_at(config) == seen and not await _left_within(FILE_LOOK_SECONDS, wanted):
            pass
    return None


async def _one_place(place: Place, wanted: Wanted, *, if_needed: bool) -> _Done:
    """Keeps the connector of one data folder up. `BridgeError` where the folder cannot be used yet."""
    with owned_room(place.data) as room:
        if if_needed and room.wish_stands():
            return _Done(Left.WISH)
        room.forget_wish()
        _start_log(room)
        return await _keep(place, room, wanted)


def _start_log(room: Room) -> None:
    try:
        set_up_logging(folder=room.path)
    except OSError as error:
        raise BridgeError(
            Code.FOLDER_UNUSABLE, f"the log cannot be written: {error.strerror}", place=str(room.path)
        ) from error


async def _keep(place: Place, room: Room, wanted: Wanted) -> _Done:
    runtime, programs = Runtime(), own_programs()
    environment = dict(os.environ)
    work: UpdateWork | None = None
    if programs.layout is not None:
        # Only a packaged connector updates itself: all others are spared the modules that it takes.
        from tillbridge.connector.updates.opening import NoUpdates, open_updates  # noqa: PLC0415
        from tillbridge.connector.updates.starting import clean_environment  # noqa: PLC0415

        environment = clean_environment()
        updates = open_updates(place.updates, place.config, runtime)
        if isinstance(updates, NoUpdates):
            _tell(updates.why)
        else:
            switching = Switching(programs.layout, updates)
            work = UpdateWork(updates, switching, programs, runtime.clock, _tell)
    means = Means(runtime, _tell, _pass_on, programs, environment, work)
    left = await Supervisor(place, room, means, wanted).run()
    return _Done(left, programs.current().command if left is Left.HANDED_OVER else ())


async def _left_within(seconds: float, wanted: Wanted) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await wanted.leave.wait()
    except TimeoutError:
        return False
    return True


def _become(program: tuple[str, ...], config: Path) -> None:
    """This process becomes the supervisor of the version in use. It has no child and holds no lock any more."""
    from tillbridge.connector.updates.starting import clean_environment  # noqa: PLC0415  # as above

    os.execve(  # noqa: S606  # a whole path and no shell
        program[0], [*program, "supervise", "--config", str(config)], clean_environment()
    )


def show_status(config: Path) -> Exit:
    """Prints what the supervisor of this settings file is doing."""
    with told():
        room = room_of(read_place(config.absolute()).data)
    found, taken = room.status(), room.taken()
    if found is None:
        _print("no supervisor has worked here yet" if not taken else "a supervisor is beginning its work")
        return Exit.FAILED
    state = next((one for one in State if one == found.state), None)
    if taken:
        _print(f"supervisor   process {found.supervisor}: {found.state if state is None else WORDS[state]}")
    elif state in {State.STOPPED, State.STOPPED_BY_TILL}:
        _print(f"supervisor   {WORDS[state]}")
    else:
        _print("supervisor   none is at work; the last one did not end by itself")
    _print(f"since        {found.since}")
    if taken and found.connector is not None:
        _print(f"connector    process {found.connector}, version {found.version}, {found.address or 'not ready yet'}")
    _print(f"restarts     {found.restarts}")
    if found.last_end is not None:
        _print(f"last end     {found.last_end}, at {found.last_end_at}")
    if found.update is not None:
        _print(f"update       {found.update}")
    return Exit.APPROVED if taken and state is State.READY else Exit.FAILED


def _tell(sentence: str) -> None:
    log.info("told", sentence=sentence)
    _print(f"{Runtime().clock.now().astimezone():%H:%M:%S} {sentence}")


def _pass_on(line: str) -> None:
    # What nobody reads any more, such as a closed window, must not end what keeps a shop working.
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _print(line: str) -> None:
    with suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
