"""A report as it is stored, as a JSON file and as a spreadsheet."""

import io
import json
from collections.abc import Mapping
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]  # it ships no types

from tillbridge.portal.customers.model import Finding, Job, Reason, Report
from tillbridge.web.language import Catalogue

_COUNTS = ("rows_read", "to_create", "merged", "renumbered", "set_aside", "balance_minor", "points", "declared_balance")


def stored(report: Report) -> dict[str, Any]:
    """The report as a JSON object, one short list for each finding."""
    findings = [[one.position, one.number, one.reason.value, one.place, one.blocks] for one in report.findings]
    return {name: getattr(report, name) for name in _COUNTS} | {"findings": findings}


def read(document: Mapping[str, Any]) -> Report | None:
    """A stored report; None where there is none yet."""
    if not document:
        return None
    findings = [
        Finding(position, number, Reason(reason), place, blocks)
        for position, number, reason, place, blocks in document["findings"]
    ]
    return Report(**{name: document[name] for name in _COUNTS}, findings=findings)


def as_json(job: Job, report: Report) -> bytes:
    """The report for programs."""
    document = {
        "report": job.id,
        "kind": job.kind.value,
        "made_at": job.made_at.isoformat(),
        "source_hash": job.source_hash,
        "remedies": sorted(job.remedies),
        "blockers": report.blockers,
        **{name: getattr(report, name) for name in _COUNTS},
        "findings": [
            {"row": one.position, "number": one.number, "reason": one.reason, "place": one.place, "blocks": one.blocks}
            for one in report.findings
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def as_xlsx(job: Job, report: Report, say: Catalogue) -> bytes:
    """The report for people, in the language of `say`."""
    page = io.BytesIO()
    book = xlsxwriter.Workbook(page, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold = book.add_format({"bold": True})
    sums = book.add_worksheet(say("customers.report.sheet"))
    rows: list[tuple[str, object]] = [(say(f"customers.report.{name}"), getattr(report, name)) for name in _COUNTS]
    rows += [(say("customers.report.blockers"), report.blockers), (say("customers.report.id"), job.id)]
    for line, (label, value) in enumerate(rows):
        sums.write_string(line, 0, label, bold)
        sums.write(line, 1, "" if value is None else value)
    found = book.add_worksheet(say("customers.report.rows_sheet"))
    heads = ("row", "number", "reason", "place", "blocks")
    for column, head in enumerate(heads):
        found.write_string(0, column, say(f"customers.finding.{head}"), bold)
    for line, one in enumerate(report.findings, 1):
        found.write_number(line, 0, one.position)
        found.write_string(line, 1, one.number)
        found.write_string(line, 2, say(f"customers.reason.{one.reason}"))
        field = f"customers.field.{one.place}"
        found.write_string(line, 3, say(field) if say.has(field) else one.place)
        found.write_string(line, 4, say("customers.yes" if one.blocks else "customers.no"))
    for sheet in (sums, found):
        sheet.set_column(0, 4, 24)
    book.close()
    return page.getvalue()
