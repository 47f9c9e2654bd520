"""How versions and computers are called, and which version is newer."""

import platform
import re
import sys
from typing import Final

from packaging.version import InvalidVersion, Version

from tillbridge.connector.updates.layout import LONGEST_VERSION

_PLAIN: Final = re.compile(r"[0-9][0-9a-z.]*\Z")
"""What the name of a version's folder may hold: no separator of paths, no sign that a shell or Windows reads."""

_MACHINES: Final = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
"""Other names of the same processors."""


def version_of(text: str) -> Version | None:
    """The version (PEP 440) in its one normal form, fit to name a folder; None for anything else.

    Two spellings of one version would be two folders, so that `1.0` passes and `1.00`, `v1.0` and `1.0+x` do not.
    """
    if len(text) > LONGEST_VERSION or _PLAIN.match(text) is None:
        return None
    try:
        version = Version(text)
    except InvalidVersion:
        return None
    return version if str(version) == text else None


def newer(found: str, running: str) -> bool:
    """Whether `found` is strictly newer than `running`; False where either is no version."""
    one, other = version_of(found), version_of(running)
    return one is not None and other is not None and one > other


def this_computer() -> str:
    """The name of this computer's kind in a repository: `linux-x86_64`, `windows-x86_64`."""
    system = "windows" if sys.platform == "win32" else sys.platform
    machine = platform.machine().lower()
    return f"{system}-{_MACHINES.get(machine, machine)}"
