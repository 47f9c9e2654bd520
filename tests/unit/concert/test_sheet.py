"""The pages on the wire say what the code cites, and their frames are the golden ones."""

import re
from pathlib import Path

import pytest

import tillbridge.protocols.concert
from tests.support.concert_frames import ALL, frame_bytes

FOLDER = Path(tillbridge.protocols.concert.__file__).parent
REPOSITORY = FOLDER.parents[3]
_CITATION = re.compile(r"(?:concert/)?(README(?:-V3)?\.md),\s*sections?\s([0-9]+)(?:\sand\s([0-9]+))?")
_HEADING = re.compile(r"^## ([0-9]+)\. ", re.MULTILINE)
_FRAME = re.compile(r"^\| ([A-C][0-9]) \|.*\| `([0-9A-Fx \[\]]+)` \|$", re.MULTILINE)


def _cited(text: str) -> set[tuple[str, str]]:
    return {(page, number) for page, *numbers in _CITATION.findall(text) for number in numbers if number}


def _citing() -> list[Path]:
    tests = [path for path in (REPOSITORY / "tests").rglob("*.py") if "concert/README" in path.read_text()]
    return [*FOLDER.rglob("*.py"), *tests]


def test_every_section_that_the_code_cites_is_there() -> None:
    pages = {path.name: set(_HEADING.findall(path.read_text())) for path in FOLDER.glob("README*.md")}
    cited = {citation for path in _citing() for citation in _cited(path.read_text())}
    assert len(cited) > 10
    assert {(page, number) for page, number in cited if number not in pages[page]} == set()


@pytest.mark.parametrize("page", ["README.md", "README-V3.md"])
def test_the_sections_of_a_page_are_numbered_without_a_gap(page: str) -> None:
    numbers = [int(number) for number in _HEADING.findall((FOLDER / page).read_text())]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_frames_on_the_page_are_the_golden_ones() -> None:
    shown = {name: frame_bytes(written) for name, written in _FRAME.findall((FOLDER / "README.md").read_text())}
    assert shown == {one.name: one.frame for one in ALL if one.name[0] in "ABC"}


def test_a_citation_over_two_lines_is_found() -> None:
    text = (
        "(protocols/concert/README-V3.md, section 4) and protocols/concert/README.md, sections 4 and 7. "
        "(README-V3.md,\n    section 1)"
    )
    assert _cited(text) == {
        ("README-V3.md", "4"),
        ("README.md", "4"),
        ("README.md", "7"),
        ("README-V3.md", "1"),
    }
