"""The log: one JSON object a line, to a file that rotates or to the console, and a scrubber before every line.

Everything that is logged in the process goes through it, also what libraries say through the standard `logging`.
"""

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from tillbridge.runtime.effects import Clock, SystemClock
from tillbridge.runtime.scrubbing import scrub

MAX_FILE_BYTES: Final = 10 * 1024 * 1024
"""Bytes of a log file behind which the next one begins: some weeks of a busy shop, and small enough for an e-mail."""

FILES_KEPT: Final = 5
"""Older log files kept beside the current one: 60 MB in all, nothing on any disk of today."""

RETRY_BYTES: Final = 1024 * 1024
"""So much more is written to a file that could not be put aside before that is tried again."""

FILE_NAME: Final = "tillbridge.log"

# Libraries that say too much. serialx shows every byte of the wire at its debug level, and those carry card numbers;
# aiosqlite and SQLAlchemy show every statement with its values, the readers of forms and of mail what passes through.
_FLOORS: Final[Mapping[str, int]] = {
    "serialx": logging.WARNING,
    "aiosmtplib": logging.WARNING,
    "aiosqlite": logging.WARNING,
    "asyncio": logging.WARNING,
    "aiohttp": logging.WARNING,
    "alembic": logging.WARNING,
    "mail.log": logging.WARNING,
    "multipart": logging.WARNING,
    "psycopg": logging.WARNING,
    "python_multipart": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "uvicorn": logging.WARNING,
    "uvicorn.access": logging.CRITICAL,
}


class Level(StrEnum):
    """The least important line that is still written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def set_up_logging(
    *,
    level: Level = Level.INFO,
    folder: Path | None = None,
    console: TextIO | None = None,
    readable: bool = False,
    clock: Clock | None = None,
) -> None:
    """Sends the log of the whole process to `FILE_NAME` in `folder`, to `console`, or to both; by default to stderr.

    `readable` writes lines for a person to the console instead of JSON. Called again, it replaces what was set up
    before. A log that cannot be written never stops a payment: such lines are lost in silence.
    Raises OSError when the file in `folder` cannot be opened at all.
    """
    processors = _processors(clock or SystemClock())
    handlers: list[logging.Handler] = []
    if folder is not None:
        handlers.append(_to_file(folder / FILE_NAME, processors))
    if console is not None or folder is None:
        handlers.append(_to_console(console or sys.stderr, processors, readable))
    _replace_handlers(handlers, level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *processors,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _replace_handlers(handlers: list[logging.Handler], level: Level) -> None:
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old, _OurHandler):
            root.removeHandler(old)
            old.close()
    for new in handlers:
        root.addHandler(new)
    root.setLevel(level.upper())
    for name, floor in _FLOORS.items():
        logging.getLogger(name).setLevel(max(floor, root.level))


class _OurHandler(logging.Handler):
    """Marks the handlers that this module made, and keeps their failures to itself.

    The standard answer to a failing handler prints the raw arguments of the call to stderr, past the scrubber.
    """

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        pass


@dataclass(frozen=True, slots=True)
class LogFigures:
    """Of the log's file, since it was set up: how often it was put aside, and how often it could not be, or written."""

    rotations: int = 0
    failures: int = 0


class _FileHandler(_OurHandler, RotatingFileHandler):
    """Looks at the file's size before a line and not at the line's own: the standard one would format it twice.

    Where the file cannot be put aside it goes on growing by another `RETRY_BYTES`, and no line is lost: on Windows that
    is so for as long as anybody reads the file.
    """

    rotations = 0
    failures = 0

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=MAX_FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
        self._next = MAX_FILE_BYTES

    def shouldRollover(self, _record: logging.LogRecord) -> bool:  # noqa: N802 - the standard library's name
        return self.stream is not None and self.stream.tell() >= self._next

    def doRollover(self) -> None:  # noqa: N802 - the standard library's name
        """Puts the file aside if that is possible, and has a file open for the next line in any case."""
        size = self.stream.tell() if self.stream is not None else 0
        try:
            super().doRollover()
        except OSError:
            self.failures += 1
            self._next = size + RETRY_BYTES
            if self.stream is None:
                self.stream = self._open()
        else:
            self.rotations += 1
            self._next = MAX_FILE_BYTES

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Counts the line that is lost."""
        self.failures += 1
        super().handleError(record)


def log_figures() -> LogFigures:
    """What became of the log's file so far; nothing where there is none."""
    found = next((one for one in logging.getLogger().handlers if isinstance(one, _FileHandler)), None)
    return LogFigures() if found is None else LogFigures(found.rotations, found.failures)


class _ConsoleHandler(_OurHandler, logging.StreamHandler[TextIO]):
    pass


def _processors(clock: Clock) -> list[Processor]:
    def with_time(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
        return {"time": clock.now().isoformat(timespec="milliseconds"), **line}

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        with_time,
    ]


def _scrubbed(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    scrubbed = scrub(line)
    return scrubbed if isinstance(scrubbed, dict) else {}


def _formatter(processors: list[Processor], renderer: Processor) -> logging.Formatter:
    # The scrubber runs after everything that can add text and before the only step that writes it.
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=processors,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _scrubbed, renderer],
    )


def _to_file(path: Path, processors: list[Processor]) -> logging.Handler:
    handler = _FileHandler(path)
    handler.setFormatter(_formatter(processors, structlog.processors.JSONRenderer()))
    return handler


def _to_console(console: TextIO, processors: list[Processor], readable: bool) -> logging.Handler:
    handler = _ConsoleHandler(console)
    renderer: Processor = structlog.processors.JSONRenderer()
    if readable:
        renderer = structlog.dev.ConsoleRenderer(colors=False, timestamp_key="time")
    handler.setFormatter(_formatter(processors, renderer))
    return handler
