"""What goes on in the background of a portal, and what is said when it cannot."""

import asyncio

import pytest
from structlog.testing import capture_logs

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.app import _keep_on


@pytest.mark.parametrize(
    ("faults", "event", "code"),
    [
        ((BridgeError(Code.DATABASE_UNAVAILABLE), BridgeError(Code.OVERLOADED)), "job_waits", "database_unavailable"),
        ((BridgeError(Code.DATABASE_UNAVAILABLE), ValueError("ours")), "job_fault", None),
    ],
)
async def test_a_job_of_several_tasks_waits_where_nothing_of_ours_is_at_fault(
    faults: tuple[Exception, ...], event: str, code: str | None
) -> None:
    """A database that is away is no fault of the job, also where two of its tasks were told so."""
    reached = asyncio.Event()

    async def job() -> None:
        reached.set()
        raise ExceptionGroup("tasks", [ExceptionGroup("inner", faults[:1]), *faults[1:]])

    with capture_logs() as said:
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(_keep_on(job))
            await reached.wait()
            keeping.cancel()
    assert [(one["event"], one.get("code")) for one in said] == [(event, code)]
