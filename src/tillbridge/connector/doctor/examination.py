"""All checks of one connector: what there is to look at, side by side, each within its time."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from tillbridge.connector.doctor.doors import CONNECT_SECONDS, look_at_door, places
from tillbridge.connector.doctor.files import look_at_disk, look_at_folder, look_at_secrets, look_at_settings
from tillbridge.connector.doctor.findings import Check, Finding, Part, Saw, unknown, wrong
from tillbridge.connector.doctor.installation import look_at_supervisor, look_at_version
from tillbridge.connector.doctor.journal import look_at_journal
from tillbridge.connector.doctor.lines import lines_in_use, look_at_port
from tillbridge.connector.doctor.portal import look_at_link
from tillbridge.connector.doctor.providers import providers
from tillbridge.connector.doctor.reach import ALL_SECONDS
from tillbridge.connector.doctor.scene import ANSWER_SECONDS, Daemon, Scene
from tillbridge.connector.doctor.servers import (
    Server,
    look_at_clock,
    look_at_portal_certificate,
    look_at_provider,
    portal_place,
)
from tillbridge.connector.doctor.terminals import HEALTH_SECONDS, look_at_running, look_at_terminal
from tillbridge.connector.settings import ConnectorSettings
from tillbridge.connector.settings_file import load_settings
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.data_folder import DataFolder, owned
from tillbridge.runtime.effects import Runtime

FILE_SECONDS: Final = 15.0
"""For a look at files: a disk that takes longer is itself what is wrong."""

JOURNAL_SECONDS: Final = 60.0
"""For reading all of a journal: a million payments on a slow disk take a third of it."""

MARGIN_SECONDS: Final = 5.0
"""So much more than what a look bounds by itself, so that its own words come before the time-out's."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Examined:
    """One check that is over, with what it found and how many seconds it took."""

    check: Check
    findings: tuple[Finding, ...]
    seconds: float


@asynccontextmanager
async def scene_of(file: Path, runtime: Runtime, environment: Mapping[str, str] = os.environ) -> AsyncIterator[Scene]:
    """The connector of this settings file; where none runs, its data folder is ours for as long as the block runs.

    A data folder that is not there yet is not made: looking changes nothing.
    """
    settings, fault = _settings(file, environment)
    with ExitStack() as stack:
        if settings is None or not settings.data.is_dir():
            yield Scene(file, settings, fault, runtime)
            return
        try:
            stack.enter_context(owned(settings.data))
        except BridgeError as error:
            yield Scene(file, settings, None, runtime, daemon=_daemon(settings, error), refused=error)
            return
        yield Scene(file, settings, None, runtime, owned=True)


def _settings(file: Path, environment: Mapping[str, str]) -> tuple[ConnectorSettings | None, BridgeError | None]:
    try:
        return load_settings(file, environment), None
    except BridgeError as error:
        return None, error


def _daemon(settings: ConnectorSettings, error: BridgeError) -> Daemon | None:
    folder = DataFolder(settings.data)
    try:
        address = folder.address() if error.code is Code.FOLDER_IN_USE else None
        return None if address is None else Daemon(address, folder.known_key())
    except BridgeError:
        return None


def checks_of(scene: Scene) -> list[Check]:
    """What there is to look at, in the order of a report."""

    def one(part: Part, look: Callable[[Scene], object], seconds: float, subject: str = "") -> Check:
        return Check(part, subject, partial(look, scene), seconds)  # type: ignore[arg-type]  # a look of a scene

    asking = ANSWER_SECONDS + MARGIN_SECONDS
    found = [one(Part.SETTINGS, look_at_settings, FILE_SECONDS)]
    if scene.settings is None:
        return [*found, one(Part.VERSION, look_at_version, asking)]
    found += [
        one(Part.SECRETS, look_at_secrets, FILE_SECONDS),
        one(Part.FOLDER, look_at_folder, asking),
        one(Part.DISK, look_at_disk, FILE_SECONDS),
        one(Part.JOURNAL, look_at_journal, JOURNAL_SECONDS),
    ]
    return [
        *found,
        *_of_lines(scene),
        *_of_servers(scene),
        one(Part.PORTAL, look_at_link, asking),
        one(Part.VERSION, look_at_version, asking),
        one(Part.SUPERVISOR, look_at_supervisor, FILE_SECONDS),
    ]


def _of_lines(scene: Scene) -> list[Check]:
    found = [
        Check(Part.PORT, name, partial(look_at_port, name, line), FILE_SECONDS) for name, line in lines_in_use(scene)
    ]
    if scene.daemon is not None:
        found.append(Check(Part.TERMINAL, "", partial(look_at_running, scene), ANSWER_SECONDS + MARGIN_SECONDS))
    elif scene.refused is None and scene.settings is not None:
        seconds = HEALTH_SECONDS + MARGIN_SECONDS
        found += [
            Check(Part.TERMINAL, one.name, partial(look_at_terminal, scene, one), seconds)
            for one in scene.settings.terminals
        ]
    seconds = CONNECT_SECONDS + MARGIN_SECONDS
    doors = [Check(Part.DOOR, name, partial(look_at_door, scene, name, at), seconds) for name, at in places(scene)]
    return [*found, *doors]


def _of_servers(scene: Scene) -> list[Check]:
    """The provider's servers, the portal's certificate, and the clock, which is compared with one of them."""
    seconds = ALL_SECONDS + MARGIN_SECONDS
    place, paid_by = portal_place(scene), providers(scene)
    asked = list(paid_by)
    if place is not None:
        asked.append(Server(Part.PORTAL, place.address, place.ca))
    found = [Check(Part.CLOCK, "", partial(look_at_clock, scene, asked), len(asked) * ALL_SECONDS + MARGIN_SECONDS)]
    found += [
        Check(Part.PROVIDER, server.address, partial(look_at_provider, scene, server), seconds) for server in paid_by
    ]
    if not paid_by:
        found.append(Check(Part.PROVIDER, "", _no_provider, FILE_SECONDS))
    if place is not None:
        look = partial(look_at_portal_certificate, scene, place)
        found.append(Check(Part.CERTIFICATE, "", look, seconds))
    return found


async def _no_provider() -> Sequence[Finding]:
    return [unknown(Part.PROVIDER, Saw.PROVIDER_NONE)]


async def examine(checks: Sequence[Check], told: Callable[[Examined], None] = lambda _: None) -> list[Examined]:
    """Makes all checks at once and tells of each as it ends; the list is in the order of the report."""
    over: dict[int, Examined] = {}

    async def run(place: int, check: Check) -> None:
        over[place] = await _made(check)
        told(over[place])

    async with asyncio.TaskGroup() as group:
        for place, check in enumerate(checks):
            group.create_task(run(place, check))
    order = list(Part)
    return sorted((over[place] for place in range(len(checks))), key=lambda one: order.index(one.check.part))


async def _made(check: Check) -> Examined:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        async with asyncio.timeout(check.seconds):
            findings = tuple(await check.look())
    except TimeoutError:
        findings = (wrong(check.part, Saw.LOOK_TIMED_OUT, check.subject, seconds=f"{check.seconds:g}"),)
    except BridgeError as error:
        told = wrong(check.part, Saw.LOOK_FAILED, check.subject, detail=str(error))
        findings = (Finding(told.part, told.verdict, told.saw, told.subject, told.facts, code=error.code),)
    except Exception as error:
        # One look that breaks takes no other with it; its own words may quote what nobody should read.
        log.exception("look_failed", part=check.part, subject=check.subject)
        findings = (wrong(check.part, Saw.LOOK_FAILED, check.subject, detail=type(error).__name__),)
    return Examined(check, findings, round(loop.time() - begun, 3))
