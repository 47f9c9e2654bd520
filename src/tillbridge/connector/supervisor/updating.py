"""The supervisor's part of an update: when to look, when to switch, and how a new version proves itself."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

import structlog

from tillbridge.connector.supervisor.child import Child
from tillbridge.connector.supervisor.hours import UpdateHours
from tillbridge.connector.supervisor.journal_look import Payments, payments
from tillbridge.connector.supervisor.liveness import alive
from tillbridge.connector.supervisor.place import Place
from tillbridge.connector.supervisor.programs import Program, Programs, of
from tillbridge.connector.supervisor.switching import Switching, told_of
from tillbridge.connector.updates.contract import Prepared, Updates
from tillbridge.domain.errors import BridgeError
from tillbridge.runtime.effects import Clock

LOOK_SECONDS: Final = 20.0
"""Between two looks at the clock: an update is not late by a third of a minute, and a set clock is noticed as soon."""

FIRST_LOOK_SECONDS: Final = 20.0
"""The connector's own start comes first. One that never takes payments must not keep away the version that mends it."""

IDLE_LOOK_SECONDS: Final = 5.0
IDLE_LOOKS: Final = 12
"""So many looks in a row without a payment are a minute: a till that was just paid at is likely to be used again."""

PROOF_SECONDS: Final = 60.0
"""For a new version that said that it is ready to answer as well."""

PROOFS: Final = 3
PROOF_PAUSE: Final = 1.0
"""Answers in a row, a second apart: one alone may come from a program that is about to fall."""

TELLS_SECONDS: Final = 60.0
"""For the new version's supervisor to load and read what is on the disk, with a virus scanner that reads all of it."""

log = structlog.get_logger(__name__)


class UpdateWork:
    """Looks for newer versions while the connector works, and finds the moment in which nobody pays."""

    def __init__(
        self,
        updates: Updates,
        switching: Switching,
        programs: Programs,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self._updates = updates
        self._switching = switching
        self._programs = programs
        self._clock = clock
        self._tell = tell
        self._prepared: Prepared | None = None
        self._arrived = asyncio.Event()
        self.trial: Prepared | None = None
        self.proven = False
        self._started = asyncio.Event()

    @property
    def outcome(self) -> str | None:
        """One sentence on the last update."""
        return self._updates.outcome()

    # ------------------------------------------------------------ before anything runs

    def recover(self) -> None:
        """Ends what a power cut has left of a switch; a disk that does not take it is told, and asked again later."""
        try:
            sentence = self._switching.recover()
        except (BridgeError, OSError) as error:
            sentence = f"An update that was cut off cannot be ended yet: {told_of(error)}."
        if sentence is not None:
            self._tell(sentence)

    # ------------------------------------------------------------ looking

    def started(self) -> None:
        """The connector takes payments: now this computer has time to look."""
        self._started.set()

    async def look(self, place: Callable[[], Place]) -> None:
        """Looks at the start, at the hour, and again after what failed; never ends by itself."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                await self._started.wait()
        hours = UpdateHours(place().hour, self._local())
        while True:
            hours.change(place().hour, self._local())
            if self._prepared is None and self.trial is None and hours.owed(self._local(), self._clock.monotonic()):
                await self._look_once(hours)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look_once(self, hours: UpdateHours) -> None:
        try:
            self._prepared = await self._updates.prepare()
        except BridgeError as error:
            hours.failed(self._clock.monotonic())
            log.warning("update_not_prepared", code=error.code, detail=str(error))
            self._tell(f"No update this time: {error}")
            return
        except Exception:
            # A fault in what brings updates must not end a connector that takes payments.
            hours.failed(self._clock.monotonic())
            log.exception("update_fault")
            return
        hours.looked()
        if self._prepared is not None:
            self._tell(f"Version {self._prepared.version} is ready; it is started when nobody pays.")
            self._arrived.set()

    def _local(self) -> datetime:
        """The wall clock as people here read it."""
        return self._clock.now().astimezone().replace(tzinfo=None)

    # ------------------------------------------------------------ switching

    async def agree(self, child: Child, place: Place, environment: Mapping[str, str]) -> None:
        """Waits for a version and for a moment without payments; returns once the running connector stops for it."""
        await child.ready.wait()
        while self.trial is None:
            await self._arrived.wait()
            await until_idle(place)
            prepared = self._prepared
            if prepared is None or not await self._can_supervise(prepared, place, environment):
                self._drop()
                continue
            if await self._stopped_for(prepared, child):
                self.trial, self._prepared, self.proven = prepared, None, False
                self._arrived.clear()

    async def _stopped_for(self, prepared: Prepared, child: Child) -> bool:
        try:
            self._switching.intend(prepared.version)
        except (BridgeError, OSError) as error:
            self._tell(f"Version {prepared.version} is not started: {told_of(error)}.")
            self._drop()
            return False
        stops = False
        try:
            stops = await child.stop_if_idle()
        finally:
            if not stops:
                self._abandon()
        return stops

    async def _can_supervise(self, prepared: Prepared, place: Place, environment: Mapping[str, str]) -> bool:
        """Whether the new version's own supervisor starts: it will be the one that has to start the connector."""
        works = await _ends_well(of(prepared), place, environment)
        if not works:
            self._fail(prepared, "its supervisor does not start")
        return works

    async def prove(self, child: Child, prepared: Prepared) -> bool:
        """Whether the new version became ready, answers, and is in use now."""
        await child.ready.wait()
        if child.address is None or not await _answers(child.address):
            return False
        try:
            self._switching.proven(prepared.version)
        except (BridgeError, OSError) as error:
            # It cannot be written down that it is in use. What is on the disk decides at the next start, so that it
            # decides now as well: whichever version that is gets started.
            self._tell(f"Version {prepared.version} works but cannot be put in use: {told_of(error)}.")
            self.trial = None
            self._abandon()
            return False
        self.proven = True
        self.trial = None
        self._tell(f"Version {prepared.version} is in use.")
        return True

    def begin_trial(self) -> Prepared | None:
        """The version to start now, which has to prove itself; None to start the one in use."""
        if self.trial is None:
            return None
        try:
            self._switching.trying(self.trial.version)
        except (BridgeError, OSError) as error:
            self._tell(f"Version {self.trial.version} is not tried: {told_of(error)}.")
            self.trial = None
            self._abandon()
        return self.trial

    def over(self, why: str | None) -> None:
        """The version on trial has ended. `why` it is not to be tried again; None where it is not to blame."""
        trial, self.trial = self.trial, None
        if trial is None:
            return
        if why is None:
            self._abandon()
        else:
            self._fail(trial, why)

    def handed_over(self) -> bool:
        """Whether a newer version is in use than that of this supervisor."""
        return self._programs.current().version != self._programs.own.version

    # ------------------------------------------------------------ what the disk may refuse

    def _fail(self, prepared: Prepared, why: str) -> None:
        self._tell(f"Version {prepared.version} is taken back and not tried again: {why}.")
        try:
            self._switching.failed(prepared.version, why)
        except (BridgeError, OSError) as error:
            log.warning("refusal_not_written", version=prepared.version, cause=told_of(error))

    def _abandon(self) -> None:
        try:
            self._switching.abandon()
        except (BridgeError, OSError) as error:
            log.warning("switch_not_taken_back", cause=told_of(error))

    def _drop(self) -> None:
        self._prepared = None
        self._arrived.clear()


async def until_idle(place: Place) -> None:
    """Returns when nobody has paid for a while. A journal that cannot be read counts as a payment."""
    looks = 0
    while looks < IDLE_LOOKS:
        await asyncio.sleep(IDLE_LOOK_SECONDS)
        idle = await asyncio.to_thread(payments, place.data) is Payments.NONE
        looks = looks + 1 if idle else 0


async def _answers(address: str) -> bool:
    good = 0
    try:
        async with asyncio.timeout(PROOF_SECONDS):
            while good < PROOFS:
                good = good + 1 if await alive(address) else 0
                await asyncio.sleep(PROOF_PAUSE)
    except TimeoutError:
        return False
    return True


async def _ends_well(program: Program, place: Place, environment: Mapping[str, str]) -> bool:
    command = program.tells(place.config)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(TELLS_SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
