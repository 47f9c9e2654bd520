"""What is asked, and what was answered: every answer as a text in its one way of writing it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Key(StrEnum):
    """A question; its value is the setting's name in an answers file. The first are called as HiPay calls them."""

    HIPAY_LOGIN = "hipay_login"
    HIPAY_PASSWORD = "hipay_password"  # noqa: S105  # the name of a question
    FOLDER = "folder"
    SERIAL_PORT = "serial_port"
    SERIAL_NUMBER = "serial_number"
    LOCAL_PORT = "local_port"
    API_USERNAME = "api_username"
    API_PASSWORD = "api_password"  # noqa: S105  # the name of a question
    ENVIRONMENT = "environment"
    AUTHORIZATION_THRESHOLD = "authorization_threshold"
    UPDATE_TIME = "update_time"
    CONTRACT_TYPE = "contract_type"
    PROXY_APPLICATION = "contract.proxy.payment_application"
    NFC_APPLICATION = "contract.nfc.payment_application"
    PROXY_MERCHANT = "contract.proxy.merchant_id"
    NFC_MERCHANT = "contract.nfc.merchant_id"
    PROXY_RANK = "contract.proxy.rank"
    NFC_RANK = "contract.nfc.rank"
    TERMINAL_KIND = "terminal_kind"
    LINE = "line"
    TERMINAL_HOST = "terminal_host"
    TERMINAL_PORT = "terminal_port"
    TERMINAL_PASSWORD = "terminal_password"  # noqa: S105  # the name of a question
    CURRENCY = "currency"
    HIPAY_HASHKEY = "hipay_hashkey"
    HIPAY_CONFIRMED = "hipay_confirmed"
    PROFILE = "profile"
    ORDER_IDS_REPEAT = "order_ids_repeat"
    PORTAL_ADDRESS = "portal_address"
    PORTAL_LOCATION = "portal_location"


class ContractType(StrEnum):
    """Which contracts the shop has: with contact, contactless, both, or none that anybody wants to name."""

    BOTH = "both"
    PROXY = "proxy"
    NFC = "nfc"
    NONE = "none"

    @property
    def with_contact(self) -> bool:
        """Whether the contract for cards with contact is one of them."""
        return self in (ContractType.BOTH, ContractType.PROXY)

    @property
    def contactless(self) -> bool:
        """Whether the contract for contactless cards is one of them."""
        return self in (ContractType.BOTH, ContractType.NFC)


class TerminalKind(StrEnum):
    """How the terminal is spoken to: the names of our drivers."""

    CONCERT_V2 = "concert-v2"
    CONCERT_V3 = "concert-v3"
    MYPOS_XML = "mypos-xml"
    TOUCHSCREEN = "touchscreen"


DESKTOP: Final = "desktop"
UNATTENDED: Final = "unattended"
"""The two dialects of HiPay's local interface; the second one counts cents."""

NETWORK: Final = "network"
"""The answer to "which serial port" of a terminal that has none."""

SERIAL_KINDS: Final = (TerminalKind.CONCERT_V2, TerminalKind.CONCERT_V3, TerminalKind.MYPOS_XML)
NETWORK_KINDS: Final = (
    TerminalKind.CONCERT_V3,
    TerminalKind.TOUCHSCREEN,
    TerminalKind.MYPOS_XML,
    TerminalKind.CONCERT_V2,
)

LINES: Final = (
    *("9600 8N1", "9600 7E1", "1200 7E1", "1200 8N1", "19200 8N1", "19200 7E1"),
    *("38400 8N1", "38400 7E1", "57600 8N1", "57600 7E1", "115200 8N1", "115200 7E1"),
)
"""How bits may be sent on a serial line, those that are met most first."""

ENVIRONMENTS: Final = MappingProxyType(
    {"production": "production", "prod": "production", "stage": "stage", "dev": "stage", "test": "stage"}
)
"""HiPay's two systems, under all the names that they go by."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers so far. For a secret it holds what may be written down: a hash, or the name of a sealed one."""

    said: Mapping[Key, str] = field(default_factory=lambda: MappingProxyType({}))

    def __contains__(self, key: Key) -> bool:
        return key in self.said

    def get(self, key: Key) -> str:
        """The answer; empty where there is none."""
        return self.said.get(key, "")

    def put(self, key: Key, answer: str) -> "Answers":
        """The same answers and this one."""
        return Answers(MappingProxyType({**self.said, key: answer}))

    def without(self, key: Key) -> "Answers":
        """The same answers but this one."""
        return Answers(MappingProxyType({one: answer for one, answer in self.said.items() if one is not key}))

    @property
    def on_network(self) -> bool:
        """Whether the terminal is reached over the network."""
        return self.get(Key.SERIAL_PORT) == NETWORK

    @property
    def contracts(self) -> ContractType:
        """Which contracts there are."""
        return ContractType(self.get(Key.CONTRACT_TYPE) or ContractType.NONE)
