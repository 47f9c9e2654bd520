import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tillbridge.runtime import logging as our_logging
from tillbridge.runtime.logging import FILE_NAME, FILES_KEPT, Level, set_up_logging
from tillbridge.runtime.manual import EPOCH, ManualClock, ManualLoop

PAN = "4111111111111111"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)
            handler.close()
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def clock() -> Iterator[ManualClock]:
    loop = ManualLoop()
    yield ManualClock(loop)
    loop.close()


def _fail() -> None:
    nothing: dict[str, str] = {}
    try:
        nothing[PAN]
    except KeyError as inner:
        raise ValueError(f"Authorization: Basic bG9nOnB3ZA== for {PAN}") from inner


def _lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_is_one_json_object_with_time_level_and_name(clock: ManualClock) -> None:
    console = io.StringIO()
    set_up_logging(console=console, clock=clock)
    structlog.get_logger("engine").info("payment accepted", payment="01", amount_minor=1250)
    assert _lines(console.getvalue()) == [
        {
            "time": EPOCH.isoformat(timespec="milliseconds"),
            "event": "payment accepted",
            "level": "info",
            "logger": "engine",
            "payment": "01",
            "amount_minor": 1250,
        }
    ]


def test_lines_of_libraries_go_the_same_way() -> None:
    console = io.StringIO()
    set_up_logging(console=console)
    logging.getLogger("library").warning("card %s refused", PAN)
    (line,) = _lines(console.getvalue())
    assert line["event"] == "card ############1111 refused"
    assert (line["level"], line["logger"]) == ("warning", "library")


@pytest.mark.parametrize("from_library", [True, False])
def test_the_text_of_an_exception_is_scrubbed(from_library: bool) -> None:
    console = io.StringIO()
    set_up_logging(console=console)
    try:
        _fail()
    except ValueError:
        if from_library:
            logging.getLogger("library").exception("went wrong")
        else:
            structlog.get_logger("ours").exception("went wrong")
    (line,) = _lines(console.getvalue())
    assert "Traceback" in str(line["exception"])
    assert "ValueError" in str(line["exception"])
    assert PAN not in console.getvalue()
    assert "bG9n" not in console.getvalue()


def test_secrets_bound_to_a_context_are_hidden() -> None:
    console = io.StringIO()
    set_up_logging(console=console)
    with structlog.contextvars.bound_contextvars(api_password="hunter2", trace_id="t1"):
        structlog.get_logger().info("asked", headers={"authorization": "Basic x", "accept": "*/*"})
    (line,) = _lines(console.getvalue())
    assert line["api_password"] == "<redacted>"
    assert line["headers"] == {"authorization": "<redacted>", "accept": "*/*"}
    assert line["trace_id"] == "t1"


def test_less_important_lines_are_left_out() -> None:
    console = io.StringIO()
    set_up_logging(console=console, level=Level.WARNING)
    structlog.get_logger("a").info("no")
    logging.getLogger("b").info("no")
    structlog.get_logger("a").error("yes")
    assert [line["event"] for line in _lines(console.getvalue())] == ["yes"]


def test_the_serial_library_stays_quiet_even_at_debug_level() -> None:
    console = io.StringIO()
    logging.getLogger("serialx").setLevel(logging.NOTSET)  # as before anything of ours has looked at it
    set_up_logging(console=console, level=Level.DEBUG)
    logging.getLogger("serialx.descriptor_transport").debug("Received %r", PAN)
    logging.getLogger("library").debug("shown")
    assert [line["event"] for line in _lines(console.getvalue())] == ["shown"]


def test_a_file_gets_the_lines_and_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(our_logging, "MAX_FILE_BYTES", 2000)
    set_up_logging(folder=tmp_path)
    for number in range(200):
        structlog.get_logger("a").info("line", number=number)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [FILE_NAME, *(f"{FILE_NAME}.{number}" for number in range(1, FILES_KEPT + 1))]
    a_line = 200
    assert all(path.stat().st_size <= 2000 + a_line for path in tmp_path.iterdir())
    assert _lines((tmp_path / FILE_NAME).read_text())[-1]["number"] == 199


def test_file_and_console_get_the_same(tmp_path: Path) -> None:
    console = io.StringIO()
    set_up_logging(folder=tmp_path, console=console)
    structlog.get_logger("a").info("twice")
    assert _lines((tmp_path / FILE_NAME).read_text()) == _lines(console.getvalue())


def test_setting_up_again_replaces_what_was_there() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_up_logging(console=first)
    set_up_logging(console=second)
    structlog.get_logger("a").info("once")
    assert first.getvalue() == ""
    assert len(_lines(second.getvalue())) == 1


def test_lines_for_a_person_are_scrubbed_too() -> None:
    console = io.StringIO()
    set_up_logging(console=console, readable=True)
    structlog.get_logger("a").info("card", number=PAN)
    assert "card" in console.getvalue()
    assert "############1111" in console.getvalue()
    assert PAN not in console.getvalue()


def test_a_log_that_cannot_be_written_stops_nothing_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    console = io.StringIO()
    set_up_logging(console=console)
    console.close()
    structlog.get_logger("a").info("lost", number=PAN)
    logging.getLogger("b").info("lost %s", PAN)
    assert capsys.readouterr() == ("", "")


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        set_up_logging(folder=tmp_path / "nowhere")
