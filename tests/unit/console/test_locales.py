"""Every language says everything: the same keys, the same fields, and a word for whatever the code can name."""

import re
from pathlib import Path
from string import Formatter
from typing import Final

import pytest

from tillbridge.connector import console
from tillbridge.connector.console import receipts
from tillbridge.connector.console.language import CATALOGUES
from tillbridge.connector.console.pages import NOTICES
from tillbridge.connector.console.spreadsheet import COLUMNS
from tillbridge.connector.console.tester import KNOWN
from tillbridge.connector.console.till_form import AT_TILL
from tillbridge.connector.console.tracing import CHOICES as TRACE_MINUTES
from tillbridge.connector.console.undelivered import ANSWERS
from tillbridge.connector.console.voucher_claims import COLUMNS as CLAIM_COLUMNS
from tillbridge.connector.keeping import report_table
from tillbridge.connector.keeping.day_report import Difference
from tillbridge.connector.keeping.psp_csv import Fault as ListFault
from tillbridge.connector.portal.faults import Cause as Away
from tillbridge.connector.tracing.tracing import Ended
from tillbridge.connector.vouchers.model import Case, Decision
from tillbridge.connector.vouchers.model import Kind as VoucherKind
from tillbridge.connector.vouchers.model import State as VoucherAction
from tillbridge.connector.wiretest.acceptance import Mark, Step
from tillbridge.domain.card import EntryMode
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.operation import Kind, Progress, Stage
from tillbridge.domain.outcome import Side
from tillbridge.domain.receipt import Copy
from tillbridge.engine.journal.records import EventType
from tillbridge.engine.states import Cause
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.protocols.contract import AbortSupport, Recovery
from tillbridge.transports.tap import Direction
from tillbridge.upstream.reports.records import MessageState
from tillbridge.upstream.reports.runner import ReceiverState
from tillbridge.web import words

FOLDER: Final = Path(console.__path__[0])
ENGLISH: Final = CATALOGUES[Language.EN].texts
KEY: Final = re.compile(r"""["']([a-z_]+(?:\.[a-z_]+)+)["']""")
NO_KEYS: Final = {"http.response.start", "tillbridge.connector.console", "tillbridge.web", "acceptance.json", *KNOWN}
SAME: Final = {
    *("day_report.csv.terminal", "day_report.csv.ours", "day_report.csv.total"),
    *("live.on", "column.terminal", "fact.terminal", "terminals.heading", "entry.contact", "terminal.why.busy"),
    *("csv.terminal", "nav.terminals", "reconciliation.ours", "reconciliation.theirs"),
    *("nav.portal", "portal.title"),
    *("age.seconds", "age.minutes", "age.hours", "age.days", "report.kind.hipay", "nav.notifications", "report.title"),
}
TERMINALS: Final = ("free", "busy_itself", "silent", "unreachable", "unknown")
SETTLING: Final = ("title", "lead", "recorded", "till", "confirm")
SAID_OTHERWISE: Final = {EventType.PROGRESS, EventType.OUTCOME, EventType.RESOLVED, EventType.SIGNATURE}
ACCEPTANCE: Final = {f"step.{step}{part}" for step in Step for part in ("", ".do", ".ask")}
UNDELIVERED: Final = ("", ".means", ".title", ".lead")
VOUCHERS: Final = {
    *(f"vouchers.state.{state}" for state in VoucherAction),
    *(f"vouchers.say.{state}" for state in VoucherAction),
    *(f"vouchers.kind.{kind}" for kind in VoucherKind),
    *(f"vouchers.case.{case}" for case in Case),
    *(f"vouchers.decision.{decision}" for decision in Decision),
    *(f"vouchers.life.{state}" for state in VoucherState),
    *(f"vouchers.claims.csv.{column}" for column in CLAIM_COLUMNS),
    *(f"vouchers.provider.say.{state}" for state in ("sent", "unknown", "confirm_queued", "putback_queued")),
    *(f"vouchers.{what}{part}" for what in ("redeem", "load") for part in ("", ".amount", ".hint", ".go")),
}
MADE_UP: Final = {
    *(f"kind.{kind}" for kind in Kind),
    *(f"stage.{stage}" for stage in Stage),
    *(f"progress.{progress}" for progress in Progress),
    *(f"cause.{cause}" for cause in Cause),
    *(f"vouchers.cause.{away}" for away in Away),
    *(f"entry.{mode}" for mode in EntryMode),
    *(f"notice.{notice}" for notice in NOTICES | receipts.NOTICES | {"moved"}),
    *(f"receipt.copy.{copy}" for copy in Copy),
    *(f"terminal.{why}{state}" for why in ("", "why.") for state in TERMINALS),
    *(f"settle.{part}.{answer}" for part in SETTLING for answer in ("taken", "not_taken")),
    *(f"error.{kind}{text}" for kind in ("unknown", "form", "refused", "journal", "fault") for text in ("", ".text")),
    *(f"error.{field}" for field in ("by", "reason")),
    *(f"event.{event}" for event in EventType if event not in SAID_OTHERWISE),
    *(f"event.{judged}_{answer}" for judged in ("signature", "unsigned") for answer in ("accepted", "refused")),
    *(f"nav.{name}" for name in ("overview", "till", "payments", "reconciliation", "doors", "terminals", "tester")),
    *(f"till.{part}.{kind}" for part in ("title", "go") for kind in AT_TILL),
    *(f"abort.{support}" for support in AbortSupport),
    *(f"recovery.{recovery}" for recovery in Recovery),
    *(f"side.{side}" for side in Side),
    *(f"csv.{column}" for column in COLUMNS),
    *(f"difference.{difference}" for difference in Difference),
    *(f"day_report.csv.{name}" for name in (*report_table.COLUMNS, "total", "closing")),
    *(f"day_report.list.wrong.{fault}" for fault in ListFault),
    "day_report.list.more",
    *(f"undelivered.{answer}{part}" for answer in ANSWERS for part in UNDELIVERED),
    *(f"mark.{mark}" for mark in Mark),
    *(f"tester.{direction}" for direction in Direction),
    *(f"trace.minutes.{minutes}" for minutes in TRACE_MINUTES),
    *(f"trace.ended.{why}" for why in Ended),
    *(f"report.kind.{kind}" for kind in ("hipay", "webhook", "file", "gone")),
    *(f"report.{what}.{state}" for what in ("state", "means") for state in ReceiverState),
    *(f"report.line.{state}" for state in MessageState),
    *ACCEPTANCE,
    *VOUCHERS,
    "warning.online_authorization_left_to_terminal",
    "yes",
    "no",
}
"""Keys that the code puts together."""


def _written_down() -> set[str]:
    """The keys that stand in a template or in the code as they are."""
    sources = [*FOLDER.glob("templates/*.html"), *FOLDER.glob("*.py"), Path(words.__file__)]
    found = {key for path in sources for key in KEY.findall(path.read_text())}
    return {key for key in found if not key.endswith(".html")} - NO_KEYS


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", Language)
def test_each_language_has_every_text(language: Language) -> None:
    texts = CATALOGUES[language].texts
    assert set(texts) == set(ENGLISH)
    assert [key for key, text in texts.items() if not text.strip() and key != "format.group"] == []


@pytest.mark.parametrize("language", Language)
def test_each_text_takes_the_same_fields(language: Language) -> None:
    texts = CATALOGUES[language].texts
    assert {key: _fields(text) for key, text in texts.items()} == {key: _fields(text) for key, text in ENGLISH.items()}


def test_whatever_the_pages_say_has_a_text_and_no_text_is_left_over() -> None:
    assert _written_down() | MADE_UP == set(ENGLISH)


@pytest.mark.parametrize("language", [language for language in Language if language is not Language.EN])
def test_nothing_was_left_in_english(language: Language) -> None:
    same = {key for key, text in CATALOGUES[language].texts.items() if text == ENGLISH[key]}
    assert {key for key in same if not key.startswith("format.")} <= SAME


def test_a_field_is_filled_in_and_a_missing_key_is_an_error() -> None:
    words = CATALOGUES[Language.CS]
    assert words("payment.order", order="47") == "Objednávka 47"
    with pytest.raises(KeyError):
        words("payment.nothing")
