"""A Debian package of a built version: files under /usr/lib/tillbridge, a service, a user of its own.

It is updated by the system's own means, so that the updater is off: the program does not lie in a folder of versions.
"""

import subprocess
import threading
from importlib.resources import files
from pathlib import Path
from typing import Final

from tillbridge.connector.publishing import debian, packing
from tillbridge.connector.publishing.installing import needed_glibc
from tillbridge.connector.publishing.keys import refuse
from tillbridge.connector.supervisor.units import Unit
from tillbridge.connector.updates.archive import FILE_MODE, PROGRAM_MODE, unpack
from tillbridge.connector.updates.release import LARGEST_UNPACKED, RELEASE_FILE, ROOT_FILE, Shipped, read_shipped

ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}

LIBRARY: Final = "usr/lib/tillbridge"
STATE: Final = Path("/var/lib/tillbridge")
SETTINGS: Final = STATE / "connector.yml"
"""Beside the journal and not in /etc: the setup writes it, the console may, and a package never asks about it."""
ACCOUNT: Final = "tillbridge"

CONFFILES: Final = ("/etc/default/tillbridge",)
SCRIPTS: Final = ("postinst", "prerm", "postrm")

BUILD_SECONDS: Final = 600.0
"""dpkg-deb packs a hundred megabytes in half a minute."""


def make_debian_package(archive: Path, output: Path) -> Path:
    """The package of the version in this archive. Raises `BridgeError(RELEASE_REFUSED)`."""
    output.mkdir(parents=True, exist_ok=True)
    with packing.temporary_folder(output) as work:
        tree = work / "tree"
        library = tree / LIBRARY
        library.parent.mkdir(parents=True)
        unpack(archive, library, LARGEST_UNPACKED, threading.Event())
        shipped = read_shipped(library)
        system, _, machine = ("", "", "") if shipped is None else shipped.kind.partition("-")
        if shipped is None or system != "linux" or machine not in ARCHITECTURES:
            raise refuse("a Debian package is made of an archive for Linux", str(archive))
        for name in (RELEASE_FILE, ROOT_FILE):  # for the updater, which is off here
            (library / name).unlink()
        _lay_out(tree, shipped, ARCHITECTURES[machine])
        made = output / f"tillbridge_{debian_version(shipped.version)}_{ARCHITECTURES[machine]}.deb"
        _pack(tree, work / "made.deb")
        return (work / "made.deb").replace(made)


def debian_version(version: str) -> str:
    """The same order in Debian's terms: there a tilde comes before everything, so that 1.0~rc1 is before 1.0."""
    for mark in ("a", "b", "rc", ".dev"):
        head, found, tail = version.partition(mark)
        if found:
            return f"{head}~{mark.lstrip('.')}{tail}"
    return version


def _lay_out(tree: Path, shipped: Shipped, architecture: str) -> None:
    unit = Unit(
        command=(f"/{LIBRARY}/tillbridge", "supervise", "--config", str(SETTINGS)),
        writable=(STATE,),
        account=ACCOUNT,
    )
    _write(tree / "usr/lib/systemd/system/tillbridge.service", unit.text(), FILE_MODE)
    _write(tree / "usr/bin/tillbridge", _text("tillbridge.sh"), PROGRAM_MODE)
    _write(tree / "etc/default/tillbridge", _text("default"), FILE_MODE)
    _write(tree / "usr/share/doc/tillbridge/copyright", _text("copyright"), FILE_MODE)
    size = sum(path.stat().st_size for path in packing.files(tree)) // 1024
    values = {
        "VERSION": debian_version(shipped.version),
        "ARCHITECTURE": architecture,
        "SIZE": str(size),
        "GLIBC": needed_glibc(),
    }
    control = _text("control")
    for key, value in values.items():
        control = control.replace(f"@{key}@", value)
    _write(tree / "DEBIAN/control", control, FILE_MODE)
    _write(tree / "DEBIAN/conffiles", "".join(f"{path}\n" for path in CONFFILES), FILE_MODE)
    for name in SCRIPTS:
        _write(tree / "DEBIAN" / name, _text(f"{name}.sh"), PROGRAM_MODE)


def _pack(tree: Path, made: Path) -> None:
    for folder in (tree, *(path for path in tree.rglob("*") if path.is_dir())):
        folder.chmod(PROGRAM_MODE)  # whatever the mask of whoever builds: the package's folders are open to read
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(tree), str(made)]
    try:
        done = subprocess.run(  # noqa: S603  # of the system, with paths that are ours
            command, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS
        )
    except FileNotFoundError:
        raise refuse("dpkg-deb is not installed: apt-get install dpkg") from None
    except subprocess.TimeoutExpired:
        raise refuse(f"dpkg-deb took longer than {BUILD_SECONDS:g} seconds") from None
    if done.returncode != 0:
        raise refuse(f"dpkg-deb ended with {done.returncode}: {done.stderr.strip()[:300]}")


def _text(name: str) -> str:
    return (files(debian) / name).read_text(encoding="utf-8")


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
