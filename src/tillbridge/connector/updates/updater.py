"""Brings a newer version beside the running one: looked for, proven, unpacked, and tried out by itself.

Nothing that runs is touched here. Each step leaves either nothing under a version's name or all of it, so that a power
cut at any moment costs no more than the work of one night.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from tillbridge.connector.updates.archive import Stopped, unpack
from tillbridge.connector.updates.contract import Prepared
from tillbridge.connector.updates.folders import complete, free_bytes, partial_folder, remove_version, sweep
from tillbridge.connector.updates.layout import PROGRAM, Layout
from tillbridge.connector.updates.naming import newer
from tillbridge.connector.updates.release import Latest, Shipped, read_shipped
from tillbridge.connector.updates.starting import Verdict, self_test
from tillbridge.connector.updates.state import LONGEST_SENTENCE, TRIES, State, read_state, write_state
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.effects import Runtime

if TYPE_CHECKING:
    from tillbridge.connector.updates.fetching import LoopFetcher
    from tillbridge.connector.updates.repository import Found, SignedRepository

T = TypeVar("T")

WHOLE_SECONDS: Final = 3600.0
"""For all of one look: 60 MB over a line of 1 Mbit/s take eight minutes, and by morning the shop opens."""

SPARE_BYTES: Final = 256 * 1024 * 1024
"""Room that an update leaves: below it the connector itself warns at its start (runtime/data_folder.py)."""

CLOCK_SLACK: Final = timedelta(minutes=10)
"""A clock this little behind is as right as clocks of tills are."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where newer versions come from: the repository, the root that is trusted, the channel, this computer's kind."""

    url: str
    root: bytes
    channel: str
    kind: str


class Updater:
    """See `contract.Updates`. `running` is the version of this very program; `config` is what a self-test reads."""

    def __init__(self, layout: Layout, source: Source, config: Path | None, running: str, runtime: Runtime) -> None:
        self._layout = layout
        self._source = source
        self._config = config
        self._running = running
        self._runtime = runtime

    # ------------------------------------------------------------ what the supervisor asks

    async def prepare(self) -> Prepared | None:
        """See `contract.Updates.prepare`."""
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                return await self._prepare()
        except TimeoutError:
            error = BridgeError(Code.UPDATE_UNREACHABLE, "the update took longer than an hour and was given up")
            self._told(error)
            raise error from None
        except BridgeError as error:
            self._told(error)
            raise
        except OSError as error:
            found = BridgeError(Code.UPDATE_FAILED, f"the disk refused: {error.strerror or type(error).__name__}")
            self._told(found)
            raise found from error

    def switched(self, version: str) -> None:
        """See `contract.Updates.switched`."""
        state = self._state()
        before = state.came_from or self._running
        if before == version:
            return  # told again after a power cut: it is written down already
        self._keep(
            state.model_copy(
                update={
                    "previous": before,
                    "prepared": None,
                    "came_from": None,
                    "outcome": f"Updated from version {before} to {version} on {self._today()}.",
                }
            )
        )
        log.info("update_switched", version=version, before=before)

    def refused(self, version: str, why: str) -> None:
        """See `contract.Updates.refused`."""
        state = self._state()
        self._keep(self._given_up(state, version, why))
        log.warning("update_refused", version=version, why=why)

    def outcome(self) -> str | None:
        """See `contract.Updates.outcome`."""
        return self._state().outcome

    # ------------------------------------------------------------ the steps

    async def _prepare(self) -> Prepared | None:
        # Only now: a supervisor starts the connector first, and these take as long as all the rest of its own start.
        from tillbridge.connector.updates.fetching import LoopFetcher, open_session  # noqa: PLC0415

        state = self._state()
        using = self._layout.current() or self._running
        await asyncio.to_thread(self._sweep, state, using)
        async with open_session() as session:
            fetcher = LoopFetcher(session, self._layout.updates)
            found, state = await self._in_thread(fetcher, lambda: self._look(state, fetcher))
            if found is None or not self._wanted(found[1].latest, state, using):
                return None
            repository, newest = found
            version = newest.latest.version
            if not self._layout.program(version).is_file():
                await self._in_thread(fetcher, lambda: self._fetch(repository, newest, fetcher.stopped))
        return await self._tried(version, state, using)

    def _look(self, state: State, fetcher: "LoopFetcher") -> "tuple[tuple[SignedRepository, Found] | None, State]":
        """In the thread: the newest version, and what is remembered from now on."""
        from tillbridge.connector.updates.repository import known_root  # noqa: PLC0415  # see `_prepare`

        now = self._runtime.clock.now()
        try:
            repository, found = self._asked(fetcher, state.floor(now))
        except BridgeError as error:
            root = known_root(self._layout.updates)
            if error.code is not Code.UPDATE_UNTRUSTED or not (state.root < root and now < state.floor(now)):
                raise
            # A thief of the keys can sign a moment that is yet to come. New keys are how that is got over
            # (specification, 5.3.11), and with them what the old ones have said of the time is forgotten.
            state = state.model_copy(update={"known_past": None})
            repository, found = self._asked(fetcher, now)
        # What was accepted had not run out at that moment, so that a clock somewhat ahead is no trap for later lists.
        state = state.at_least(state.floor(now), repository.signed_at(), known_root(self._layout.updates))
        words = f"Looked on {self._today()}: {self._newest(found)}"
        if state.known_past is not None and now < state.known_past - CLOCK_SLACK:
            words += f" This computer's clock is wrong: it is certainly later than {format_day(state.known_past)}."
        state = state.model_copy(update={"looked": now, "outcome": words})
        self._keep(state)
        return (None if found is None else (repository, found)), state

    def _asked(self, fetcher: "LoopFetcher", moment: datetime) -> "tuple[SignedRepository, Found | None]":
        from tillbridge.connector.updates.repository import SignedRepository  # noqa: PLC0415  # see `_prepare`

        source = self._source
        repository = SignedRepository(self._layout.updates, source.root, source.url, fetcher, moment)
        return repository, repository.look(source.channel, source.kind)

    def _newest(self, found: "Found | None") -> str:
        if found is None:
            return f"there is no version for this computer; {self._running} stays in use."
        return f"the newest version is {found.latest.version}."

    def _wanted(self, latest: Latest, state: State, using: str) -> bool:
        version = latest.version
        if not (newer(version, using) and newer(version, self._running)):
            return False
        if version in state.refused:
            why = state.refused[version]
            said = f"Version {version} was tried and is not used: {_closed(why)} {using} stays until a newer one comes."
            self._keep(state.model_copy(update={"outcome": _fitting(said)}))
            return False
        return True

    def _fetch(self, repository: "SignedRepository", found: "Found", stop: threading.Event) -> None:
        """In the thread: downloads, proves and unpacks."""
        latest = found.latest
        needed = 2 * found.archive.length + latest.unpacked + SPARE_BYTES
        free = free_bytes(self._layout)
        if free < needed:
            said = (
                f"the disk is too full for version {latest.version}: {free >> 20} MiB are free, {needed >> 20} needed"
            )
            raise BridgeError(Code.UPDATE_FAILED, said)
        archive = repository.download(found)
        partial = partial_folder(self._layout, latest.version)
        unpack(archive, partial, latest.unpacked, stop)
        self._check(partial, latest)
        if self._layout.folder(latest.version).exists():
            remove_version(self._layout, latest.version)  # it has no program, or we would not be here
        complete(self._layout, partial, latest.version)
        archive.unlink(missing_ok=True)

    def _check(self, folder: Path, latest: Latest) -> None:
        """The archive holds the version that the list speaks of, for this kind of computer."""
        said = read_shipped(folder)
        if said != Shipped(version=latest.version, kind=self._source.kind, url=None if said is None else said.url):
            raise BridgeError(Code.UPDATE_UNTRUSTED, f"the archive of version {latest.version} holds another one")
        if not (folder / PROGRAM).is_file():
            raise BridgeError(Code.UPDATE_UNTRUSTED, f"the archive of version {latest.version} holds no program")

    async def _tried(self, version: str, state: State, using: str) -> Prepared:
        program = self._layout.program(version)
        verdict = await self_test(program, self._config)
        if not verdict.passed:
            raise self._failed(version, state, verdict)
        self._keep(
            state.model_copy(
                update={
                    "prepared": version,
                    "came_from": using,
                    "outcome": f"Version {version} is ready and waits until no payment runs.",
                }
            )
        )
        log.info("update_prepared", version=version, using=using)
        return Prepared(version, program)

    def _failed(self, version: str, state: State, verdict: Verdict) -> BridgeError:
        count = state.failed.get(version, 0) + (1 if verdict.fault else 0)
        if count >= TRIES:
            self._keep(self._given_up(state, version, f"its self-test failed {count} times: {verdict.words}"))
        else:
            self._keep(state.model_copy(update={"failed": {**state.failed, version: count}}))
        return BridgeError(Code.UPDATE_FAILED, f"version {version} did not pass its self-test: {verdict.words}")

    # ------------------------------------------------------------ what is remembered

    def _state(self) -> State:
        return read_state(self._layout.updates)

    def _keep(self, state: State) -> None:
        write_state(self._layout.updates, state)

    def _given_up(self, state: State, version: str, why: str) -> State:
        using = state.came_from or self._layout.current() or self._running
        said = f"Version {version} was tried on {self._today()} and taken back: {_closed(why)} {using} is in use."
        return state.with_refused(version, _fitting(why)).model_copy(
            update={"prepared": None, "came_from": None, "outcome": _fitting(said)}
        )

    def _told(self, error: BridgeError) -> None:
        log.warning("update_failed", code=error.code, detail=error.detail)
        said = f"The last update failed on {self._today()}: {_closed(error.detail)} Version {self._running} is in use."
        # The disk may be what failed: then the sentence stands in the log alone.
        with suppress(BridgeError, OSError):
            self._keep(self._state().model_copy(update={"outcome": _fitting(said)}))

    def _sweep(self, state: State, using: str) -> None:
        self._layout.updates.mkdir(parents=True, exist_ok=True)
        kept = {using, self._running, state.previous, state.prepared, state.came_from} - {None} - state.refused.keys()
        sweep(self._layout, {*(one for one in kept if one is not None), using, self._running})

    def _today(self) -> str:
        return format_day(self._runtime.clock.now())

    async def _in_thread(self, fetcher: "LoopFetcher", work: Callable[[], T]) -> T:
        """Runs blocking work; when this is cancelled the work is told so, and its end is waited for."""
        running = asyncio.get_running_loop().run_in_executor(None, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            fetcher.stop()
            with suppress(Stopped, BridgeError, OSError):
                await running
            raise


def format_day(moment: datetime) -> str:
    """A day and an hour, as a status page shows them."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _fitting(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST_SENTENCE else f"{sentence[: LONGEST_SENTENCE - 1]}…"


def _closed(words: str) -> str:
    return f"{words.rstrip('. ')}."
