"""`tillbridge doctor`: what it does."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from tillbridge.cli.exits import Exit
from tillbridge.cli.running import run
from tillbridge.connector.doctor.bundle import write_bundle
from tillbridge.connector.doctor.examination import Examined, checks_of, examine, scene_of
from tillbridge.connector.doctor.findings import Check
from tillbridge.connector.doctor.printing import STYLES, about, mark, rest, summary
from tillbridge.connector.doctor.report import ReportResource, report_of
from tillbridge.connector.doctor.texts import CATALOGUES, language_of, part_words
from tillbridge.domain.cashier_texts import Language
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.logging import Level, set_up_logging

PATIENT_SECONDS: Final = 1.0
"""What takes longer than this is told of, and again each time as long: a person who sees nothing presses Ctrl-C."""


def examine_file(
    path: Path, *, as_json: bool, bundle: Path | None, without: Sequence[str], language: Language | None
) -> Exit:
    """Prints the report of this settings file, and writes the bundle. `BridgeError` where that cannot be written."""
    set_up_logging(level=Level.ERROR, console=sys.stderr, readable=True)
    report = run(_examined(path, language or language_of(), bundle, without))
    if as_json:
        sys.stdout.write(report.model_dump_json(indent=2) + "\n")
    else:
        _print(report)
    return Exit.APPROVED if report.well else Exit.FAILED


async def _examined(path: Path, language: Language, bundle: Path | None, without: Sequence[str]) -> ReportResource:
    runtime = Runtime()
    async with scene_of(path, runtime) as scene:
        checks = checks_of(scene)
        waiting = list(checks)

        def over(one: Examined) -> None:
            waiting.remove(one.check)

        async with _progress(waiting, language):
            examined = await examine(checks, over)
        report = report_of(examined, language, runtime.clock.now())
        if bundle is not None:
            written = await asyncio.to_thread(write_bundle, bundle, scene, report, without)
            words = CATALOGUES[language]("cli.bundle", file=written.path, size=max(1, written.size >> 10))
            sys.stderr.write(f"{words}\n")
    return report


@asynccontextmanager
async def _progress(waiting: Sequence[Check], language: Language) -> AsyncIterator[None]:
    """Says what is still looked at, on standard error, as long as the block runs."""

    async def tell() -> None:
        told = ""
        while True:
            await asyncio.sleep(PATIENT_SECONDS)
            parts = ", ".join(
                dict.fromkeys(f"{part_words(one.part, language)} {one.subject}".strip() for one in waiting)
            )
            if parts != told:
                told = parts
                sys.stderr.write(CATALOGUES[language]("cli.looking", parts=parts) + "\n")
                sys.stderr.flush()

    async with asyncio.TaskGroup() as group:
        telling = group.create_task(tell())
        try:
            yield
        finally:
            telling.cancel()


def _print(report: ReportResource) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for check in report.checks:
        verdict = mark(check, report.language)
        line = Text.assemble((verdict, STYLES[check.verdict]), "  ", (about(check, report.language), "bold"))
        console.print(Text.assemble(line, f": {check.found.strip()}"))
        for below in rest(check):
            console.print(Text(" " * (len(verdict) + 2) + below))
    console.print(Text(summary(report), style="bold"))
