"""What the demo consists of: its folder, its ports, and the files that it writes for the connector and for a person."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from tillbridge.connector.secret_values import hash_password
from tillbridge.connector.settings import CONSOLE_PORT, LOCAL
from tillbridge.domain.errors import BridgeError, Code

V2: Final = "counter"
V3: Final = "counter-v3"
"""The demo's terminals; the connector and the virtual terminals' control know them by the same names."""

LOGIN: Final = "log"
PASSWORD: Final = "pwd"  # noqa: S105  # the password of a demo on this computer alone, printed in every guide
HIPAY_PORT: Final = 8080
HIPAY_V3_PORT: Final = 8081
V2_PORT: Final = 18887
V3_PORT: Final = 18888
CONTROL_PORT: Final = 8680
HIGHEST_PORT: Final = 65535

PTYS: Final = sys.platform != "win32"
"""Where there are no ptys, the virtual Concert V2 terminal listens on TCP, as some makers' terminals do."""

SETTINGS_FILE: Final = "demo.yml"
REQUEST_FILE: Final = "request.json"
LINE_LINK: Final = "concert-v2"
LEDGERS: Final = "virtual-terminals"


@dataclass(frozen=True, slots=True)
class Plan:
    """`folder` is absolute, `offset` is added to every port, `delay` is how long the virtual customer takes."""

    folder: Path
    offset: int = 0
    delay: float = 1.0

    def __post_init__(self) -> None:
        highest = max(port for port, _ in self._usual_ports())
        if not 0 <= self.offset <= HIGHEST_PORT - highest:
            raise BridgeError(Code.FIELD_INVALID, f"it goes from 0 to {HIGHEST_PORT - highest}", place="--port-offset")

    @property
    def console_port(self) -> int:
        """The console and the native interface."""
        return CONSOLE_PORT + self.offset

    @property
    def hipay_ports(self) -> dict[str, int]:
        """The HiPay-compatible door of each terminal."""
        return {V2: HIPAY_PORT + self.offset, V3: HIPAY_V3_PORT + self.offset}

    @property
    def v2_port(self) -> int:
        """The virtual Concert V2 terminal, where there are no ptys."""
        return V2_PORT + self.offset

    @property
    def v3_port(self) -> int:
        """The virtual Concert V3 terminal."""
        return V3_PORT + self.offset

    @property
    def control_port(self) -> int:
        """Where a person plays the customer and the mishaps."""
        return CONTROL_PORT + self.offset

    @property
    def line(self) -> Path:
        """The link to the pty of the virtual Concert V2 terminal."""
        return self.folder / LINE_LINK

    @property
    def settings(self) -> Path:
        """The connector's settings file."""
        return self.folder / SETTINGS_FILE

    @property
    def request(self) -> Path:
        """A body for the HiPay-compatible door."""
        return self.folder / REQUEST_FILE

    def ledger(self, terminal: str) -> Path:
        """What this virtual terminal knows of money; it outlives everything."""
        return self.folder / LEDGERS / f"{terminal}.jsonl"

    def ports(self) -> Iterator[tuple[int, str]]:
        """Every port with what it is for."""
        return ((port + self.offset, role) for port, role in self._usual_ports())

    def write_files(self) -> None:
        """Writes the connector's settings and a till's request."""
        text = json.dumps(self._connector(), indent=2)
        self.settings.write_text(f"# Written anew at each start of `tillbridge demo`.\n{text}\n", encoding="utf-8")
        example = files("tillbridge.protocols.hipay") / "request.example.json"
        self.request.write_bytes(example.read_bytes())

    def _usual_ports(self) -> list[tuple[int, str]]:
        v2 = [] if PTYS else [(V2_PORT, "the virtual Concert V2 terminal")]
        return [
            (CONSOLE_PORT, "the console"),
            (HIPAY_PORT, f"the HiPay door for {V2}"),
            (HIPAY_V3_PORT, f"the HiPay door for {V3}"),
            *v2,
            (V3_PORT, "the virtual Concert V3 terminal"),
            (CONTROL_PORT, "the control of the virtual terminals"),
        ]

    def _connector(self) -> dict[str, Any]:
        v2 = {"serial": {"port": str(self.line)}} if PTYS else {"tcp": {"host": LOCAL, "port": self.v2_port}}
        v3 = {"host": LOCAL, "port": self.v3_port}
        return {
            "data": str(self.folder),
            "console": {"port": self.console_port},
            "log": {"console": "off"},
            "terminals": [
                {"name": V2, "driver": "concert-v2", "settings": v2},
                {"name": V3, "driver": "concert-v3", "settings": v3},
            ],
            "doors": [self._door(terminal, port) for terminal, port in self.hipay_ports.items()],
        }

    def _door(self, terminal: str, port: int) -> dict[str, Any]:
        settings = {
            "port": port,
            "terminal": terminal,
            "api_username": LOGIN,
            "api_password_hash": hash_password(PASSWORD),
        }
        return {"name": f"hipay-{terminal}", "door": "hipay", "settings": settings}
