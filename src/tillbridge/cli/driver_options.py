"""A terminal from the command line alone: `--driver concert --serial /dev/ttyUSB0`."""

from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from tillbridge.cli.addresses import host_and_port
from tillbridge.cli.bodies import wrong_word
from tillbridge.cli.errors import WrongWord
from tillbridge.connector.settings import Configured
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols import registry

SHORT_NAMES: Final = MappingProxyType({"concert": "concert-v2"})
USUAL_NAME: Final = "counter"


def terminal_from_options(
    driver: str | None, serial: str | None, tcp: str | None, name: str | None
) -> Configured | None:
    """The terminal that these options describe; None without `--driver`. Raises `WrongWord`."""
    if driver is None:
        if serial is not None or tcp is not None:
            raise WrongWord(Code.SETTINGS_INVALID, "say which driver speaks on that line", place="--driver")
        return None
    if (serial is None) == (tcp is None):
        raise WrongWord(Code.SETTINGS_INVALID, "give --serial PORT or --tcp HOST:PORT, one of them", place="--driver")
    wire = SHORT_NAMES.get(driver, driver)
    model = _settings(wire)
    raw: dict[str, Any] = {"serial": {"port": serial}} if tcp is None else _tcp(tcp, own="tcp" in model.model_fields)
    try:
        settings = model.model_validate(raw)
    except ValidationError as error:
        raise wrong_word(error, model, raw, "--tcp" if serial is None else "--serial") from None
    return Configured(name or USUAL_NAME, wire, settings)


def _settings(wire: str) -> type[BaseModel]:
    try:
        return registry.driver(wire).settings
    except BridgeError as error:
        raise WrongWord(error.code, error.detail, place="--driver") from None


def _tcp(text: str, *, own: bool) -> dict[str, Any]:
    host, port = host_and_port(text, "--tcp")
    return {"tcp": {"host": host, "port": port}} if own else {"host": host, "port": port}
