"""The page on this wire says what the code cites, and its tables are those of the code."""

import re
from pathlib import Path

import tillbridge.protocols.mypos_xml
from tillbridge.protocols.mypos_xml.judgement import Code
from tillbridge.protocols.mypos_xml.messages import ANSWERS, FIELDS
from tillbridge.protocols.mypos_xml.settings import Personality

FOLDER = Path(tillbridge.protocols.mypos_xml.__file__).parent
PAGE = (FOLDER / "README.md").read_text()
_CITATION = re.compile(r"README\.md,\s+sections? ([0-9]+)((?:(?:, | and )[0-9]+)*)")


def _cited() -> set[str]:
    found = [found for path in FOLDER.glob("*.py") for found in _CITATION.findall(path.read_text())]
    return {number for first, others in found for number in (first, *re.findall("[0-9]+", others))}


def test_every_section_that_the_code_cites_is_there_and_numbered_without_a_gap() -> None:
    numbers = re.findall(r"^## ([0-9]+)\. ", PAGE, re.MULTILINE)
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    assert len(_cited()) > 5
    assert _cited() <= set(numbers)


def test_every_file_is_named() -> None:
    named = set(re.findall(r"`([a-z_]+\.py)`", PAGE)) - {"settings.py"}
    assert {path.name for path in FOLDER.glob("*.py")} - {"__init__.py", "settings.py"} == named


def test_roots_fields_and_statuses_are_those_of_the_code() -> None:
    for root, fields in FIELDS.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{root}` |"))
        assert ("the same" in row) or [f"`{field}`" for field in fields] == re.findall("`[a-z]+`", row)[1:]
    assert all(f"`{name}`" in PAGE for name in ANSWERS)
    rows = dict(re.findall(r"^\| ([0-9]+) \| `([A-Z_]+)` \|", PAGE, re.MULTILINE))
    assert rows == {str(code.value): code.name for code in Code}


def test_every_switch_of_the_simulator_is_named() -> None:
    section = PAGE[PAGE.index("## 8.") : PAGE.index("## 9.")]
    assert all(f"`{name}`" in section for name in Personality.model_fields)
