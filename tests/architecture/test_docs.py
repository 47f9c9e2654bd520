"""The docs say what the code does, and every link in them leads somewhere."""

import re
from pathlib import Path

import pytest

from scripts.reference import FOLDER, PAGES
from tests.architecture.tree import ROOT, files, shown

_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(#[^)\s]+)?\)|(?:src|srcset)=\"(?!https?://)([^\"]+)\"")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _documents() -> list[Path]:
    return [path for path in files() if path.suffix == ".md"]


def _anchors(text: str) -> set[str]:
    """The names that a heading can be linked by, made as the usual viewers make them."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def _broken_links(document: Path) -> list[str]:
    broken = []
    for link in _LINK.finditer(_CODE.sub("", document.read_text())):
        name, anchor = link[1] or link[3] or "", link[2] or ""
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor[1:] not in _anchors(target.read_text())):
            broken.append(link.group())
    return broken


@pytest.mark.parametrize("name", PAGES)
def test_a_page_drawn_from_a_table_is_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), "run `make docs`"


def test_no_link_is_broken() -> None:
    found = {shown(path): _broken_links(path) for path in _documents()}
    assert len(found) > 10
    assert {name: links for name, links in found.items() if links} == {}


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One head\n[a](#one-head) [b](page.md#one-head) [c](gone.md) [d](#gone)\n```\n[e](code.md)\n```\n"
    )
    assert _broken_links(page) == ["](gone.md)", "](#gone)"]


def test_every_page_can_be_reached_from_the_index() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = _LINK.finditer(page.read_text())
        waiting += [target for link in links if link[1] and (target := (page.parent / link[1]).resolve()).is_file()]
    assert {shown(path) for path in _documents()} - {shown(path) for path in seen} == set()
