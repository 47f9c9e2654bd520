"""What a command's exit code says. A script that takes payments reads nothing else: 0 means paid, all else does not."""

from enum import IntEnum


class Exit(IntEnum):
    """1 and 2 are what every program means by them; the payment's own ends start at 10."""

    APPROVED = 0
    FAILED = 1
    USAGE = 2
    DECLINED = 10
    ABORTED = 11
    NOT_STARTED = 12
    REFUSED = 13
    IN_DOUBT = 20
    STOPPED_BY_WISH = 30
