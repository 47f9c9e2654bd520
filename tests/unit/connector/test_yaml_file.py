"""The strict part of YAML: what it takes, what it refuses, and the line that it names."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.runtime.settings.yaml_file import MAX_BYTES, MAX_DEPTH, Unreadable, parse_document, read_document, show


def value(text: str) -> object:
    return parse_document(text.encode()).value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("9.50", Decimal("9.50")),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("01", "01"),
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("1e3", "1e3"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("9999999999999999999", "9999999999999999999"),
        ("'12'", "12"),
        ('"a: b"', "a: b"),
        ("/dev/ttyUSB0", "/dev/ttyUSB0"),
        ("[1, a]", [1, "a"]),
        ("{a: 1}", {"a": 1}),
    ],
)
def test_a_value_is_a_text_unless_it_is_plainly_something_else(written: str, meant: object) -> None:
    found = value(f"name: {written}\n")
    assert found == {"name": meant}
    assert isinstance(found, dict)
    assert type(found["name"]) is type(meant)


def test_an_empty_file_has_no_settings() -> None:
    assert value("") == {}
    assert value("# only a remark\n") == {}


def test_every_value_knows_its_line() -> None:
    document = parse_document(b"a: 1\n\nb:\n  - x\n  - c: 2\n    d: 3\n")
    assert document.line(("a",)) == 1
    assert document.line(("b", 1, "d")) == 6
    assert document.line(("b", 1, "gone", "deeper")) == 5
    assert document.line(("gone",)) == 1


def test_unquoted_values_are_remembered_as_they_were_written() -> None:
    document = parse_document(b"a: 3.20\nb: '3.20'\n")
    assert document.texts == {("a",): "3.20"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a: this is already set in line 1"),
        ("x:\n  a: 1\n  a: 2\n", 3, "x.a: this is already set in line 2"),
        ("a:\n\tb: 1\n", 2, "there is a tab: indent with spaces only"),
        ("a: 1\nb: c: d\n", 2, "one colon too many"),
        ("a: 1\nb\n", 3, "a colon is missing"),
        ("a:\n  - b: 1\n   c: 2\n", 3, "not indented like the lines around it"),
        ("a: &x 1\n", 1, "anchors (&) and aliases (*)"),
        ("a: 1\nb: *a\n", 2, "anchors (&) and aliases (*)"),
        ("a: 1\nb: !!python/object/apply:os.system [x]\n", 2, "tags (!)"),
        ("a: !secret x\n", 1, "tags (!)"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("? [a, b]\n: 1\n", 1, "a setting's name is a plain text"),
        ("a: 1\nb: [1, 2\n", 3, "this is not YAML"),
        ("a: 1\nb: \x07\n", 2, "a control character"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse_document(text.encode())
    assert caught.value.problem.line == line
    assert words in str(caught.value)


def test_a_file_that_is_no_utf8_is_named_with_its_line() -> None:
    with pytest.raises(Unreadable) as caught:
        parse_document("a: 1\nb: ä\n".encode("latin-1"))
    assert (caught.value.problem.line, caught.value.problem.sentence) == (
        2,
        "this is not UTF-8 text: save the file as UTF-8",
    )


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert parse_document(b"\xef\xbb\xbfa: 1\n").value == {"a": 1}


def test_aliases_cannot_grow_into_a_bomb() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(50))
    with pytest.raises(Unreadable):
        parse_document(bomb.encode())


def test_nesting_has_an_end() -> None:
    assert value("[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)) is not None
    with pytest.raises(Unreadable, match="nested more than"):
        value("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    with pytest.raises(Unreadable):
        value("[" * 100_000)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(Unreadable, match="larger than 256 KiB"):
        read_document(path)


def line_of_refusal(content: bytes) -> int | None:
    """None for what is accepted; anything but `Unreadable` fails the test."""
    try:
        parse_document(content)
    except Unreadable as refused:
        return refused.problem.line
    return None


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_read_and_nothing_else(content: bytes) -> None:
    line = line_of_refusal(content)
    assert line is None or 1 <= line <= content.count(b"\n") + content.count(b"\r") + 2


@given(st.text(alphabet="ab:-[]{}&*!#'\" \n\t|>%@?,~0", max_size=60))
def test_almost_yaml_is_refused_or_read_and_nothing_else(text: str) -> None:
    line = line_of_refusal(text.encode())
    assert line is None or 1 <= line <= text.count("\n") + 2


def test_a_path_is_shown_as_people_write_it() -> None:
    assert show(("terminals", 0, "settings", "port")) == "terminals[0].settings.port"
    assert show(()) == ""
