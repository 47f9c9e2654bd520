"""What a supervisor and the connector that it started say to each other, line by line.

The supervisor writes orders to the connector's standard input; the connector writes answers to its standard output.
Pipes work alike on every system, need no port and no secret, and each side notices the other's death by their end.

A connector of the next version is started by the supervisor of this one, and the other way round after a roll-back:
a line once defined here keeps its meaning for ever, and a line that is not known is passed over.
"""

from enum import StrEnum
from typing import Final


class Order(StrEnum):
    """What the supervisor asks for. The end of the input means the same as `LEAVE`."""

    STOP_IF_IDLE = "stop if idle"
    LEAVE = "leave"
    HURRY = "hurry"


class Reply(StrEnum):
    """The answers to `Order.STOP_IF_IDLE`: it refuses new payments and goes, or a payment runs and it stays."""

    STOPPING = "stopping"
    BUSY = "busy"


READY: Final = "ready: "
"""What the line begins with that says that payments are taken; programs that start a connector wait for it."""

CONSOLE: Final = "console "
"""In the line of `READY`, what comes before the address of the console."""

REFUSED: Final = "refused: "
"""What the line begins with that names the code of the error for which the connector could not start or go on."""

STOPPED_BY_WISH: Final = 30
"""The exit code of a connector that a till has stopped, and of its supervisor: it is not to be started again until a
person or the next boot does. No other end of `tillbridge` and no signal has this number."""
