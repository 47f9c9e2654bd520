"""A terminal from the command line alone: `--driver concert --serial /dev/ttyUSB0`."""

from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from tillbridge.connector.problems import problems_of
from tillbridge.connector.settings import Configured
from tillbridge.connector.yaml_file import Document
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols import registry

SHORT_NAMES: Final = MappingProxyType({"concert": "concert-v2"})
USUAL_NAME: Final = "counter"


def terminal_from_options(
    driver: str | None, serial: str | None, tcp: str | None, name: str | None
) -> Configured | None:
    """The terminal that these options describe; None without `--driver`. Raises `BridgeError(SETTINGS_INVALID)`."""
    if driver is None:
        if serial is not None or tcp is not None:
            raise BridgeError(Code.SETTINGS_INVALID, "say which driver speaks on that line", place="--driver")
        return None
    if (serial is None) == (tcp is None):
        raise BridgeError(Code.SETTINGS_INVALID, "give --serial PORT or --tcp HOST:PORT, one of them", place="--driver")
    wire = SHORT_NAMES.get(driver, driver)
    model = registry.driver(wire).settings
    raw: dict[str, Any] = {"serial": {"port": serial}} if tcp is None else _tcp(tcp, own="tcp" in model.model_fields)
    try:
        settings = model.model_validate(raw)
    except ValidationError as error:
        first = problems_of(error, model, Document(raw), ())[0]
        raise BridgeError(
            Code.SETTINGS_INVALID, first.sentence, place="--tcp" if serial is None else "--serial"
        ) from None
    return Configured(name or USUAL_NAME, wire, settings)


def _tcp(text: str, *, own: bool) -> dict[str, Any]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit():
        raise BridgeError(Code.SETTINGS_INVALID, f"{text!r} is not HOST:PORT", place="--tcp")
    address = {"host": host.removeprefix("[").removesuffix("]"), "port": int(port)}
    return {"tcp": address} if own else address
