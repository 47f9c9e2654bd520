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

SHORT_NAMES: Final = MappingProxyType({"concert": "concert-v2", "mypos": "mypos-xml"})
USUAL_NAME: Final = "counter"


def terminal_from_options(
    driver: str | None, serial: str | None, tcp: str | None, name: str | None, currency: str = "EUR"
) -> Configured | None:
    """The terminal that these options describe; None without `--driver`. Raises `WrongWord`.

    `currency` is that of a terminal whose wire names none.
    """
    if driver is None:
        if serial is not None or tcp is not None:
            raise WrongWord(Code.SETTINGS_INVALID, "say which driver speaks on that line", place="--driver")
        return None
    wire = SHORT_NAMES.get(driver, driver)
    model = _settings(wire)
    place, line = _line(wire, model, serial, tcp)
    money = model.model_fields.get("currency")
    raw = line | ({"currency": currency} if money is not None and money.is_required() else {})
    try:
        settings = model.model_validate(raw)
    except ValidationError as error:
        raise wrong_word(error, model, raw, place) from None
    return Configured(name or USUAL_NAME, wire, settings)


def _settings(wire: str) -> type[BaseModel]:
    try:
        return registry.driver(wire).settings
    except BridgeError as error:
        raise WrongWord(error.code, error.detail, place="--driver") from None


def _line(wire: str, model: type[BaseModel], serial: str | None, tcp: str | None) -> tuple[str, dict[str, Any]]:
    """The option that names the line, and the line as a setting."""
    if (serial is None) == (tcp is None):
        raise WrongWord(Code.SETTINGS_INVALID, "give --serial PORT or --tcp HOST:PORT, one of them", place="--driver")
    if tcp is None:
        if "serial" not in model.model_fields:
            raise WrongWord(Code.SETTINGS_INVALID, f"{wire} has no serial line: give --tcp", place="--serial")
        return "--serial", {"serial": {"port": serial}}
    if not model.model_fields.keys() & {"tcp", "host"}:
        raise WrongWord(Code.SETTINGS_INVALID, f"{wire} has no TCP line: it needs a settings file", place="--tcp")
    host, port = host_and_port(tcp, "--tcp")
    address = {"host": host, "port": port}
    return "--tcp", {"tcp": address} if "tcp" in model.model_fields else address
