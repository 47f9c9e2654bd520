"""What a person may set of the portal. docs/reference/portal-settings.md is drawn from these models."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.shop.payments.hipay_settings import HipayShopSettings
from tillbridge.runtime.logging import Level
from tillbridge.runtime.settings.reading import ModelReader, SettingsInvalid, open_document
from tillbridge.web.webhooks.addresses import WebhookSettings

PORTAL_PORT: Final = 8480
LOCAL: Final = "127.0.0.1"
LOOPBACK: Final = frozenset({LOCAL, "::1", "localhost"})

Port = Annotated[int, Field(ge=1, le=65535)]
Contact = Annotated[str, Field(max_length=200)]


class Section(BaseModel):
    """A part of the file: nothing unknown is accepted in it, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ListenSettings(Section):
    """Where the portal listens.

    `certificate` and `key` are PEM files for TLS of its own. `behind_proxy` says that a proxy of yours speaks TLS to
    the outside and that only it reaches this address; the client's address is then taken from `X-Forwarded-For`.
    Beyond loopback one of the two is needed: nothing of the portal goes over a network in clear.
    """

    host: str = Field(default=LOCAL, min_length=1, max_length=255)
    port: Port = PORTAL_PORT
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False

    @model_validator(mode="after")
    def _never_in_clear(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        if self.host not in LOOPBACK and self.certificate is None and not self.behind_proxy:
            raise ValueError(
                f"{self.host} is reached over a network: set certificate and key, or behind_proxy if a proxy of yours"
                " speaks TLS and only it reaches this address"
            )
        return self


class DatabaseSettings(Section):
    """Where everything is kept. Without `url` it is SQLite in the data folder.

    `url` is postgresql://USER:PASSWORD@HOST/NAME, by reference. `migrating_url` is that of the role that owns the
    tables and runs `tillbridge portal migrate`; the serving role then needs no more rights than it is granted there.
    `connections` is the most that one process opens to PostgreSQL.
    """

    url: SecretStr | None = None
    migrating_url: SecretStr | None = None
    connections: int = Field(default=10, ge=2, le=100)


class Security(StrEnum):
    """How the connection to a mail server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class SmtpSettings(Section):
    """The mail server. `none` is for a server on this computer alone."""

    host: str = Field(min_length=1, max_length=255)
    port: Port = 587
    security: Security = Security.STARTTLS
    user: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _never_in_clear(self) -> Self:
        if self.security is Security.NONE and self.host not in LOOPBACK:
            raise ValueError("mail to another computer needs starttls or tls")
        return self


class MailSettings(Section):
    """Mail to people. Without `smtp` each mail becomes a file in the data folder's `mail`."""

    sender: str = Field(default="portal@localhost", max_length=200)
    smtp: SmtpSettings | None = None


class LicencePolicy(StrEnum):
    """Who decides what a new location may use."""

    UNLIMITED = "unlimited"
    ALLOTTED = "allotted"


class OperatorSettings(Section):
    """Who runs this portal, as its pages and messages name them.

    `ledger_heads_to` is an e-mail address outside the portal that gets the signed head of the vouchers' ledger each
    day, to be held against it (`tillbridge portal ledger verify --against`). Empty: nobody does.
    `licences` is `unlimited` where merchants run the portal for themselves: a new location then has every product
    without end. With `allotted` it has none until the operator's staff allots it. Locations that are there already
    keep what they have.
    """

    name: str = Field(default="tillbridge", max_length=100)
    sales_contact: Contact = ""
    support_contact: Contact = ""
    licences: LicencePolicy = LicencePolicy.UNLIMITED
    ledger_heads_to: Annotated[str, Field(max_length=254)] = ""

    @field_validator("ledger_heads_to")
    @classmethod
    def _is_an_email(cls, value: str) -> str:
        if value and (value.count("@") != 1 or not value.isprintable() or any(mark in value for mark in ' ,;:<>"')):
            raise ValueError(f"{value!r} is no e-mail address")
        return value


class ShopSettings(Section):
    """The voucher shop. `hipay` takes payments over HiPay's hosted payment page."""

    hipay: HipayShopSettings | None = None


class PortalSettings(Section):
    """The whole file.

    `data` is the folder for the keys that never stand in the database, for SQLite, for mail without a server and for
    the log. Relative paths, those of certificates too, begin at the settings file's own folder. `address` is what
    people and connectors type; `extra_addresses` are further ones. A pairing is bound to the host name that was typed.
    """

    data: Path
    address: str = f"http://{LOCAL}:{PORTAL_PORT}"
    extra_addresses: tuple[str, ...] = Field(default=(), max_length=20)
    listen: ListenSettings = ListenSettings()
    database: DatabaseSettings = DatabaseSettings()
    mail: MailSettings = MailSettings()
    operator: OperatorSettings = OperatorSettings()
    shop: ShopSettings = ShopSettings()
    webhooks: WebhookSettings = WebhookSettings()
    language: Language | None = None
    log_level: Level = Level.INFO

    @field_validator("address", "extra_addresses")
    @classmethod
    def _is_an_origin(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (value,) if isinstance(value, str) else value:
            _check_address(address)
        return value

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every origin under which this portal is reached."""
        return (self.address, *self.extra_addresses)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host name under which this portal is reached, in lower case."""
        return tuple(urlsplit(address).hostname or "" for address in self.addresses)

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by https: cookies then go nowhere else."""
        return self.address.startswith("https://")


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.path or parts.query or parts.username:
        raise ValueError(f"{address!r} is not an address such as https://portal.example")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError(f"{address!r} is reached over a network and needs https")


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> PortalSettings:
    """The settings in this file. Raises `BridgeError(SETTINGS_INVALID)`: `SettingsInvalid` where it could be read."""
    reader = ModelReader(open_document(path), path.parent, environment)
    settings = reader.check(PortalSettings, ())
    if settings is None or reader.problems:
        raise SettingsInvalid(path, reader.problems)
    return _from_its_folder(settings, path.parent)


def _from_its_folder(settings: PortalSettings, folder: Path) -> PortalSettings:
    """Relative paths begin at the settings file, wherever the program was started."""
    listen = settings.listen
    files = {name: _at(folder, one) for name in ("certificate", "key") if (one := getattr(listen, name)) is not None}
    found = {"data": _at(folder, settings.data), "listen": listen.model_copy(update=files)}
    return settings.model_copy(update=found)


def _at(folder: Path, path: Path) -> Path:
    return (folder / path.expanduser()).resolve()
