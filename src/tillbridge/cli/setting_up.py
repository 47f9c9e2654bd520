"""`tillbridge connector setup` and `import-hipay`: what they do."""

import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import typer

from tillbridge.cli.exits import Exit
from tillbridge.cli.running import OWNER_ONLY
from tillbridge.cli.starting import offer_start, say_how, setup_again, start_now
from tillbridge.connector.setup import finding
from tillbridge.connector.setup.answers import Key
from tillbridge.connector.setup.answers_file import read_answers
from tillbridge.connector.setup.building import redacted, written
from tillbridge.connector.setup.checks import Around
from tillbridge.connector.setup.completing import Completed
from tillbridge.connector.setup.front import Front, Stopped
from tillbridge.connector.setup.import_hipay import Became, Fate, import_hipay
from tillbridge.connector.setup.language import texts as texts_of
from tillbridge.connector.setup.plain import PlainFront
from tillbridge.connector.setup.progress import Progress
from tillbridge.connector.setup.prompts import PromptFront, can_prompt
from tillbridge.connector.setup.wizard import Wizard, show
from tillbridge.connector.setup.writing import Writer
from tillbridge.domain.cashier_texts import Language
from tillbridge.protocols.concert.v2 import line_check
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.logging import Level, set_up_logging
from tillbridge.web.language import Catalogue


def set_up(config: Path, language: Language | None, *, resume: bool, start: bool | None) -> None:
    """Asks the person at this screen. `start` None also asks how the connector is to be started."""
    texts = _begin(language)
    config = config.resolve()
    front: Front = PromptFront(texts) if can_prompt(os.environ, interactive=_interactive()) else PlainFront(texts)
    progress = Progress(config)
    wizard = Wizard(front, texts, progress, config, _around(config), partial(_writer, texts), line_check.listen)
    try:
        with progress.own():
            done = wizard.run(resume=resume)
    except (Stopped, KeyboardInterrupt):
        done = None
    if done is None:
        front.say("")
        if progress.load() is not None:
            front.say(texts("say.stopped", command=setup_again(config)))
        raise typer.Exit(Exit.FAILED)
    show(front, texts, done)
    if start is None:
        offer_start(done.path, front, texts)
    elif start:
        start_now(done.path)


def set_up_silently(config: Path, answers: Path, language: Language | None, *, start: bool | None) -> None:
    """Takes every answer from a file. Raises `BridgeError` with all that is wrong or missing.

    Nobody is there to be asked: only a `start` of True starts anything.
    """
    texts = _begin(language)
    config = config.resolve()
    completed = read_answers(answers, _around(config), texts, os.environ)
    front = PlainFront(texts)
    written_to = _write(config, answers, completed, texts, front)
    if start:
        start_now(written_to)
    elif start is None:
        say_how(written_to, front, texts)


def import_file(file: Path, into: Path, language: Language | None) -> None:
    """Takes over the settings of HiPay's connector."""
    texts = _begin(language)
    into = into.resolve()
    imported = import_hipay(file, _around(into), texts)
    front = PlainFront(texts)
    for line in _report(imported.report, texts):
        front.say(line)
    say_how(_write(into, file, imported.completed, texts, front), front, texts)


def _begin(language: Language | None) -> Catalogue:
    os.umask(OWNER_ONLY)
    # What drivers note while they are asked for a sign of life is said by the wizard in its own words.
    set_up_logging(level=Level.ERROR, console=sys.stderr, readable=True)
    return texts_of(language, os.environ)


def _interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _around(config: Path) -> Around:
    return Around(config.parent, ports=tuple(port.path for port in finding.ports()))


def _writer(texts: Catalogue, config: Path) -> Writer:
    return Writer(config, Runtime().clock.now(), texts, os.environ)


def _write(config: Path, source: Path, completed: Completed, texts: Catalogue, front: Front) -> Path:
    answered = Path(completed.answers.get(Key.FOLDER))
    done = _writer(texts, answered / config.name).write(completed.answers, completed.secrets)
    front.say(texts("say.result"))
    front.say(written(redacted(done.settings), ""))
    for note in completed.notes:
        if note.sentence not in done.warnings:
            front.warn(f"{source}, {texts('import.line', line=note.line)}: {note.path}: {note.sentence}")
    show(front, texts, done)
    return done.path


def _report(report: Sequence[Became], texts: Catalogue) -> Iterator[str]:
    """A line for each, as wide as it is: it is read in a mail as well as on a screen."""
    fates = {fate: texts(f"import.{fate}") for fate in Fate}
    widest = max(map(len, fates.values()))
    lines = [texts("import.line", line=became.line) if became.line else "" for became in report]
    first = max(map(len, lines), default=0)
    for line, became in zip(lines, report, strict=True):
        yield f"{line:<{first}}  {fates[became.fate]:<{widest}}  {became.name}: {became.sentence}"
