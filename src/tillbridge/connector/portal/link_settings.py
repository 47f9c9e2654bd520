"""Settings that the portal sends, with the merchant's consent: kept in the data folder, in force from the next start.

Only what cannot hurt may come this way: words on receipts, languages, how much is logged. Never an address, a terminal,
a door or a password. What the settings file says itself is stronger (docs/explanation/link.md).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from tillbridge.connector.receipts.settings import ShopLines
from tillbridge.connector.settings import ConnectorSettings
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.durable import read_bounded, write_durably
from tillbridge.runtime.logging import Level

M = TypeVar("M", bound=BaseModel)

FILE: Final = "portal-configuration.json"
MOST_BYTES: Final = 64 * 1024

log = structlog.get_logger(__name__)


class PushedSettings(BaseModel):
    """What may be sent. What is absent stays as it is here."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    receipt_header: ShopLines | None = None
    receipt_footer: ShopLines | None = None
    receipt_language: Language | None = None
    console_language: Language | None = None
    log_level: Level | None = None

    @property
    def revision(self) -> str:
        """The same for the same settings, another one for others."""
        return hashlib.sha256(self.model_dump_json(exclude_none=True).encode()).hexdigest()[:16]


def read_pushed(settings: JsonValue) -> PushedSettings:
    """What a command carries. `BridgeError(FIELD_INVALID)` naming what does not belong there."""
    try:
        return PushedSettings.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise BridgeError(Code.FIELD_INVALID, first["msg"], place=place) from None


class KeptSettings(BaseModel):
    """The file: the settings, and the command that they came with, so that both are kept or neither."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    version: Literal[1] = 1
    command: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    settings: PushedSettings


def keep_pushed(folder: Path, kept: KeptSettings) -> None:
    """Keeps them for the next start. `BridgeError(FOLDER_UNUSABLE)` if they cannot be written."""
    write_durably(folder / FILE, kept.model_dump_json(exclude_none=True).encode())


def kept_settings(folder: Path) -> KeptSettings | None:
    """What was sent last; None for nothing, or for what cannot be read: the connector starts without it then."""
    try:
        content = read_bounded(folder / FILE, MOST_BYTES)
        return None if content is None else KeptSettings.model_validate_json(content)
    except (OSError, ValidationError) as error:
        log.warning("portal_configuration_unreadable", type=type(error).__name__)
        return None


def with_pushed(settings: ConnectorSettings) -> ConnectorSettings:
    """The settings to start with: what the file leaves open is taken from what the portal sent, if that is wanted."""
    if settings.portal is None or not settings.portal.accept_configuration:
        return settings
    kept = kept_settings(settings.data)
    if kept is None:
        return settings
    pushed = kept.settings
    receipts = {"header": pushed.receipt_header, "footer": pushed.receipt_footer, "language": pushed.receipt_language}
    return replace(
        settings,
        receipts=_filled(settings.receipts, receipts),
        console=_filled(settings.console, {"language": pushed.console_language}),
        log=_filled(settings.log, {"level": pushed.log_level}),
    )


def _filled(model: M, sent: Mapping[str, object]) -> M:
    written = model.model_fields_set
    return model.model_copy(update={name: one for name, one in sent.items() if one is not None and name not in written})
