"""Finds the connector of a data folder: the running one over HTTP, or none, and then this process takes its place."""

import io
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from tillbridge.cli.desks import Desk
from tillbridge.cli.places import Where
from tillbridge.connector.settings import Configured, ConnectorSettings
from tillbridge.connector.settings_file import load_settings
from tillbridge.connector.whereabouts import noted_folders
from tillbridge.connector.wiring import set_up_terminals
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.engine import TerminalSetup
from tillbridge.engine.opening import JOURNAL_FILE, open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.runtime.data_folder import LOCK_FILE, Address, DataFolder, make, owned
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.logging import Level, set_up_logging

KEY_VARIABLE: Final = "TILLBRIDGE_KEY"


@asynccontextmanager
async def desk_for_paying(where: Where, direct: Configured | None, runtime: Runtime) -> AsyncIterator[Desk]:
    """A desk that can take payments. `direct` is a terminal from the command line, used without any settings."""
    settings = _settings(where)
    async with AsyncExitStack() as stack:
        found = await _running(where, settings, stack)
        if isinstance(found, DataFolder):
            terminals = _terminals(settings, direct, found)
            engine_settings = EngineSettings() if settings is None else settings.engine
            set_up_logging(level=Level.INFO, folder=found.path)
            setups = set_up_terminals(terminals, runtime)
            yield await stack.enter_async_context(_local(found, setups, engine_settings, runtime))
        elif direct is not None:
            raise BridgeError(
                Code.FOLDER_IN_USE,
                "a connector runs on this data folder and has its own terminals: leave out --driver",
                place=str(_folder(where, settings)),
            )
        else:
            yield found


@asynccontextmanager
async def desk_for_looking(where: Where, runtime: Runtime) -> AsyncIterator[Desk]:
    """A desk for what needs no terminal. Where no connector runs it reads the journal that is there."""
    settings = _settings(where)
    folder = _folder(where, settings)
    if folder is not None:
        _check_that_it_was_used(folder)
    async with AsyncExitStack() as stack:
        found = await _running(where, settings, stack)
        if isinstance(found, DataFolder):
            # Without terminals the engine warns of each payment in doubt, which is what the caller came to see.
            set_up_logging(console=io.StringIO())
            yield await stack.enter_async_context(_local(found, [], EngineSettings(), runtime))
        else:
            yield found


def _check_that_it_was_used(folder: Path) -> None:
    """Looking changes nothing: it makes neither a folder nor a journal in somebody's other folder."""
    if not folder.is_dir():
        raise BridgeError(Code.FOLDER_UNUSABLE, "there is no such data folder", place=str(folder))
    if not (folder / JOURNAL_FILE).is_file():
        raise BridgeError(Code.FOLDER_UNUSABLE, "there is no journal in this folder", place=str(folder))


def running_connector(where: Where) -> tuple[str, str]:
    """The address and the key of the connector that runs. `BridgeError(CONNECTOR_STOPPING)` if none does."""
    folder = _folder(where, _settings(where)) or _noted_folder()
    with ExitStack() as stack:
        found = _own_or_address(folder, stack) if folder.is_dir() else None
    if not isinstance(found, Address):
        raise BridgeError(Code.CONNECTOR_STOPPING, "no connector runs on this data folder", place=str(folder))
    return found.url, _key(folder)


def data_folder(where: Where) -> DataFolder:
    """The data folder that is meant, whether or not a connector runs on it; made where the settings name a new one.

    `BridgeError(FOLDER_UNUSABLE)` if there is none.
    """
    folder = _folder(where, _settings(where)) or _noted_folder()
    if where.config is not None:
        make(folder)
    elif not folder.is_dir():
        raise BridgeError(Code.FOLDER_UNUSABLE, "there is no such data folder", place=str(folder))
    return DataFolder(folder)


async def _running(where: Where, settings: ConnectorSettings | None, stack: AsyncExitStack) -> Desk | DataFolder:
    """The running connector, or the folder, which is then this process's until the stack is left."""
    folder = _folder(where, settings)
    if where.url is not None:
        return await stack.enter_async_context(_remote(where.url, _key(folder)))
    folder = folder or _noted_folder()
    found = _own_or_address(folder, stack)
    if isinstance(found, DataFolder):
        return found
    return await stack.enter_async_context(_remote(found.url, _key(folder)))


@asynccontextmanager
async def _local(
    folder: DataFolder, setups: Sequence[TerminalSetup], settings: EngineSettings, runtime: Runtime
) -> AsyncIterator[Desk]:
    from tillbridge.cli.local_desk import LocalDesk  # noqa: PLC0415  # a quarter of a second that a remote one saves

    async with open_engine(folder.path, setups, settings, runtime) as engine:
        yield LocalDesk(engine)


@asynccontextmanager
async def _remote(url: str, key: str) -> AsyncIterator[Desk]:
    from tillbridge.cli.remote_desk import remote_desk  # noqa: PLC0415  # an HTTP client that a local one saves

    async with remote_desk(url, key) as desk:
        yield desk


def _own_or_address(folder: Path, stack: ExitStack | AsyncExitStack) -> DataFolder | Address:
    """Whoever has the lock is the connector: an address that a dead one left behind deceives nobody."""
    try:
        return stack.enter_context(owned(folder))
    except BridgeError as error:
        address = DataFolder(folder).address() if error.code is Code.FOLDER_IN_USE else None
        if address is None:
            raise
        return address


def _noted_folder() -> Path:
    """The data folder of the one connector of this user that runs."""
    running = [folder for folder in noted_folders() if _runs(folder)]
    if len(running) == 1:
        return running[0]
    if not running:
        raise BridgeError(
            Code.CONNECTOR_STOPPING, "no connector of this user runs: start one, or say where with --config or --data"
        )
    folders = ", ".join(map(str, running))
    raise BridgeError(Code.SETTINGS_INVALID, f"several connectors run: choose one of {folders}", place="--data")


def _runs(folder: Path) -> bool:
    if not (folder / LOCK_FILE).is_file():
        return False
    with ExitStack() as stack:
        try:
            return isinstance(_own_or_address(folder, stack), Address)
        except BridgeError:
            return False


def _settings(where: Where) -> ConnectorSettings | None:
    return None if where.config is None else load_settings(where.config)


def _folder(where: Where, settings: ConnectorSettings | None) -> Path | None:
    return where.data if settings is None else settings.data


def _key(folder: Path | None) -> str:
    key = os.environ.get(KEY_VARIABLE) or (None if folder is None else DataFolder(folder).known_key())
    if key is None:
        raise BridgeError(
            Code.UNAUTHENTICATED, f"the connector's key is not known: set {KEY_VARIABLE}, or give --data as well"
        )
    return key


def _terminals(
    settings: ConnectorSettings | None, direct: Configured | None, folder: DataFolder
) -> Sequence[Configured]:
    if direct is not None:
        return [direct]
    if settings is not None:
        return settings.terminals
    raise BridgeError(
        Code.SETTINGS_INVALID,
        "no connector runs on this data folder: start it, or name the terminal with --config or with --driver",
        place=str(folder.path),
    )
