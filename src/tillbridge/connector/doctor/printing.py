"""The report as lines for a person: each says OK, or what is wrong and what to do."""

from collections.abc import Iterator
from typing import Final

from tillbridge.connector.doctor.report import CheckResource, ReportResource
from tillbridge.connector.doctor.texts import CATALOGUES, part_words, verdict_words
from tillbridge.connector.portal.checks import Verdict
from tillbridge.domain.cashier_texts import Language

STYLES: Final = {
    Verdict.OK: "green",
    Verdict.CARE: "bold yellow",
    Verdict.WRONG: "bold red",
    Verdict.UNKNOWN: "dim",
}


def mark(check: CheckResource, language: Language) -> str:
    """The verdict, as wide as the widest of the language, so that the lines stand below each other."""
    return verdict_words(check.verdict, language).ljust(max(len(verdict_words(one, language)) for one in Verdict))


def about(check: CheckResource, language: Language) -> str:
    """What the line is about."""
    part = part_words(check.check, language)
    return f"{part} {check.subject}" if check.subject else part


def rest(check: CheckResource) -> Iterator[str]:
    """What stands below a line: the remedy, and the command that a person may copy."""
    if check.remedy:
        yield f"→ {check.remedy}"
    if check.command:
        yield f"  {check.command}"


def summary(report: ReportResource) -> str:
    """The last line."""
    catalogue = CATALOGUES[report.language]
    wrong = sum(1 for check in report.checks if check.verdict is Verdict.WRONG)
    return catalogue("cli.wrong", count=wrong) if wrong else catalogue("cli.well")
