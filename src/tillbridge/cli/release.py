"""`tillbridge release`: what it takes."""

from pathlib import Path
from typing import Annotated

import typer

from tillbridge.cli.releasing_options import ChannelName, InstallerSystem, RoleChoice

app = typer.Typer(help="Makes and signs releases of the connector, for whoever publishes it.", no_args_is_help=True)

RepositoryOption = Annotated[
    Path, typer.Option("--repository", metavar="DIR", help="The signed repository: what a web server serves.")
]
KeysOption = Annotated[
    Path,
    typer.Option("--keys", metavar="DIR", help="The keys that sign releases and timestamps, each in a sealed file."),
]
RootKeysOption = Annotated[
    Path, typer.Option("--root-keys", metavar="DIR", help="The root's keys, which belong in a safe.")
]
PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="Holds the passphrase of --keys. Without it: TILLBRIDGE_RELEASE_PASSPHRASE, or it is asked for.",
    ),
]
RootPassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--root-passphrase-file",
        metavar="FILE",
        help="Holds that of --root-keys. Without it: TILLBRIDGE_ROOT_PASSPHRASE, or it is asked for.",
    ),
]
OutputOption = Annotated[Path, typer.Option("--output", metavar="DIR", help="Where it is put.")]
ArchiveArgument = Annotated[Path, typer.Argument(metavar="ARCHIVE", help="What `release build` made.")]


@app.command("keys")
def keys(
    *,
    repository: RepositoryOption,
    keys: KeysOption,
    root_keys: RootKeysOption,
    passphrase_file: PassphraseOption = None,
    root_passphrase_file: RootPassphraseOption = None,
    root_count: Annotated[int, typer.Option(min=1, max=9, help="How many root keys.")] = 2,
    root_threshold: Annotated[int, typer.Option(min=1, max=9, help="How many of them must sign.")] = 1,
) -> None:
    """Makes the keys of a new repository, and the empty repository that trusts them."""
    from tillbridge.cli import releasing  # noqa: PLC0415  # only when it runs: --help answers at once

    passphrases = releasing.Passphrases(passphrase_file, root_passphrase_file, new=True)
    releasing.make_keys(repository, keys, root_keys, passphrases, root_count, root_threshold)


@app.command("rotate")
def rotate(  # noqa: PLR0913  # each is an option of the command line
    role: Annotated[RoleChoice, typer.Argument(help="Whose keys are replaced.")],
    *,
    repository: RepositoryOption,
    keys: KeysOption,
    root_keys: RootKeysOption,
    new_keys: Annotated[Path, typer.Option("--new-keys", metavar="DIR", help="Where the new keys are put.")],
    passphrase_file: PassphraseOption = None,
    root_passphrase_file: RootPassphraseOption = None,
    count: Annotated[int, typer.Option(min=1, max=9, help="How many new keys.")] = 1,
) -> None:
    """Replaces the keys of a role: after a theft at once, else once a year. Connectors learn of it by themselves.

    The old keys of that role are worth nothing afterwards; take them out of their folder. After a theft of timestamp or
    snapshot keys replace both.
    """
    from tillbridge.cli import releasing  # noqa: PLC0415  # only when it runs: --help answers at once

    passphrases = releasing.Passphrases(passphrase_file, root_passphrase_file)
    releasing.rotate(repository, role, (keys, root_keys, new_keys), passphrases, count)


@app.command("build")
def build(
    *,
    repository: RepositoryOption,
    output: OutputOption = Path("dist"),
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where connectors look for newer versions, unless their settings say so."),
    ] = None,
) -> None:
    """Builds this version as a program that needs nothing else, for the kind of computer that this one is."""
    from tillbridge.cli import releasing  # noqa: PLC0415  # only when it runs: --help answers at once

    releasing.build_archive(repository, output, url)


@app.command("publish")
def publish(
    archive: ArchiveArgument,
    *,
    repository: RepositoryOption,
    keys: KeysOption,
    channel: Annotated[ChannelName, typer.Option(help="Who gets it.")] = ChannelName.STABLE,
    passphrase_file: PassphraseOption = None,
) -> None:
    """Signs an archive and offers it as the newest version. Never one that is not newer than the one before."""
    from tillbridge.cli import releasing  # noqa: PLC0415  # only when it runs: --help answers at once

    releasing.publish(archive, repository, keys, channel, releasing.Passphrases(passphrase_file))


@app.command("refresh")
def refresh(*, repository: RepositoryOption, keys: KeysOption, passphrase_file: PassphraseOption = None) -> None:
    """Signs a new timestamp. To be run once a day: without it connectors take nothing any more after a week."""
    from tillbridge.cli import releasing  # noqa: PLC0415  # only when it runs: --help answers at once

    releasing.refresh(repository, keys, releasing.Passphrases(passphrase_file))


@app.command("installer")
def installer(
    archive: ArchiveArgument,
    *,
    system: Annotated[InstallerSystem, typer.Option("--os", help="linux, deb, or windows.")] = InstallerSystem.LINUX,
    output: OutputOption = Path("dist"),
    setup_program: Annotated[
        Path | None, typer.Option(metavar="FILE", help="setup.exe, which `release build` makes on Windows.")
    ] = None,
) -> None:
    """Makes what a shop is given: setup-concertv2-linux.zip, a Debian package, or the archive for Windows."""
    from tillbridge.cli import releasing  # noqa: PLC0415  # only when it runs: --help answers at once

    releasing.make(archive, system, output, setup_program)
