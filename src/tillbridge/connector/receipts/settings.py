"""What a person may set about receipts."""

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tillbridge.domain.cashier_texts import Language

RAW_PORT: Final = 9100
"""Where network printers take bytes as they are."""

MOST_LINES: Final = 12
LONGEST_LINE: Final = 64

NARROWEST: Final = 24
WIDEST: Final = 96
USUAL_COLUMNS: Final = 42
"""Characters of a line: 42 on paper of 80 mm, 32 on paper of 58 mm."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters cannot be printed")
    return text


ShopLine = Annotated[str, Field(max_length=LONGEST_LINE), AfterValidator(_printable)]
ShopLines = Annotated[tuple[ShopLine, ...], Field(max_length=MOST_LINES)]


class PrinterSettings(BaseModel):
    """A receipt printer that understands ESC/POS, at `host` (with its `port`) or at `path`.

    `path` is a device (/dev/usb/lp0, a serial port whose speed the system has set) or a file that grows. `profile` is
    the printer's name in the database of the library python-escpos; it says which letters the printer has.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = RAW_PORT
    path: Path | None = None
    profile: Annotated[str, Field(min_length=1, max_length=60)] = "default"

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.host is None) == (self.path is None):
            raise ValueError("a printer has either a host or a path")
        return self


class ReceiptSettings(BaseModel):
    """Receipts that are built here, because a terminal prints none.

    `header` and `footer` are the shop's own lines, `language` that of the words (de, fr, cs, en), `columns` the
    characters of a line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: ShopLines = ()
    footer: ShopLines = ()
    language: Language = Language.EN
    columns: Annotated[int, Field(ge=NARROWEST, le=WIDEST)] = USUAL_COLUMNS
    printer: PrinterSettings | None = None
