"""What a wire trace keeps: every piece masked before it is kept, whatever the wire, the coding or the cut."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.connector.doctor.test_searching import card_numbers
from tillbridge.connector.tracing import files
from tillbridge.connector.tracing.files import Span, TraceLine
from tillbridge.connector.tracing.pieces import Pieces
from tillbridge.runtime.effects import SystemClock
from tillbridge.transports.tap import Direction

PAN = "4111111111111111"
SENT, RECEIVED = Direction.SENT, Direction.RECEIVED


def traced(*passed: tuple[Direction, bytes], secrets: tuple[str, ...] = (), cut_after: int | None = None) -> list[str]:
    kept: list[TraceLine] = []
    pieces = Pieces("front", SystemClock(), secrets, kept.append)
    for place, (direction, raw) in enumerate(passed):
        pieces.observe(direction, raw)
        if place == cut_after:
            pieces.cut()
    pieces.cut()
    return [line.text for line in kept]


def test_what_goes_one_way_is_one_piece() -> None:
    assert traced((SENT, b"\x05"), (RECEIVED, b"\x06"), (SENT, b"\x02ab"), (SENT, b"c\x03"), (RECEIVED, b"\x06")) == [
        "«ENQ»",
        "«ACK»",
        "«STX»abc«ETX»",
        "«ACK»",
    ]


@given(card_numbers(), st.data())
def test_no_card_number_is_kept_whatever_its_frame_and_its_split(number: str, data: st.DataObject) -> None:
    before = data.draw(st.sampled_from(["\x02", "AA0", "01", "REP=", ' {"pan":"']))
    behind = data.draw(st.sampled_from(["\x03", "  ", "12", '"}', "\r\n"]))
    raw = f"{before}{number}{behind}".encode()
    split = data.draw(st.integers(0, len(raw)))
    parts = [(RECEIVED, raw[:split]), (RECEIVED, raw[split:])]
    together = "".join(traced(*parts))
    assert number not in together
    cut = traced(*parts, cut_after=0)
    assert number not in "".join(cut)


@given(card_numbers())
def test_a_card_number_on_a_line_of_another_parity_is_not_kept(number: str) -> None:
    raw = bytes(byte | 0x80 if byte.bit_count() % 2 else byte for byte in f"\x02{number}\x03".encode())
    (text,) = traced((RECEIVED, raw))
    stripped = "".join(chr(ord(one) & 0x7F) for one in text)
    assert number not in text
    assert number not in stripped


def test_a_receipt_in_base64_is_left_out() -> None:
    import base64  # noqa: PLC0415

    coded = base64.b64encode(f"a receipt with {PAN} on it".encode()).decode()
    (text,) = traced((RECEIVED, f"AK0{len(coded)}{coded}".encode()))
    assert coded not in text
    assert "characters>" in text


def test_passwords_are_hidden() -> None:
    (text,) = traced((SENT, b"POST /x\nkey=topsecret-1 and Basic dG9wc2VjcmV0LTE="), secrets=("topsecret-1",))
    assert "topsecret" not in text
    assert "dG9wc2" not in text


def test_a_long_row_of_digits_from_a_terminal_is_hidden_without_a_check_digit_too() -> None:
    (text,) = traced((RECEIVED, b"\x024000000000000000\x03"))
    assert "4000000000000000" not in text


def test_a_trace_is_read_back_also_where_a_power_cut_left_half_a_line(tmp_path: Path) -> None:
    line = TraceLine("2026-11-22T12:00:00+00:00", "front", "sent", 3, 0, "abc")
    files.append(tmp_path, [line, TraceLine(line.at, "bar", "sent", 1, 0, "x")])
    with (tmp_path / files.TRACE_FILE).open("ab") as file:
        file.write(b'{"at": "2026')
    assert files.tail(tmp_path, "front", 10) == [line]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"front": 1}', b'{"front": {"since": "x"}}', b"\xff"])
def test_a_broken_state_is_no_state(tmp_path: Path, content: bytes) -> None:
    (tmp_path / files.STATE_FILE).write_bytes(content)
    assert files.read_spans(tmp_path) == {}


def test_the_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    now = SystemClock().now()
    spans = {"front": Span(now, now, "a person")}
    files.write_spans(tmp_path, spans)
    assert files.read_spans(tmp_path) == spans
