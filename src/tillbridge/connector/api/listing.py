"""The lists of payments of the native interface: pages with a cursor, and filters."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import FastAPI, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tillbridge.connector.api.bodies import Name
from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.moments import RFC_3339, moment, start_of_business_day
from tillbridge.connector.api.payments import PREFIX
from tillbridge.connector.api.resources import PaymentResource, PaymentsResource, TotalsResource
from tillbridge.connector.api.scopes import Scope
from tillbridge.domain.errors import Code
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.engine import Engine
from tillbridge.engine.journal.reading import PAGE_LIMIT, Filter
from tillbridge.runtime.effects import Clock

USUAL_PAGE: Final = 50

_Moment = Annotated[str | None, Field(pattern=RFC_3339)]
_WRITTEN: Final = "such as 2026-03-01T04:00:00Z (RFC 3339; in a query the + of a zone is written %2B)"


class _Question(BaseModel):
    """What is asked in a query. A name that is not known is refused: a filter that is misspelt would show too much."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageQuestion(_Question):
    """Which payments, and which page of them."""

    before: str | None = Field(None, pattern="^[0-9a-f]{32}$", description="The last id of the page before.")
    limit: int = Field(USUAL_PAGE, ge=1, le=PAGE_LIMIT)
    kind: Kind | None = None
    stage: Stage | None = None
    terminal: Name | None = None
    door: Name | None = Field(None, description="Where they came in: `native`, or the name of a door.")
    order_id: Name | None = Field(None, description="The till's own number: every payment that has it.")
    search: Name | None = Field(
        None, description="What a person types: an order number, an amount such as 12.50, the beginning of an id."
    )
    since: _Moment = Field(None, description=f"Accepted at this moment or later, {_WRITTEN}.")
    until: _Moment = Field(None, description="Accepted before this moment.")

    def filter(self) -> Filter:
        """As the engine is asked."""
        return Filter(
            kind=self.kind,
            stage=self.stage,
            terminal=self.terminal,
            door=self.door,
            order_id=self.order_id,
            since=moment(self.since, "since"),
            until=moment(self.until, "until"),
            text=self.search,
        )

    def older_than(self, payment_id: str) -> str:
        """The path of the page after one that ended with this payment."""
        asked = self.model_dump(mode="json", exclude_none=True) | {"before": payment_id}
        return f"{PREFIX}/payments?{urlencode(asked)}"


class TotalsQuestion(_Question):
    """Since when the totals are asked for."""

    since: _Moment = Field(None, description=f"A moment {_WRITTEN}; the start of the business day if it is left out.")


class _Lists:
    """The routes' functions, over one engine."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def page(self, asked: Annotated[PageQuestion, Query()]) -> Response:
        """Payments, newest first, of whoever asked for them."""
        found = self._engine.payments(asked.before, asked.limit, asked.filter())
        older = asked.older_than(found[-1].id) if len(found) == asked.limit else None
        return json_answer(PaymentsResource(payments=tuple(map(PaymentResource.of, found)), next=older))

    async def totals(self, asked: Annotated[TotalsQuestion, Query()]) -> Response:
        """Approved money per terminal, kind and currency, by when the payment was accepted."""
        settings, now = self._engine.settings, self._clock.now()
        since = moment(asked.since, "since") or start_of_business_day(settings, now)
        return json_answer(TotalsResource.of(since, await self._engine.totals(since)))


def add_lists(app: FastAPI, engine: Engine, clock: Clock) -> None:
    """Adds the routes that list payments and add them up."""
    of = _Lists(engine, clock)
    asks = ((Code.FIELD_INVALID,), (Scope.READ,))
    for route in (
        Route("GET", "/payments", of.page, "list_payments", "List payments", "payments", PaymentsResource, *asks),
        Route("GET", "/totals", of.totals, "get_totals", "Add them up", "payments", TotalsResource, *asks),
    ):
        route.add_to(app)
