"""`tillbridge portal keys`: what it takes and what it does."""

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from tillbridge.cli.portal_options import USUAL, FileOption
from tillbridge.domain.errors import BridgeError, Code

app = typer.Typer(help="The keys that the portal seals with, outside its database.", no_args_is_help=True)

PASSPHRASE_VARIABLE: Final = "TILLBRIDGE_PORTAL_PASSPHRASE"  # noqa: S105  # the name of one, and no passphrase
LONGEST_PASSPHRASE: Final = 4096

PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help=f"Holds the passphrase. Without it: {PASSPHRASE_VARIABLE}, or it is asked for.",
        show_default=False,
    ),
]


@app.command()
def rotate(
    *,
    config: FileOption = USUAL,
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="Only make it, to bring the file to the portal's other computers first."),
    ] = False,
) -> None:
    """Makes a new sealing key. What is sealed from now on has it; what was sealed before is sealed anew meanwhile."""
    from tillbridge.portal.keys import file  # noqa: PLC0415  # only when it runs: --help answers at once
    from tillbridge.portal.settings import load_settings  # noqa: PLC0415  # as above

    name = file.rotate(load_settings(config).data, prepare=prepare)
    said = f"{name} is prepared: bring the file to every computer of the portal, then rotate." if prepare else ""
    sys.stdout.write(f"{said or f'{name} seals from now on.'}\n")


@app.command()
def status(*, config: FileOption = USUAL) -> None:
    """Says how many values each key has sealed, and where."""
    from tillbridge.cli.portal_running import in_house  # noqa: PLC0415  # only when it runs: --help answers at once
    from tillbridge.portal.house import House  # noqa: PLC0415  # as above
    from tillbridge.portal.keys.resealing import counted  # noqa: PLC0415  # as above
    from tillbridge.portal.vault import FIRST  # noqa: PLC0415  # as above

    async def look(house: House) -> tuple[str, dict[str, dict[str, int]]]:
        return house.vault.active, await counted(house)

    active, found = in_house(config, look)
    sys.stdout.write(f"{active} seals.\n")
    for place, by_key in found.items():
        unmarked = by_key.pop("")
        by_key[FIRST] = by_key.get(FIRST, 0) + unmarked
        told = ", ".join(f"{name}: {count}" for name, count in sorted(by_key.items()) if count)
        if told:
            sys.stdout.write(f"  {place}: {told}\n")


@app.command()
def reseal(*, config: FileOption = USUAL) -> None:
    """Seals everything anew that an older key has sealed; a portal that serves does so by itself."""
    from tillbridge.cli.portal_running import in_house  # noqa: PLC0415  # only when it runs: --help answers at once
    from tillbridge.portal.keys.resealing import Resealer  # noqa: PLC0415  # as above

    count = in_house(config, lambda house: Resealer(house).catch_up())
    sys.stdout.write(f"{count} values were sealed anew.\n")


@app.command()
def retire(
    name: Annotated[str, typer.Argument(metavar="KEY", help="Such as s1.")], *, config: FileOption = USUAL
) -> None:
    """Takes an old key out of the file, once nothing is sealed with it. Keep an export for older backups first."""
    from tillbridge.cli.portal_running import in_house  # noqa: PLC0415  # only when it runs: --help answers at once
    from tillbridge.portal.keys.retiring import retire as retired  # noqa: PLC0415  # as above

    in_house(config, lambda house: retired(house, name))
    sys.stdout.write(f"{name} is gone from the file.\n")


@app.command("export")
def export_keys(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where it is written.")],
    *,
    config: FileOption = USUAL,
    passphrase_file: PassphraseOption = None,
) -> None:
    """Writes the keys to a file that is sealed under a passphrase."""
    from tillbridge.portal.keys import file as keys  # noqa: PLC0415  # only when it runs: --help answers at once
    from tillbridge.portal.settings import load_settings  # noqa: PLC0415  # as above
    from tillbridge.runtime.data_folder import DataFolder  # noqa: PLC0415  # as above

    text = keys.export(load_settings(config).data, _passphrase(passphrase_file, new=True))
    DataFolder(file.parent).write(file.name, f"{text}\n")
    sys.stdout.write("Keep the passphrase somewhere else than the file. Without it nobody opens the file again.\n")


@app.command("import")
def import_keys(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What export has written.")],
    *,
    config: FileOption = USUAL,
    passphrase_file: PassphraseOption = None,
) -> None:
    """Puts exported keys into the data folder; keys of the same portal that are there already are kept."""
    from tillbridge.portal.keys import file as keys  # noqa: PLC0415  # only when it runs: --help answers at once
    from tillbridge.portal.settings import load_settings  # noqa: PLC0415  # as above
    from tillbridge.portal.vault import LARGEST_FILE  # noqa: PLC0415  # as above

    text = _text_of(file, 2 * LARGEST_FILE)
    keys.import_keys(load_settings(config).data, text, _passphrase(passphrase_file, new=False), str(file))
    sys.stdout.write("The keys are in place.\n")


def _passphrase(file: Path | None, *, new: bool) -> str:
    if file is not None:
        found = _text_of(file, LONGEST_PASSPHRASE).split("\n", 1)[0].rstrip("\r")
        if not found:
            raise BridgeError(Code.FIELD_INVALID, "there is no passphrase in this file", place=str(file))
        return found
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given:
        return given
    asked: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new)
    return asked


def _text_of(file: Path, most: int) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            return opened.read(most)
    except (OSError, UnicodeDecodeError):
        raise BridgeError(Code.FILE_UNREADABLE, "it cannot be read", place=str(file)) from None
