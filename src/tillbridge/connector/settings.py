"""What a person may set: the connector's own settings. Those of a wire stand in its own folder's `settings.py`.

docs/reference/settings.md is drawn from these models and shows a whole file; `settings_file.py` reads it.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tillbridge.connector.keeping.settings import KeepingSettings
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.receipts.settings import ReceiptSettings
from tillbridge.connector.updates.settings import UpdateSettings
from tillbridge.connector.vouchers.providers.profile import Provider
from tillbridge.connector.vouchers.providers.settings import VoucherSettings
from tillbridge.domain.cashier_texts import Language
from tillbridge.engine.rules import EngineSettings
from tillbridge.runtime.logging import Level
from tillbridge.upstream.settings import UpstreamSettings
from tillbridge.web.webhooks.addresses import WebhookSettings

MOST_TERMINALS: Final = 200
"""More than any shop has at one computer, and few enough to ask each for a sign of life every minute."""

MOST_DOORS: Final = 50

LOCAL: Final = "127.0.0.1"
CONSOLE_PORT: Final = 8380

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=40)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    """A part of the file: nothing unknown is accepted in it, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ConsoleSettings(Section):
    """The native HTTP API and the console page.

    `host` is the address of this computer to listen on: 127.0.0.1 serves programs on this computer alone.
    `extra_hosts` are further names under which browsers and tills may address it, as they stand in the Host header
    without the port; localhost and 127.0.0.1 always work. `language` is the console's (de, fr, cs, en); without it
    the browser's decides.
    """

    host: str = Field(default=LOCAL, min_length=1, max_length=255)
    port: Port = CONSOLE_PORT
    extra_hosts: tuple[Annotated[str, Field(min_length=1, max_length=255)], ...] = Field(default=(), max_length=20)
    language: Language | None = None


class ConsoleLog(StrEnum):
    """What goes to standard error: lines for people, JSON for a collector of logs, or nothing."""

    TEXT = "text"
    JSON = "json"
    OFF = "off"


class LogSettings(Section):
    """What the connector writes down about itself. No card number and no password stands in a log at any level.

    `file` keeps it as JSON in the data folder's `tillbridge.log`, which is put aside when it has grown large.
    """

    level: Level = Level.INFO
    console: ConsoleLog = ConsoleLog.TEXT
    file: bool = True

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.console is ConsoleLog.OFF and not self.file:
            raise ValueError(
                "a connector that says nothing anywhere cannot be helped: leave one of console and file on"
            )
        return self


class TerminalEntry(Section):
    """One card terminal. `driver` is how it is spoken to; `settings` are that driver's own."""

    name: Name
    driver: str
    settings: dict[str, Any] = Field(default_factory=dict)


class DoorEntry(Section):
    """One way in for tills. `door` is the language spoken there; `settings` are that door's own."""

    name: Name
    door: str
    settings: dict[str, Any] = Field(default_factory=dict)


class SettingsFile(Section):
    """The whole file.

    `data` is the folder for the journal and the key of the console; a relative path is taken from the settings file's
    own folder.
    """

    data: Path
    console: ConsoleSettings = ConsoleSettings()
    engine: EngineSettings = EngineSettings()
    log: LogSettings = LogSettings()
    webhooks: WebhookSettings = WebhookSettings()
    receipts: ReceiptSettings = ReceiptSettings()
    keeping: KeepingSettings = KeepingSettings()
    portal: PortalSettings | None = None
    upstream: UpstreamSettings = UpstreamSettings()
    updates: UpdateSettings = UpdateSettings()
    vouchers: VoucherSettings = VoucherSettings()
    terminals: list[TerminalEntry] = Field(min_length=1, max_length=MOST_TERMINALS)
    doors: list[DoorEntry] = Field(default_factory=list, max_length=MOST_DOORS)


@dataclass(frozen=True, slots=True)
class Configured:
    """A terminal or a door: its name, the wire's name, and the wire's own settings, checked."""

    name: str
    wire: str
    settings: BaseModel


@dataclass(frozen=True, slots=True)
class ConnectorSettings:
    """A settings file that was read and found right."""

    data: Path
    console: ConsoleSettings
    engine: EngineSettings
    log: LogSettings
    webhooks: WebhookSettings
    receipts: ReceiptSettings
    terminals: tuple[Configured, ...]
    doors: tuple[Configured, ...]
    portal: PortalSettings | None = None
    keeping: KeepingSettings = field(default_factory=KeepingSettings)
    upstream: UpstreamSettings = field(default_factory=UpstreamSettings)
    updates: UpdateSettings = field(default_factory=UpdateSettings)
    providers: tuple[Provider, ...] = ()
