"""The worked frames of protocols/concert/README.md, section 9: bytes, and what they mean. The judge of both roles."""

import re
from dataclasses import dataclass

from tillbridge.protocols.concert.v2.messages import (
    Authorisation,
    Means,
    OperationType,
    Reply,
    ReplyDelay,
    Request,
    Status,
)

FULL_PAN = "4970101234567890"
MASKED_PAN = "497010######7890"

_RUN = re.compile(r"\[([0-9A-F]{2}) x([0-9]+)\]")


def frame_bytes(written: str) -> bytes:
    """The bytes of a frame written in hexadecimal, where `[20 x39]` is a run of 39 times 20."""
    return bytes.fromhex(_RUN.sub(lambda run: f"{run[1]} " * int(run[2]), written))


@dataclass(frozen=True)
class Worked:
    """A worked frame. `lossless` is False where decoding masks something, so that encoding cannot give it back."""

    name: str
    written: str
    message: Request | Reply
    lossless: bool = True

    @property
    def frame(self) -> bytes:
        return frame_bytes(self.written)

    def __str__(self) -> str:
        return self.name


def _request(register: str, minor: int, report: bool, tail: str = "A010 B010", **more: object) -> Request:
    usual: dict[str, object] = {"currency": "978", "ask_card_report": report}
    if tail:
        delay, authorisation = tail.split()
        usual |= {"delay": ReplyDelay(delay), "authorisation": Authorisation(authorisation)}
    return Request(register, minor, **(usual | more))  # type: ignore[arg-type]


def _reply(status: Status, minor: int, report: str | None = None, private: str = "") -> Reply:
    return Reply("01", status, minor, "978", report=report, private=private)


_T = OperationType

REQUESTS = (
    Worked(
        "A1",
        "02 30 31 30 30 30 30 31 32 35 30 31 31 30 39 37 38 [20 x10] 41 30 31 30 42 30 31 30 03 01",
        _request("01", 1250, True),
    ),
    Worked(
        "A2",
        "02 30 31 30 30 30 30 30 31 30 30 30 31 30 39 37 38 [20 x10] 41 30 31 31 42 30 31 30 03 06",
        _request("01", 100, False, "A011 B010"),
    ),
    Worked(
        "A3",
        "02 30 31 30 30 30 30 34 35 39 30 30 31 31 39 37 38 [20 x10] 41 30 31 30 42 30 31 30 03 0F",
        _request("01", 4590, False, operation=_T.CREDIT),
    ),
    Worked(
        "A4",
        "02 30 32 30 30 30 30 31 32 35 30 31 31 32 39 37 38 [20 x10] 41 30 31 30 42 30 31 31 03 01",
        _request("02", 1250, True, "A010 B011", operation=_T.CANCELLATION),
    ),
    Worked(
        "A5",
        "02 30 31 30 39 39 39 39 39 39 39 30 43 30 39 37 38 [20 x10] 41 30 31 31 42 30 31 30 03 7C",
        _request("01", 9999999, False, "A011 B010", means=Means.CHEQUE),
    ),
    Worked(
        "A6",
        "02 39 39 30 30 30 31 30 30 30 30 31 31 34 38 34 30 [20 x10] 41 30 31 30 42 30 31 30 03 09",
        _request("99", 10000, True, operation=_T.PRE_AUTHORISATION, currency="840"),
    ),
    Worked(
        "B1",
        "02 30 31 30 30 30 30 31 32 35 30 31 31 30 39 37 38 [20 x10] 03 02",
        _request("01", 1250, True, ""),
    ),
    Worked(
        "B2",
        "02 30 31 30 30 30 30 31 30 30 30 31 31 30 39 37 38 54 69 6C 6C 42 72 69 64 67 65 03 07",
        _request("01", 1000, True, "", private="TillBridge"),
    ),
    Worked(
        "B3",
        "02 30 31 30 30 30 30 31 32 35 30 31 31 30 39 37 38 30 31 32 33 34 35 36 37 38 39 54 30 31 32 03 64",
        _request("01", 1250, True, "", private="0123456789", receipt=True),
    ),
    Worked(
        "D1, its LRC equals ETX",
        "02 30 31 30 30 30 30 30 30 30 34 31 31 30 39 37 38 [20 x10] 41 30 31 30 42 30 31 30 03 03",
        _request("01", 4, True),
    ),
    Worked(
        "D2, its LRC equals STX",
        "02 30 31 30 30 30 30 30 30 30 35 31 31 30 39 37 38 [20 x10] 41 30 31 30 42 30 31 30 03 02",
        _request("01", 5, True),
    ),
    Worked(
        "D3, its LRC equals LF",
        "02 30 31 30 30 30 30 30 30 34 39 31 31 30 39 37 38 [20 x10] 41 30 31 30 42 30 31 30 03 0A",
        _request("01", 49, True),
    ),
)

REPLIES = (
    Worked(
        "C1",
        "02 30 31 30 30 30 30 30 31 32 35 30 31 34 39 37 30 31 30 31 32 33 34 35 36 37 38 39 30 [20 x39] 39 37 38 "
        "[30 x10] 03 19",
        _reply(Status.ACCEPTED, 1250, MASKED_PAN, "0000000000"),
        lossless=False,
    ),
    Worked(
        "C2",
        "02 30 31 30 30 30 30 30 30 31 30 30 31 39 37 38 [20 x10] 03 34",
        _reply(Status.ACCEPTED, 100),
    ),
    Worked(
        "C3",
        "02 30 31 37 30 30 30 30 31 32 35 30 31 39 37 38 [20 x10] 03 34",
        _reply(Status.NOT_ACCEPTED, 1250),
    ),
    Worked(
        "C4",
        "02 30 31 37 30 30 30 30 31 32 35 30 31 [20 x55] 39 37 38 [20 x10] 03 14",
        _reply(Status.NOT_ACCEPTED, 1250, ""),
    ),
    Worked(
        "C5",
        "02 30 31 39 30 30 30 30 30 31 30 30 31 39 37 38 [20 x10] 03 3D",
        _reply(Status.NOT_KNOWN, 100),
    ),
    Worked(
        "C6",
        "02 30 31 37 30 30 30 30 30 30 30 30 31 39 37 38 [20 x10] 03 32",
        _reply(Status.NOT_ACCEPTED, 0),
    ),
)

ALL = REQUESTS + REPLIES


def worked(name: str) -> bytes:
    """The bytes of the worked frame with this name."""
    return next(one.frame for one in ALL if one.name.split(",")[0] == name)


REFERENCE_REQUEST = frame_bytes(
    "02 30 31 30 30 30 30 31 32 35 30 30 31 30 39 37 38 [20 x10] 41 30 31 30 42 30 31 30 03 00"
)
"""The request of the reference exchange: 12.50 EUR without REP; its LRC is 00."""
