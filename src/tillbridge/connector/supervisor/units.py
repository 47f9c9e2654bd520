"""The systemd unit that starts the supervisor with the computer.

What is closed off here is everything that a connector does not need. Left open on purpose: the serial ports (no
`PrivateDevices`, no `DeviceAllow`, and no `ProtectClock`, which brings a `DeviceAllow` of its own and with it a closed
list of ports), Bluetooth, and memory that is made executable, which parts of the cryptography need.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tillbridge.connector.supervisor.child import LEAVE_SECONDS
from tillbridge.connector.supervisor.words import STOPPED_BY_WISH

NAME: Final = "tillbridge.service"

STOP_SECONDS: Final = 120
"""The supervisor waits `LEAVE_SECONDS` for the connector, which waits 75 for a running payment; then all closes."""

_HOMES: Final = ("/home", "/root", "/run/user")

_CLOSED: Final = """\
ProtectSystem=strict
PrivateTmp=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_BLUETOOTH
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
CapabilityBoundingSet=
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """`command` starts the supervisor. `writable` are the folders that it and the connector write to.

    `account` is whom it runs as; None for a unit of the user who installs it, which the user's own systemd runs.
    """

    command: Sequence[str]
    writable: Sequence[Path]
    account: str | None

    def text(self) -> str:
        """The file."""
        assert LEAVE_SECONDS < STOP_SECONDS  # noqa: S101  # or a payment would be killed that still has its time
        wanted_by = "default.target" if self.account is None else "multi-user.target"
        return (
            "[Unit]\n"
            "Description=tillbridge, the connector between till and card terminal\n"
            "# It needs no network to start: what is not there yet is waited for.\n"
            "After=network.target\n"
            "StartLimitIntervalSec=0\n"
            "\n"
            "[Service]\n"
            "Type=exec\n"
            f"ExecStart={' '.join(quoted(word).replace('$', '$$') for word in self.command)}\n"
            "Restart=always\n"
            "RestartSec=1\n"
            "# A till has stopped it: it stays down until somebody starts it, or the computer does.\n"
            f"RestartPreventExitStatus={STOPPED_BY_WISH}\n"
            f"SuccessExitStatus={STOPPED_BY_WISH}\n"
            "# A running payment is waited for.\n"
            f"TimeoutStopSec={STOP_SECONDS}\n"
            "UMask=0077\n"
            "NoNewPrivileges=yes\n"
            f"{self._account()}"
            "\n"
            "[Install]\n"
            f"WantedBy={wanted_by}\n"
        )

    def _account(self) -> str:
        if self.account is None:
            return ""  # a user's systemd may not close these things off
        folders = " ".join(quoted(str(folder)) for folder in self.writable)
        at_home = any(folder.is_relative_to(home) for folder in self.writable for home in _HOMES)
        return (
            f"User={self.account}\n"
            "SupplementaryGroups=dialout\n"
            f"ProtectHome={'read-only' if at_home else 'yes'}\n"
            f"ReadWritePaths={folders}\n"
            f"{_CLOSED}"
        )


def quoted(word: str) -> str:
    """One word of a unit file, as systemd.service(5) and systemd.syntax(7) have it: also a path with spaces."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
