"""Which start of the computer this is: "until the next boot" must not depend on a clock that somebody may set."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
"""Random, and new at each start of a Linux kernel (random(4))."""

_COUNTER: Final = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"
"""Where Windows counts its starts, readable by every user."""


def boot_id() -> str:
    """A text that stays the same until the computer starts again; empty where the system does not say."""
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415  # only there

        with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _COUNTER) as key:
            return str(winreg.QueryValueEx(key, "BootId")[0])
    else:
        with suppress(OSError):
            return BOOT_ID.read_text(encoding="ascii").strip()
    return ""
