"""`tillbridge connector setup` and `import-hipay`: what they take."""

from pathlib import Path
from typing import Annotated

import typer

from tillbridge.domain.cashier_texts import Language

LanguageOption = Annotated[
    Language | None,
    typer.Option("--language", help="The language of the questions; without it, this computer's.", show_default=False),
]


def setup(
    *,
    config: Annotated[
        Path,
        typer.Option("--config", "-c", envvar="TILLBRIDGE_CONFIG", metavar="FILE", help="The settings file to write."),
    ] = Path("connector.yml"),
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="FILE", help="All answers, for an installation without a person."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a setup that was stopped, without asking whether to.")
    ] = False,
    language: LanguageOption = None,
    start: Annotated[
        bool | None,
        typer.Option(
            "--start/--no-start",
            help="Afterwards keep the connector up in this window, or do not. Without either, a person is asked.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Asks what has to be known, writes the settings file, and offers to start the connector.

    It finds the terminal's port and asks the terminal for a sign of life; no money can move. Each answer is kept at
    once: after Ctrl-C or a power cut the next run goes on there. Passwords are never shown and never stand in the
    file. A former file is kept as a copy. With --answers nothing is asked: everything that is wrong or missing is
    named with its line, and then nothing is written; and nothing is started without --start.
    """
    from tillbridge.cli.setting_up import set_up, set_up_silently  # noqa: PLC0415  # --help answers at once

    if answers is None:
        set_up(config, language, resume=resume, start=start)
    else:
        if resume:
            raise typer.BadParameter("give --answers or --resume, not both: a file of answers is whole")
        set_up_silently(config, answers, language, start=start)


def import_hipay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="config.yml of HiPay's connector, or config.txt.")],
    *,
    into: Annotated[Path, typer.Option("--into", metavar="FILE", help="The settings file to write.")] = Path(
        "connector.yml"
    ),
    language: LanguageOption = None,
) -> None:
    """Takes over the settings of HiPay's own connector, and says of each line what became of it.

    Passwords are sealed or hashed and do not stand in the new file. A former file is kept as a copy. Where something
    cannot be read, its line is named and nothing is written.
    """
    from tillbridge.cli.setting_up import import_file  # noqa: PLC0415  # --help answers at once

    import_file(file, into, language)
