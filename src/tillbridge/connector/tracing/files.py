"""The trace on the disk: one file of JSON lines, and a small one that says until when it goes on."""

import json
import os
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.durable import read_bounded, write_durably

TRACE_FILE: Final = "wire-trace.jsonl"
STATE_FILE: Final = "wire-trace.json"

LARGEST_TRACE: Final = 16 * 1024 * 1024
"""Bytes at which a trace ends before its time: an hour of ten busy terminals takes a tenth of it."""

LARGEST_STATE: Final = 64 * 1024
"""Bytes of what is traced: two hundred terminals take a fifth."""

OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class Span:
    """When the trace of one terminal began and when it ends, in UTC, and who asked for it."""

    since: datetime
    until: datetime
    by: str


def write_spans(folder: Path, spans: dict[str, Span]) -> None:
    """On the disk when it returns. `BridgeError(FOLDER_UNUSABLE)`."""
    told = {
        name: {"since": span.since.isoformat(), "until": span.until.isoformat(), "by": span.by}
        for name, span in spans.items()
    }
    write_durably(folder / STATE_FILE, json.dumps(told, indent=1).encode())


def read_spans(folder: Path) -> dict[str, Span]:
    """What was going on; nothing where there is no such file, or a person or a fault has broken it."""
    try:
        told = json.loads(read_bounded(folder / STATE_FILE, LARGEST_STATE) or b"{}")
        return {
            str(name): Span(_moment(one["since"]), _moment(one["until"]), str(one["by"])) for name, one in told.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a moment without its zone")
    return found


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One piece of a conversation as it is kept: `text` is masked, `size` counts the bytes that really passed."""

    at: str
    terminal: str
    direction: str
    size: int
    left_out: int
    text: str

    def written(self) -> bytes:
        """As a line of the file."""
        return json.dumps(asdict(self), ensure_ascii=False).encode() + b"\n"


def append(folder: Path, lines: list[TraceLine]) -> int:
    """Adds lines and returns how large the file is now. `BridgeError(FOLDER_UNUSABLE)`."""
    path = folder / TRACE_FILE
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), OWNER_ONLY)
        with os.fdopen(handle, "ab") as file:
            file.write(b"".join(line.written() for line in lines))
            return file.tell()
    except OSError as error:
        raise BridgeError(
            Code.FOLDER_UNUSABLE, f"the trace cannot be written: {error.strerror}", place=str(path)
        ) from None


def begin(folder: Path) -> None:
    """Takes the trace before away. `BridgeError(FOLDER_UNUSABLE)`."""
    path = folder / TRACE_FILE
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise BridgeError(
            Code.FOLDER_UNUSABLE, f"the old trace cannot be removed: {error.strerror}", place=str(path)
        ) from None


def size(folder: Path) -> int:
    """Bytes of the trace; 0 where there is none."""
    try:
        return (folder / TRACE_FILE).stat().st_size
    except OSError:
        return 0


def tail(folder: Path, terminal: str, most: int) -> list[TraceLine]:
    """The newest lines of one terminal, oldest first."""
    kept: deque[TraceLine] = deque(maxlen=most)
    try:
        with (folder / TRACE_FILE).open("rb") as file:
            for line in file:
                found = _read(line)
                if found is not None and found.terminal == terminal:
                    kept.append(found)
    except OSError:
        return []
    return list(kept)


def _read(line: bytes) -> TraceLine | None:
    """A line of the file; None for one that a power cut has left half."""
    try:
        told: Any = json.loads(line)
        return TraceLine(**told)
    except (ValueError, TypeError):
        return None
