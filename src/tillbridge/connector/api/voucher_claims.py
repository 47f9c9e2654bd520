"""What a shop claims from other makers' voucher providers: `GET /v1/vouchers/claims`."""

from datetime import date, datetime
from typing import Annotated

from fastapi import FastAPI, Query, Response

from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.outcome_resources import AmountResource, Resource
from tillbridge.connector.api.scopes import Scope
from tillbridge.connector.api.voucher_resources import ActionResource
from tillbridge.connector.vouchers.providers.report import ClaimDay, ClaimDesk
from tillbridge.domain.codes import Code

_Day = Annotated[
    str | None,
    Query(
        pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="A business day of the shop, such as 2026-05-16; today's if it is left out.",
    ),
]


class ProviderSumResource(Resource):
    """What one provider owes for the day. `unknown`: payments that a person has to decide about first."""

    prefix: str
    name: str
    owed: AmountResource
    payments: int
    unknown: int


class ClaimDayResource(Resource):
    """Everything that providers were asked for on a business day, from `since` until just before `until`."""

    day: date
    since: datetime
    until: datetime
    sums: tuple[ProviderSumResource, ...]
    actions: tuple[ActionResource, ...]

    @classmethod
    def of(cls, found: ClaimDay, now: datetime) -> "ClaimDayResource":
        """This day."""
        return cls(
            day=date.fromisoformat(found.day),
            since=found.since,
            until=found.until,
            sums=tuple(
                ProviderSumResource(
                    prefix=one.prefix,
                    name=one.name,
                    owed=AmountResource.of(one.owed),
                    payments=one.payments,
                    unknown=one.unknown,
                )
                for one in found.sums
            ),
            actions=tuple(ActionResource.of(one, now, one.case) for one in found.actions),
        )


def add_voucher_claims(app: FastAPI, desk: ClaimDesk) -> None:
    """Adds the route. It has to stand before that of one action by its key."""

    async def claims(day: _Day = None) -> Response:
        """What other makers' voucher providers owe for a business day, with every payment of it."""
        return json_answer(ClaimDayResource.of(await desk.of_day(day), desk.vouchers.now()))

    named = ("list_voucher_claims", "See what providers owe")
    errors = (Code.FIELD_INVALID, Code.CONNECTOR_STOPPING)
    Route("GET", "/vouchers/claims", claims, *named, "vouchers", ClaimDayResource, errors, (Scope.READ,)).add_to(app)
