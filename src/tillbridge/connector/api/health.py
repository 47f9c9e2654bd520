"""Health and readiness in the native interface: for a supervisor, an update and a monitor that has a key."""

from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Response

from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.outcome_resources import Resource
from tillbridge.connector.wellbeing import Trouble, Watch, Wellbeing


class ObstacleResource(Resource):
    """Something that is, or soon may be, in the way of payments. `subject` is a terminal's name where it is about one.

    `blocks`: because of it no payment can be taken here at all.
    """

    trouble: Trouble
    subject: str
    blocks: bool


class WellbeingResource(Resource):
    """How the connector is. `ready`: a payment can be taken now. `busy`: one is running.

    `troubles` says what is in the way; some of them leave `ready` true, such as one terminal of several that is off.
    """

    version: str
    ready: bool
    busy: bool
    stopping: bool
    troubles: tuple[ObstacleResource, ...]
    disk_free_bytes: int
    started_at: datetime
    pid: int

    @classmethod
    def of(cls, now: Wellbeing) -> "WellbeingResource":
        """This moment."""
        return cls(
            version=now.version,
            ready=now.ready,
            busy=now.busy,
            stopping=now.stopping,
            troubles=tuple(
                ObstacleResource(trouble=one.trouble, subject=one.subject, blocks=one.blocks) for one in now.obstacles
            ),
            disk_free_bytes=now.disk_free,
            started_at=now.started_at,
            pid=now.pid,
        )


_UNREADY: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.SERVICE_UNAVAILABLE: {
        "description": "No payment can be taken now; `troubles` says why.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/WellbeingResource"}}},
    }
}


def add_health(app: FastAPI, watch: Watch) -> None:
    """Adds the routes about health."""

    async def health() -> Response:
        """How the connector is. It is always answered with 200: whoever answers is alive."""
        return json_answer(WellbeingResource.of(await watch.look()))

    async def ready() -> Response:
        """The same, with 503 where no payment can be taken: it stops, its disk refuses, or no terminal is there."""
        found = WellbeingResource.of(await watch.look())
        return json_answer(found, HTTPStatus.OK if found.ready else HTTPStatus.SERVICE_UNAVAILABLE)

    for route in (
        Route("GET", "/health", health, "get_health", "How the connector is", "health", WellbeingResource),
        Route(
            "GET",
            "/ready",
            ready,
            "get_readiness",
            "Whether it takes payments",
            "health",
            WellbeingResource,
            more=_UNREADY,
        ),
    ):
        route.add_to(app)
