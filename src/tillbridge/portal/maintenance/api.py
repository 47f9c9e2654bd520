"""For programs: what is planned and what is on. None of it needs a token, and no maintenance refuses it."""

from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.maintenance.model import Component, Mode, Occurrence, Scope, WindowEffect
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.maintenance.windows import check_question, occurrences

USUAL_QUESTION: Final = timedelta(days=35)
"""How far is looked without `to`: a monthly window is always among it."""

_BEARER: Final = "bearer "


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class PlannedWindow(_Answer):
    """One occurrence, from `start` up to but without `end`. `merchant` is false for what concerns everybody."""

    id: str
    component: Component
    effect: WindowEffect
    auto_switch: bool
    start: datetime
    end: datetime
    time_zone: str
    note: str
    merchant: bool


class RunningMaintenance(_Answer):
    """Maintenance that is on. `until` is null where nobody knows the end, or the end that was told has passed."""

    component: Component
    since: datetime
    until: datetime | None
    reason: str
    merchant: bool


class Calendar(_Answer):
    """What is planned between two moments, and what is on now."""

    windows: list[PlannedWindow]
    maintenance: list[RunningMaintenance]


class Status(_Answer):
    """How the portal is: `ok`, or `maintenance` while the portal as a whole is out."""

    version: str
    state: str
    maintenance: list[RunningMaintenance]


def routes(house: House) -> APIRouter:
    """The routes below /v1."""
    router = APIRouter(tags=["maintenance"])
    maintenance = Maintenance(house)

    @router.get("/status")
    async def status() -> Status:
        """How the portal is, for everybody."""
        now = house.runtime.clock.now()
        async with house.database.reading() as connection:
            modes = await maintenance.on(connection, None, now)
        state = "maintenance" if any(mode.component is Component.PORTAL for mode in modes) else "ok"
        running = [_running(mode, now) for mode in modes]
        return Status(version=version("tillbridge"), state=state, maintenance=running)

    @router.get("/maintenance")
    async def calendar(
        start: Annotated[datetime | None, Query(alias="from")] = None,
        to: datetime | None = None,
        authorization: Annotated[str, Header(max_length=200)] = "",
    ) -> Calendar:
        """The windows from `from` up to `to`, at most 400 days; those of a merchant too with its feed's token."""
        now = house.runtime.clock.now()
        begin = now if start is None else start
        end = begin + USUAL_QUESTION if to is None else to
        check_question(begin, end)
        async with house.database.reading() as connection:
            tenant_id = await _whose(maintenance, connection, authorization)
            standing = await maintenance.standing(connection, tenant_id, now)
        return Calendar(
            windows=[_planned(one) for one in occurrences(standing.windows, begin, end)],
            maintenance=[_running(mode, now) for mode in standing.modes],
        )

    return router


async def _whose(maintenance: Maintenance, connection: AsyncConnection, authorization: str) -> Scope:
    if not authorization:
        return None
    if authorization[: len(_BEARER)].lower() != _BEARER:
        raise BridgeError(Code.PORTAL_REFUSED, "this takes the token of a calendar feed as Bearer")
    try:
        return await maintenance.feed_owner(connection, authorization[len(_BEARER) :].strip())
    except BridgeError as error:
        if error.code is Code.RECORD_UNKNOWN:
            raise BridgeError(Code.PORTAL_REFUSED, "no calendar feed has this token") from None
        raise


def _planned(one: Occurrence) -> PlannedWindow:
    plan = one.window.plan
    return PlannedWindow(
        id=one.window.id,
        component=plan.component,
        effect=plan.effect,
        auto_switch=plan.auto_switch,
        start=one.span.start,
        end=one.span.end,
        time_zone=plan.recurrence.zone,
        note=plan.note,
        merchant=one.window.tenant_id is not None,
    )


def _running(mode: Mode, now: datetime) -> RunningMaintenance:
    return RunningMaintenance(
        component=mode.component,
        since=mode.since,
        until=mode.told_until(now),
        reason=mode.reason,
        merchant=mode.tenant_id is not None,
    )
