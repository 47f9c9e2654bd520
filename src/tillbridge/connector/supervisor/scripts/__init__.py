"""The scripts for computers without a service of their own, and how they are filled in.

As they are shipped they find everything beside themselves, in the folder of a packaged connector (`updates/layout.py`).
`tillbridge service install` writes copies in which the program and the settings file are named.
"""

import shlex
from importlib.resources import files
from typing import Final

from tillbridge.domain.errors import BridgeError, Code

POSIX: Final = ("always-up.sh", "launch.sh", "supervise.sh")
WINDOWS: Final = ("always-up.cmd", "launch.cmd")

_NOT_IN_A_BATCH_FILE: Final = frozenset('"\r\n')
"""What a quoted value of a batch file cannot hold; no name of a file on Windows has a quotation mark."""


def shipped(name: str) -> str:
    """The script as it is shipped."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def posix_script(name: str, **values: str) -> str:
    """A script of `POSIX` with these variables set: `program`, `config`, `lock`."""
    return _filled(shipped(name), {f"{key}=''": f"{key}={shlex.quote(value)}" for key, value in values.items()}, name)


def windows_script(name: str, **values: str) -> str:
    """A script of `WINDOWS` with these variables set, with the line ends that its interpreter needs.

    `BridgeError(FIELD_INVALID)` for a path that a batch file cannot name.
    """
    for key, value in values.items():
        if not _NOT_IN_A_BATCH_FILE.isdisjoint(value):
            raise BridgeError(Code.FIELD_INVALID, "a path with a quotation mark cannot be named there", place=key)
    # In a batch file a percent sign is written twice.
    doubled = {key.upper(): value.replace("%", "%%") for key, value in values.items()}
    lines = {f'set "{key}="': f'set "{key}={value}"' for key, value in doubled.items()}
    return _filled(shipped(name), lines, name).replace("\r\n", "\n").replace("\n", "\r\n")


def _filled(text: str, lines: dict[str, str], name: str) -> str:
    found = text.split("\n")
    for wanted, line in lines.items():
        if wanted not in found:
            raise BridgeError(Code.INTERNAL, f"the script has no line {wanted!r}", place=name)
        found[found.index(wanted)] = line
    return "\n".join(found)
