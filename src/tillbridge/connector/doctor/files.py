"""The settings file, the secrets beside it, the data folder and its disk."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tillbridge.connector.doctor.findings import Finding, Part, Saw, care, unknown, well, wrong
from tillbridge.connector.doctor.scene import NotAnswered, Scene
from tillbridge.connector.portal.desk import KEYSTORE_FILE
from tillbridge.runtime.data_folder import KEY_FILE, NEEDED_BYTES, SCARCE_BYTES

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO

SECRET_FILES: Final = (KEY_FILE, KEYSTORE_FILE, "portal-keystore.key", "webhook-secrets.json", "sealed-secrets.json")
"""Files of a data folder that are for its user alone."""


async def look_at_settings(scene: Scene) -> Sequence[Finding]:
    """Whether the settings file is there and right, with everything that is wrong in it."""
    file = str(scene.file)
    if scene.fault is None:
        return [well(Part.SETTINGS, Saw.SETTINGS_RIGHT, file=file)]
    if not scene.file.is_file():
        return [wrong(Part.SETTINGS, Saw.SETTINGS_MISSING, file=file)]
    sentences = getattr(scene.fault, "sentences", None) or [str(scene.fault)]
    return [
        Finding(
            Part.SETTINGS,
            found.verdict,
            found.saw,
            facts={"file": file, "detail": sentence},
            code=scene.fault.code,
        )
        for sentence in sentences
        for found in [wrong(Part.SETTINGS, Saw.SETTINGS_WRONG)]
    ]


async def look_at_secrets(scene: Scene) -> Sequence[Finding]:
    """Whether the files that hold secrets can be read, and by nobody else.

    A secret that the settings refer to and that is not there is a fault of the settings, and was said with them.
    """
    folder = scene.folder
    if folder is None:
        return []
    found = list(_secret_files(folder))
    return found or [well(Part.SECRETS, Saw.SECRETS_SAFE)]


def _secret_files(folder: Path) -> Iterator[Finding]:
    for name in SECRET_FILES:
        path = folder / name
        try:
            mode = path.stat().st_mode
            with path.open("rb") as file:
                file.read(1)
        except FileNotFoundError:
            continue
        except OSError as error:
            yield wrong(Part.SECRETS, Saw.SECRET_FILE_UNREADABLE, name, file=str(path), detail=error.strerror or "")
            continue
        if os.name == "posix" and mode & OTHERS:
            open_one = care(Part.SECRETS, Saw.SECRET_FILE_OPEN, name, file=str(path))
            yield Finding(open_one.part, open_one.verdict, open_one.saw, name, open_one.facts, f"chmod 600 '{path}'")


async def look_at_folder(scene: Scene) -> Sequence[Finding]:
    """Who has the data folder, and whether the connector that has it answers."""
    folder = scene.folder
    if folder is None:
        return []
    if scene.daemon is not None:
        return await _running(scene)
    if scene.owned:
        return [care(Part.FOLDER, Saw.CONNECTOR_RESTS, folder=str(folder))]
    if scene.refused is None:
        return [care(Part.FOLDER, Saw.FOLDER_MISSING, folder=str(folder))]
    saw = Saw.FOLDER_HELD if scene.refused.code == "folder_in_use" else Saw.FOLDER_UNUSABLE
    found = wrong(Part.FOLDER, saw, folder=str(folder), detail=scene.refused.detail)
    return [Finding(found.part, found.verdict, saw, facts=found.facts, code=scene.refused.code)]


async def _running(scene: Scene) -> list[Finding]:
    daemon = scene.daemon
    if daemon is None:
        return []
    where = {"url": daemon.address.url, "pid": str(daemon.address.pid)}
    try:
        said: Any = await daemon.get("v1/health")
    except NotAnswered as error:
        return [wrong(Part.FOLDER, Saw.CONNECTOR_DEAF, detail=str(error), **where)]
    found = [well(Part.FOLDER, Saw.CONNECTOR_RUNS, **where)]
    if isinstance(said, dict) and said.get("ready") is False:
        troubles = said.get("troubles")
        names = [str(one.get("trouble")) for one in troubles if isinstance(one, dict)] if troubles else []
        found.append(wrong(Part.FOLDER, Saw.CONNECTOR_UNREADY, detail=", ".join(names)))
    return found


async def look_at_disk(scene: Scene) -> Sequence[Finding]:
    """Whether a payment can be written down."""
    folder = scene.folder
    if folder is None:
        return []
    there = next((one for one in (folder, *folder.parents) if one.is_dir()), None)
    if there is None:
        return [unknown(Part.DISK, Saw.LOOK_FAILED, detail=str(folder))]
    free = shutil.disk_usage(there).free
    facts = {"free": f"{free >> 20} MiB", "folder": str(folder), "needed": f"{NEEDED_BYTES >> 20} MiB"}
    if free < NEEDED_BYTES:
        return [wrong(Part.DISK, Saw.DISK_FULL, **facts)]
    if free < SCARCE_BYTES:
        return [care(Part.DISK, Saw.DISK_SCARCE, **facts)]
    return [well(Part.DISK, Saw.DISK_ROOMY, **facts)]


def program_name() -> str:
    """What a person types to run this program."""
    return "tillbridge.exe" if sys.platform == "win32" else "tillbridge"
