"""What every `tillbridge portal` command takes."""

from pathlib import Path
from typing import Annotated, Final

import typer

FileOption = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="TILLBRIDGE_PORTAL_CONFIG", metavar="FILE", help="The settings file."),
]
USUAL: Final = Path("portal.yml")
