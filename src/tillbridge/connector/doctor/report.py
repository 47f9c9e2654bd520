"""The doctor's report as a document (docs/reference/doctor.md): the same fields for every release of this number."""

import platform
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

import tillbridge
from tillbridge.connector.doctor.examination import Examined
from tillbridge.connector.doctor.findings import Finding, Part, Saw
from tillbridge.connector.doctor.texts import found_words, remedy_words
from tillbridge.connector.portal.checks import Verdict
from tillbridge.domain.cashier_texts import Language

SCHEMA: Final = 1
"""The number of the document's form: fields may be added under it, none changes its meaning or goes."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class CheckResource(_Part):
    """One finding. `seen` is a stable word, `found` and `remedy` say it in the report's language."""

    check: Part
    subject: str
    verdict: Verdict
    seen: Saw
    found: str
    remedy: str
    command: str
    code: str | None
    facts: dict[str, str]
    seconds: float


class ReportResource(_Part):
    """A whole report. `well` is what the exit code says: nothing is wrong, though something may need care."""

    schema_version: int = SCHEMA
    tillbridge: str
    system: str
    made_at: datetime
    language: Language
    well: bool
    checks: tuple[CheckResource, ...]


def report_of(examined: Sequence[Examined], language: Language, now: datetime) -> ReportResource:
    """The report in this language."""
    checks = tuple(_resource(finding, one.seconds, language) for one in examined for finding in one.findings)
    return ReportResource(
        tillbridge=tillbridge.__version__,
        system=platform.platform(),
        made_at=now,
        language=language,
        well=all(one.verdict is not Verdict.WRONG for one in checks),
        checks=checks,
    )


def _resource(finding: Finding, seconds: float, language: Language) -> CheckResource:
    return CheckResource(
        check=finding.part,
        subject=finding.subject,
        verdict=finding.verdict,
        seen=finding.saw,
        found=found_words(finding, language),
        remedy=remedy_words(finding, language),
        command=finding.command,
        code=finding.code,
        facts=dict(finding.facts),
        seconds=seconds,
    )
