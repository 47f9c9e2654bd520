"""The options by which a command finds its connector, and what they stand for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

USUAL_CONFIG: Final = Path("connector.yml")
"""Read from the folder that one is in, when nothing else says where the connector is."""

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="TILLBRIDGE_CONFIG",
        metavar="FILE",
        help=f"The connector's settings file. Without it: ./{USUAL_CONFIG}, or the connector that runs.",
        show_default=False,
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="TILLBRIDGE_DATA",
        metavar="DIR",
        help="The connector's data folder.",
        show_default=False,
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="TILLBRIDGE_URL",
        metavar="URL",
        help="The address of a running connector; its key comes from TILLBRIDGE_KEY, or from --data.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Where:
    """What the command line says about where the connector is; nothing at all means this user's running one.

    At most one of `config` and `data` is given.
    """

    config: Path | None = None
    data: Path | None = None
    url: str | None = None


def where(config: Path | None, data: Path | None, url: str | None = None) -> Where:
    """What these options mean together. Raises typer's own error for options that contradict each other."""
    if config is not None and data is not None:
        raise typer.BadParameter("give --config or --data, not both: the settings name the data folder")
    if url is not None and not url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{url!r} is no address such as http://127.0.0.1:8380")
    if config is None and data is None and url is None and USUAL_CONFIG.is_file():
        config = USUAL_CONFIG
    return Where(config, data, url)
