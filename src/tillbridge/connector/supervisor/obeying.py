"""The connector's end of the line to its supervisor (`words.py`)."""

from collections.abc import AsyncIterator, Callable

import structlog

from tillbridge.connector.host import Host
from tillbridge.connector.supervisor.words import Order, Reply

log = structlog.get_logger(__name__)


async def obey(host: Host, lines: AsyncIterator[str], answer: Callable[[Reply], None]) -> None:
    """Does what the supervisor asks for. Once it is gone the connector leaves too, after its running payment.

    A connector that nobody looks after would hold the data folder against the next one.
    """
    async for line in lines:
        match line:
            case Order.STOP_IF_IDLE:
                answer(Reply.STOPPING if host.leave_if_idle() else Reply.BUSY)
            case Order.LEAVE:
                host.leave()
            case Order.HURRY:
                host.hurry()
            case _:
                log.warning("order_unknown", order=line)  # of a later supervisor, which does without an answer
    host.leave()
