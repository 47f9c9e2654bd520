"""The archive that a dealer brings: a whole version, the scripts, and nothing that has to be installed before.

The version inside is what fetches the newest one. Nothing smaller can: a shell has no way to check a signature, and a
download that is not checked is what an installer must never start. So the archive works without a network too.
"""

import platform
import threading
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Final

from tillbridge.connector.publishing import installer, packing
from tillbridge.connector.publishing.keys import refuse
from tillbridge.connector.supervisor import scripts
from tillbridge.connector.updates.archive import unpack
from tillbridge.connector.updates.layout import CURRENT, VERSIONS
from tillbridge.connector.updates.release import LARGEST_UNPACKED, Shipped, read_shipped

NAME: Final = "setup-concertv2-{system}.zip"
"""As the payment provider's installers are called, so that its instructions hold word by word."""

SYSTEMS: Final = {"linux": "linux", "windows": "windows_64"}

LINUX_SCRIPTS: Final = ("launch.sh", "always-up.sh", "supervise.sh")

_PLAIN_FILE: Final = 0o100644 << 16
_PROGRAM: Final = 0o100755 << 16
_DATE: Final = (2000, 1, 1, 0, 0, 0)
"""Of every file: two archives of the same version are the same."""


def make_installer(archive: Path, output: Path, wanted: str, setup_program: Path | None = None) -> Path:
    """The installer for the version in this archive. Windows needs the built `setup.exe` beside it.

    Raises `BridgeError(RELEASE_REFUSED)`, or what the archive is refused with.
    """
    output.mkdir(parents=True, exist_ok=True)
    with packing.temporary_folder(output) as work:
        version = work / "version"
        unpack(archive, version, LARGEST_UNPACKED, threading.Event())
        shipped = read_shipped(version)
        if shipped is None:
            raise refuse("it does not say which version it holds", str(archive))
        system, _, machine = shipped.kind.partition("-")
        if system != wanted or system not in SYSTEMS:
            raise refuse(f"it is for {shipped.kind}, and no installer for {wanted} can be made of it", str(archive))
        made = work / "installer.zip"
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for name, content, mode in _scripts(system, machine, shipped, setup_program):
                _add(packed, name, content, mode)
            _add(packed, CURRENT, f"{shipped.version}\n".encode(), _PLAIN_FILE)
            for path in packing.files(version):
                name = f"{VERSIONS}/{shipped.version}/{path.relative_to(version).as_posix()}"
                _add(packed, name, path.read_bytes(), _PROGRAM if packing.runs(path) else _PLAIN_FILE)
        return made.replace(output / NAME.format(system=SYSTEMS[system]))


def _scripts(system: str, machine: str, shipped: Shipped, setup_program: Path | None) -> list[tuple[str, bytes, int]]:
    values = {"VERSION": shipped.version, "MACHINE": machine, "GLIBC": needed_glibc()}
    if system == "linux":
        made = [("setup.sh", _template("setup.sh", values), _PROGRAM)]
        made += [(name, scripts.shipped(name).encode(), _PROGRAM) for name in LINUX_SCRIPTS]
        return [*made, ("READ-ME.txt", _template("READ-ME.txt", values), _PLAIN_FILE)]
    if setup_program is None:
        raise refuse("an installer for Windows needs setup.exe, which the build there makes")
    made = [("setup.exe", setup_program.read_bytes(), _PROGRAM)]
    made += [(name, _for_windows(scripts.shipped(name).encode()), _PLAIN_FILE) for name in scripts.WINDOWS]
    return [*made, ("READ-ME.txt", _for_windows(_template("READ-ME-windows.txt", values)), _PLAIN_FILE)]


def needed_glibc() -> str:
    """The C library of the build: a program runs with it and with newer ones."""
    return platform.libc_ver()[1] or "?"


def _template(name: str, values: dict[str, str]) -> bytes:
    text = (files(installer) / name).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text.encode()


def _for_windows(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _add(packed: zipfile.ZipFile, name: str, content: bytes, mode: int) -> None:
    member = zipfile.ZipInfo(name, _DATE)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.create_system = 3  # Unix: what may be run is marked so
    member.external_attr = mode
    packed.writestr(member, content)
