"""Turns the answers into the settings file, and shows it without its secrets."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import yaml

from tillbridge.connector.setup.answers import DESKTOP, Answers, Key, TerminalKind
from tillbridge.runtime.scrubbing import REDACTED

TERMINAL: Final = "counter"
DOOR: Final = "till"
DATA: Final = "data"

SEALED: Final = "sealed"
_WIDE: Final = 4096
"""Letters of a line before YAML would fold it: no value here is as long."""

_PARITY: Final = {"N": "none", "E": "even", "O": "odd"}

Names = Mapping[Key, str]
"""Under which name each secret is kept."""

Settings = dict[str, Any]


def build(answers: Answers, names: Names) -> Settings:
    """The settings, as the file has them."""
    settings: Settings = {
        "data": DATA,
        "engine": {"order_ids_repeat": answers.get(Key.ORDER_IDS_REPEAT)},
        "updates": {"time": answers.get(Key.UPDATE_TIME)},
        "terminals": [
            {"name": TERMINAL, "driver": answers.get(Key.TERMINAL_KIND), "settings": _terminal(answers, names)}
        ],
        "doors": [{"name": DOOR, "door": "hipay", "settings": _door(answers)}],
    }
    if answers.get(Key.PORTAL_ADDRESS):
        settings["portal"] = {
            "address": answers.get(Key.PORTAL_ADDRESS),
            "location_number": answers.get(Key.PORTAL_LOCATION),
        }
    upstream = _upstream(answers, names)
    if upstream:
        settings["upstream"] = upstream
    return settings


def _terminal(answers: Answers, names: Names) -> Settings:
    settings: Settings = {}
    if not answers.on_network:
        settings["serial"] = serial_line(answers.get(Key.SERIAL_PORT), answers.get(Key.LINE))
    else:
        address: Settings = {"host": answers.get(Key.TERMINAL_HOST)}
        if answers.get(Key.TERMINAL_PORT):
            address["port"] = int(answers.get(Key.TERMINAL_PORT))
        over_v2 = answers.get(Key.TERMINAL_KIND) == TerminalKind.CONCERT_V2
        settings |= {"tcp": address} if over_v2 else address
    if answers.get(Key.CURRENCY):
        settings["currency"] = answers.get(Key.CURRENCY)
    if Key.TERMINAL_PASSWORD in names:
        settings["secret"] = {SEALED: names[Key.TERMINAL_PASSWORD]}
    return settings


def serial_line(port: str, line: str) -> Settings:
    """A serial port's settings, from its name and a line such as "9600 8N1"."""
    baud, _, bits = line.partition(" ")
    return {
        "port": port,
        "baud_rate": int(baud),
        "data_bits": int(bits[0]),
        "parity": _PARITY[bits[1]],
        "stop_bits": int(bits[2]),
    }


def _door(answers: Answers) -> Settings:
    settings: Settings = {
        "terminal": TERMINAL,
        "port": int(answers.get(Key.LOCAL_PORT)),
        "api_username": answers.get(Key.API_USERNAME),
        "api_password_hash": answers.get(Key.API_PASSWORD),
    }
    if answers.get(Key.PROFILE) != DESKTOP:
        settings["profile"] = answers.get(Key.PROFILE)
    if answers.get(Key.SERIAL_NUMBER):
        settings["serial_number"] = answers.get(Key.SERIAL_NUMBER)
    if answers.get(Key.AUTHORIZATION_THRESHOLD):
        settings["authorization_threshold"] = Decimal(answers.get(Key.AUTHORIZATION_THRESHOLD))
    contracts = _contracts(answers)
    if contracts:
        settings["contract"] = contracts
    return settings


def _contracts(answers: Answers) -> Settings:
    found: Settings = {}
    if answers.contracts.with_contact:
        found["proxy"] = _contract(answers, Key.PROXY_APPLICATION, Key.PROXY_MERCHANT, Key.PROXY_RANK)
    if answers.contracts.contactless:
        found["nfc"] = _contract(answers, Key.NFC_APPLICATION, Key.NFC_MERCHANT, Key.NFC_RANK)
    return found


def _contract(answers: Answers, application: Key, merchant: Key, rank: Key) -> Settings:
    return {
        "payment_application": answers.get(application),
        "merchant_id": answers.get(merchant),
        "rank": answers.get(rank),
    }


def reports_to_hipay(answers: Answers, names: Names) -> bool:
    """Whether all is known that a report to HiPay needs: login, password, hash key and a contract."""
    wanted = (Key.HIPAY_PASSWORD, Key.HIPAY_HASHKEY)
    return bool(answers.get(Key.HIPAY_LOGIN) and _contracts(answers) and all(key in names for key in wanted))


def _upstream(answers: Answers, names: Names) -> Settings:
    if not reports_to_hipay(answers, names):
        return {}
    receiver = {
        "kind": "hipay",
        "enabled_by_merchant": answers.get(Key.HIPAY_CONFIRMED) == "yes",
        "environment": answers.get(Key.ENVIRONMENT),
        "login": answers.get(Key.HIPAY_LOGIN),
        "password": {SEALED: names[Key.HIPAY_PASSWORD]},
        "hashkey": {SEALED: names[Key.HIPAY_HASHKEY]},
        "contract": _contracts(answers),
    }
    return {"receivers": [receiver]}


# ------------------------------------------------------------ as a text


class _Dumper(yaml.SafeDumper):
    """Writes every text that could be taken for something else in quotes, and repeats instead of pointing back."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the base class asks for each value
        """No value is a pointer to another: the reader takes none."""
        return True


def _decimal(dumper: yaml.SafeDumper, value: Decimal) -> yaml.ScalarNode:
    number = f"{value:f}"
    return dumper.represent_scalar("tag:yaml.org,2002:float" if "." in number else "tag:yaml.org,2002:int", number)


_Dumper.add_representer(Decimal, _decimal)


def written(settings: Settings, heading: str) -> str:
    """The file: a comment, then the settings."""
    comment = "".join(f"# {line}\n" for line in heading.splitlines())
    return comment + yaml.dump(settings, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDE)


def redacted(settings: Settings) -> Settings:
    """The same settings with nothing in them that opens anything."""
    return {name: _hidden(name, value) for name, value in settings.items()}


def _hidden(name: str, value: Any) -> Any:  # noqa: ANN401  # a value of a settings file may be anything
    match value:
        case {"sealed": _}:
            return REDACTED
        case dict():
            return redacted(value)
        case list():
            return [_hidden(name, item) for item in value]
        case _:
            return REDACTED if name == "api_password_hash" else value
