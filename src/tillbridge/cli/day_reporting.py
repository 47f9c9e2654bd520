"""`tillbridge connector day-report`: what it does."""

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import assert_never
from zoneinfo import ZoneInfo

from tillbridge.cli.exits import Exit
from tillbridge.cli.places import Where
from tillbridge.connector.api.day_reports import DayReportResource
from tillbridge.connector.console.language import CATALOGUES
from tillbridge.connector.console.words import Words
from tillbridge.connector.keeping.day_desk import DayDesk, receivers_of
from tillbridge.connector.keeping.day_report import DayReport, Named
from tillbridge.connector.keeping.psp_csv import read_list
from tillbridge.connector.keeping.report_table import table
from tillbridge.connector.settings_file import load_settings
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.engine.opening import JOURNAL_FILE
from tillbridge.runtime.effects import SystemClock


class Shape(StrEnum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


def report_day(place: Where, day: str | None, psp_csv: Path | None, shape: Shape) -> Exit:
    """Writes the report to standard output."""
    if place.config is None:
        raise BridgeError(Code.SETTINGS_INVALID, "the settings say in which time zone a day begins: give --config")
    settings = load_settings(place.config)
    journal = settings.data / JOURNAL_FILE
    if not journal.is_file():
        raise BridgeError(Code.FOLDER_UNUSABLE, "there is no journal in this folder", place=str(settings.data))
    listed = [] if psp_csv is None else [read_list(psp_csv)]
    clock = SystemClock()
    desk = DayDesk(journal, settings.engine, receivers_of(settings.upstream), clock)
    found = desk.report_now(day, listed)
    zone = settings.engine.time_zone
    words = Words(CATALOGUES[Language.EN], clock.now(), None if zone is None else ZoneInfo(zone))
    match shape:
        case Shape.JSON:
            sys.stdout.write(DayReportResource.of(found).model_dump_json(indent=2) + "\n")
        case Shape.CSV:
            sys.stdout.write(table(found, words))
        case Shape.TEXT:
            sys.stdout.write("\n".join(_lines(found, words)) + "\n")
        case _:
            assert_never(shape)
    return Exit.APPROVED if found.agrees else Exit.FAILED


def _lines(found: DayReport, words: Words) -> Iterator[str]:
    zone = words.zone
    since, until = (moment.astimezone(zone) for moment in (found.since, found.until))
    yield f"{found.day}: {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}, {found.payments} payments"
    for one in found.totals:
        yield f"  {one.terminal}  {one.kind}  {one.count} x  {Money(one.minor, one.currency)}"
    for line in found.closings:
        says = "agrees" if line.difference is None else words.t(f"difference.{line.difference}").lower()
        yield (
            f"  {line.terminal} said at {line.at.astimezone(zone):%H:%M}: {line.side} {line.their_count} x"
            f" {line.theirs}, the journal {line.our_count} x {line.ours}: {says}"
        )
    yield f"Compared with: {', '.join(found.psps) or 'no payment service'}"
    if found.too_many:
        yield "There were more payments than one report looks at: this one is not complete."
    if found.agrees:
        yield "Everything that was compared agrees."
    for difference in found.differences:
        yield _said(difference, words)


def _said(one: Named, words: Words) -> str:
    amounts = [
        f"{name} {money}" for name, money in (("journal", one.ours), ("theirs", one.theirs)) if money is not None
    ]
    names = [
        name for name in (one.terminal, one.payment_id, one.order_id and f"order {one.order_id}", one.place) if name
    ]
    return f"! {words.t(f'difference.{one.difference}')}: {', '.join([*names, *amounts])}"
