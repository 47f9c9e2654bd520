"""The report of a business day: `GET /v1/day-report`. docs/how-to/close-the-day.md is the manual."""

from datetime import date, datetime
from typing import Annotated

from fastapi import FastAPI, Query, Response

from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.outcome_resources import Resource
from tillbridge.connector.api.resources import TotalResource
from tillbridge.connector.api.scopes import Scope
from tillbridge.connector.keeping.day_desk import DayDesk
from tillbridge.connector.keeping.day_report import Closing, DayReport, Difference, Named
from tillbridge.domain.errors import Code
from tillbridge.domain.money import Money
from tillbridge.domain.outcome import Side

_Day = Annotated[
    str | None,
    Query(
        pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="A business day of the shop, such as 2026-05-16; today's if it is left out.",
    ),
]


class MinorResource(Resource):
    """An amount in minor units."""

    minor: int
    currency: str

    @classmethod
    def of(cls, money: Money | None) -> "MinorResource | None":
        """This amount; None for none."""
        return None if money is None else cls(minor=money.minor, currency=money.currency.code)


class DifferenceResource(Resource):
    """One thing that does not agree; `place` is where the other side says it."""

    difference: Difference
    terminal: str | None
    payment_id: str | None
    order_id: str | None
    ours: MinorResource | None
    theirs: MinorResource | None
    place: str

    @classmethod
    def of(cls, one: Named) -> "DifferenceResource":
        """This difference."""
        return cls(
            difference=one.difference,
            terminal=one.terminal,
            payment_id=one.payment_id,
            order_id=one.order_id,
            ours=MinorResource.of(one.ours),
            theirs=MinorResource.of(one.theirs),
            place=one.place,
        )


class ClosingResource(Resource):
    """A terminal's own totals of one side beside the journal's, since its reconciliation before that one."""

    payment_id: str
    terminal: str
    at: datetime
    side: Side
    currency: str
    their_count: int
    their_minor: int
    our_count: int
    our_minor: int
    agrees: bool

    @classmethod
    def of(cls, one: Closing) -> "ClosingResource":
        """This line."""
        return cls(
            payment_id=one.payment_id,
            terminal=one.terminal,
            at=one.at,
            side=one.side,
            currency=one.ours.currency.code,
            their_count=one.their_count,
            their_minor=one.theirs.minor,
            our_count=one.our_count,
            our_minor=one.ours.minor,
            agrees=one.difference is None,
        )


class DayReportResource(Resource):
    """The report of a business day, from `since` until just before `until`.

    `receivers` are the payment services that it was compared with. It agrees where there is no difference. `too_many`:
    there were more payments than a report looks at.
    """

    day: date
    since: datetime
    until: datetime
    payments: int
    too_many: bool
    agrees: bool
    receivers: tuple[str, ...]
    totals: tuple[TotalResource, ...]
    closings: tuple[ClosingResource, ...]
    differences: tuple[DifferenceResource, ...]

    @classmethod
    def of(cls, found: DayReport) -> "DayReportResource":
        """This report."""
        return cls(
            day=found.day,
            since=found.since,
            until=found.until,
            payments=found.payments,
            too_many=found.too_many,
            agrees=found.agrees,
            receivers=found.psps,
            totals=tuple(
                TotalResource(
                    terminal=one.terminal,
                    kind=one.kind,
                    currency=one.currency.code,
                    count=one.count,
                    minor=one.minor,
                )
                for one in found.totals
            ),
            closings=tuple(map(ClosingResource.of, found.closings)),
            differences=tuple(map(DifferenceResource.of, found.differences)),
        )


def add_day_reports(app: FastAPI, desk: DayDesk) -> None:
    """Adds the route."""

    async def report(day: _Day = None) -> Response:
        """A business day in the shop's time: totals, and every difference from the terminals' own and the service's."""
        return json_answer(DayReportResource.of(await desk.report(day)))

    errors, scopes = (Code.FIELD_INVALID,), (Scope.READ,)
    Route(
        "GET", "/day-report", report, "get_day_report", "Close the day", "payments", DayReportResource, errors, scopes
    ).add_to(app)
