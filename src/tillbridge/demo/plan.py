"""What the demo consists of: its folder, its ports, and the files that it writes for the connector and for a person."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from tillbridge.connector.settings import CONSOLE_PORT, LOCAL
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.settings import PORTAL_PORT
from tillbridge.psp.hipay.sandbox.credentials import Credentials
from tillbridge.psp.hipay.sandbox.settings import PORT as PROVIDER_PORT
from tillbridge.runtime.settings.secret_values import hash_password

V2: Final = "counter"
V3: Final = "counter-v3"
TOUCH: Final = "touch"
MYPOS: Final = "mypos"
"""The demo's terminals; the connector and the virtual terminals' control know them by the same names."""

TERMINALS: Final = (V2, V3, TOUCH, MYPOS)
CURRENCY: Final = "EUR"

LOGIN: Final = "log"
PASSWORD: Final = "pwd"  # noqa: S105  # the password of a demo on this computer alone, printed in every guide
HIPAY_PORT: Final = 8080
HIPAY_V3_PORT: Final = 8081
V2_PORT: Final = 18887
V3_PORT: Final = 18888
TOUCH_PORT: Final = 13350
MYPOS_PORT: Final = 11042
V3_DOOR_PORT: Final = 28888
TOUCH_DOOR_PORT: Final = 23350
MYPOS_DOOR_PORT: Final = 21042
V2_DOOR_PORT: Final = 28887
"""The wires' own ports 33350 and 51042 lie where Linux takes ports for outgoing connections."""

CONTROL_PORT: Final = 8680
PROVIDER_FOLDER: Final = "provider"

PROVIDER: Final = Credentials(
    login="10047110.stage-secure-gateway.hipay-tpp.com",
    password="Test_provider",  # noqa: S106  # printed in every guide
    public_login="10047111.stage-secure-gateway.hipay-tpp.com",
    public_password="Test_public",  # noqa: S106  # printed in every guide
    hashkey="demo-hashkey",
    passphrase="demo-passphrase",  # noqa: S106  # printed in every guide
)
"""The demo's account at the provider's sandbox: always the same and printed, because it guards nothing."""

HIGHEST_PORT: Final = 65535

PTYS: Final = sys.platform != "win32"
"""Where there are no ptys, the virtual Concert V2 terminal listens on TCP, as some makers' terminals do."""

SETTINGS_FILE: Final = "demo.yml"
PORTAL_FILE: Final = "portal.yml"
PORTAL_FOLDER: Final = "portal"
REQUEST_FILE: Final = "request.json"
LINE_LINK: Final = "concert-v2"
TILL_LINK: Final = "till-concert-v2"
LEDGERS: Final = "virtual-terminals"


WRITTEN_ANEW: Final = "# Written anew at each start of `tillbridge demo`.\n"

DEMO_LOCATION: Final = "10047110"
"""The head office of the demo's bakery: not paired yet, so that a newcomer can do it."""


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
    def portal_port(self) -> int:
        """The portal."""
        return PORTAL_PORT + self.offset

    @property
    def portal_address(self) -> str:
        """What a browser and the connector type to reach the portal."""
        return f"http://localhost:{self.portal_port}"

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
    def touch_port(self) -> int:
        """The virtual touch-screen terminal."""
        return TOUCH_PORT + self.offset

    @property
    def mypos_port(self) -> int:
        """The virtual terminal of the XML wire."""
        return MYPOS_PORT + self.offset

    @property
    def till_line(self) -> Path:
        """The link to the pty on which a Concert V2 till finds its terminal."""
        return self.folder / TILL_LINK

    @property
    def door_ports(self) -> dict[str, int]:
        """The doors that speak a terminal's language, by that language."""
        ports = {"concert-v3": V3_DOOR_PORT, "touchscreen": TOUCH_DOOR_PORT, "mypos-xml": MYPOS_DOOR_PORT}
        if not PTYS:
            ports["concert-v2"] = V2_DOOR_PORT
        return {door: port + self.offset for door, port in ports.items()}

    @property
    def control_port(self) -> int:
        """Where a person plays the customer and the mishaps."""
        return CONTROL_PORT + self.offset

    @property
    def provider_port(self) -> int:
        """The sandbox of the payment provider."""
        return PROVIDER_PORT + self.offset

    @property
    def provider_address(self) -> str:
        """Where the connector reports payments to, and where a browser finds the provider's page."""
        return f"http://localhost:{self.provider_port}"

    @property
    def provider_notifies(self) -> str:
        """Where the provider sends its signed notifications: the connector takes them once it has the passphrase."""
        return f"http://localhost:{self.console_port}/v1/notifications/hipay"

    @property
    def provider_folder(self) -> Path:
        """What the provider keeps; it outlives everything."""
        return self.folder / PROVIDER_FOLDER

    def secret(self, name: str) -> Path:
        """A file with one of the demo's secrets at the provider: settings hold none in clear."""
        return self.folder / f"provider-{name}"

    @property
    def line(self) -> Path:
        """The link to the pty of the virtual Concert V2 terminal."""
        return self.folder / LINE_LINK

    @property
    def settings(self) -> Path:
        """The connector's settings file."""
        return self.folder / SETTINGS_FILE

    @property
    def portal_settings(self) -> Path:
        """The portal's settings file."""
        return self.folder / PORTAL_FILE

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
        self.settings.write_text(f"{WRITTEN_ANEW}{text}\n", encoding="utf-8")
        portal = json.dumps(self._portal(), indent=2)
        self.portal_settings.write_text(f"{WRITTEN_ANEW}{portal}\n", encoding="utf-8")
        example = files("tillbridge.protocols.hipay") / "request.example.json"
        self.request.write_bytes(example.read_bytes())

    def _usual_ports(self) -> list[tuple[int, str]]:
        v2 = [] if PTYS else [(V2_PORT, "the virtual Concert V2 terminal"), (V2_DOOR_PORT, "the Concert V2 door")]
        return [
            (CONSOLE_PORT, "the console"),
            (PORTAL_PORT, "the portal"),
            (HIPAY_PORT, f"the HiPay door for {V2}"),
            (HIPAY_V3_PORT, f"the HiPay door for {V3}"),
            *v2,
            (V3_PORT, "the virtual Concert V3 terminal"),
            (TOUCH_PORT, "the virtual touch-screen terminal"),
            (MYPOS_PORT, "the virtual myPOS terminal"),
            (V3_DOOR_PORT, "the Concert V3 door"),
            (TOUCH_DOOR_PORT, "the touch-screen door"),
            (MYPOS_DOOR_PORT, "the myPOS door"),
            (CONTROL_PORT, "the control of the virtual terminals"),
            (PROVIDER_PORT, "the provider's sandbox"),
        ]

    def _portal(self) -> dict[str, Any]:
        return {
            "data": str(self.folder / PORTAL_FOLDER),
            "address": self.portal_address,
            "listen": {"port": self.portal_port},
            "operator": {
                "name": "tillbridge demo",
                "sales_contact": "sales@tillbridge.example",
                "support_contact": "support@tillbridge.example",
            },
            "log_level": "warning",
        }

    def _connector(self) -> dict[str, Any]:
        v2 = {"serial": {"port": str(self.line)}} if PTYS else {"tcp": {"host": LOCAL, "port": self.v2_port}}
        v3 = {"host": LOCAL, "port": self.v3_port, "cancel": True}
        touch = {"host": LOCAL, "port": self.touch_port, "currencies": [CURRENCY]}
        mypos = {
            "host": LOCAL,
            "port": self.mypos_port,
            "currency": CURRENCY,
            "refund_enabled": True,
            "preauth_enabled": True,
        }
        return {
            "data": str(self.folder),
            "console": {"port": self.console_port},
            "log": {"console": "off"},
            "upstream": {"receivers": [self._receiver()]},
            "portal": {
                "address": self.portal_address,
                "location_number": DEMO_LOCATION,
                "accept_payments": True,
                "accept_configuration": True,
            },
            "terminals": [
                {"name": V2, "driver": "concert-v2", "settings": v2},
                {"name": V3, "driver": "concert-v3", "settings": v3},
                {"name": TOUCH, "driver": "touchscreen", "settings": touch},
                {"name": MYPOS, "driver": "mypos-xml", "settings": mypos},
            ],
            "doors": [
                *(self._hipay(terminal, port) for terminal, port in self.hipay_ports.items()),
                *self._wire_doors(),
            ],
        }

    def _receiver(self) -> dict[str, Any]:
        """The provider's sandbox is told of each approved payment, and its notifications are let in."""
        secrets = ("password", PROVIDER.password), ("hashkey", PROVIDER.hashkey), ("passphrase", PROVIDER.passphrase)
        for name, secret in secrets:
            self.secret(name).write_text(f"{secret}\n", encoding="utf-8")
        contract = {"payment_application": "001", "merchant_id": "1234567", "rank": "001"}
        return {
            "kind": "hipay",
            "enabled_by_merchant": True,
            "base_url": self.provider_address,
            "login": PROVIDER.login,
            "password": {"file": self.secret("password").name},
            "hashkey": {"file": self.secret("hashkey").name},
            "notification_passphrase": {"file": self.secret("passphrase").name},
            "contract": {"proxy": contract},
        }

    def _wire_doors(self) -> Iterator[dict[str, Any]]:
        """Each leads to a terminal of another wire: that is what the bridge is for."""
        ports = self.door_ports
        v2 = {"pty": str(self.till_line)} if PTYS else {"tcp": {"port": ports["concert-v2"]}}
        yield {"name": "till-concert-v2", "door": "concert-v2", "settings": {**v2, "terminal": V3}}
        v3 = {"port": ports["concert-v3"], "terminal": V2}
        yield {"name": "till-concert-v3", "door": "concert-v3", "settings": v3}
        touch = {"port": ports["touchscreen"], "terminal": MYPOS}
        yield {"name": "till-touchscreen", "door": "touchscreen", "settings": touch}
        mypos = {"port": ports["mypos-xml"], "terminal": TOUCH, "currency": CURRENCY}
        yield {"name": "till-mypos-xml", "door": "mypos-xml", "settings": mypos}

    def _hipay(self, terminal: str, port: int) -> dict[str, Any]:
        settings = {
            "port": port,
            "terminal": terminal,
            "api_username": LOGIN,
            "api_password_hash": hash_password(PASSWORD),
        }
        return {"name": f"hipay-{terminal}", "door": "hipay", "settings": settings}
