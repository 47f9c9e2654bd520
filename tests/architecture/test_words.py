"""The project stands alone, and it speaks the words of its own glossary.

What may not be written is put together here from pieces, so that this file passes its own test.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGE, files, python_files, shown

_REGISTRIES = [("pypi", ".org"), ("python", "hosted.org"), ("npm", "js."), ("crates", ".io"), ("deb.debian", ".org")]
_PLACES = [("..", "/shared"), ("/work", "/main"), ("/work", "/shared"), ("/ro", "ot/"), ("DESIGN", ".md")]
_PLACES += [("STACK", ".md"), ("see", "ds/0"), ("brief", ".md")]
_MAKERS_OF_TEXT = [("cla", "ude"), ("anth", "ropic"), ("open", "ai"), ("chat", "gpt"), ("co", "pilot"), ("ge", "mini")]
_MAKERS_OF_TEXT += [("language ", "model"), ("sub", "agent"), ("ai-", "generated"), ("as an ", "ai")]

_FORBIDDEN = re.compile(
    "|".join(re.escape("".join(pieces)) for pieces in _REGISTRIES + _PLACES + _MAKERS_OF_TEXT), re.IGNORECASE
)

# ARCHITECTURE.md, "Words": ambiguous or empty ones. Inside a wire's folder the wire's own words win.
_UNUSED_NAMES = {"pos", "charge", "transaction", "device", "util", "utils", "helper", "helpers", "manager", "info"}
_IMPOSED = {"get_extra_info"}
"""Names that a base class of the standard library asks for."""


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def _unused_words(name: str) -> set[str]:
    words = re.findall("[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)
    return {word.lower() for word in words} & _UNUSED_NAMES


def _text_files() -> list[Path]:
    return [path for path in files() if b"\0" not in path.read_bytes()]


def _own_files() -> list[Path]:
    wires = [folder for folder in (PACKAGE / "protocols").iterdir() if folder.is_dir()]
    # A payment service's published interface is a wire as well.
    wires.append(PACKAGE / "psp" / "hipay")
    return [path for path in python_files("src") if not any(path.is_relative_to(wire) for wire in wires)]


def test_nothing_names_what_the_project_does_not_need() -> None:
    found = {shown(path): _FORBIDDEN.findall(path.read_text()) for path in _text_files()}
    assert len(found) > 50
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize("pieces", _REGISTRIES + _PLACES + _MAKERS_OF_TEXT, ids="…".join)
def test_each_of_them_would_be_found(pieces: tuple[str, str]) -> None:
    assert _FORBIDDEN.search(f"see {''.join(pieces).upper()}x") is not None


def test_names_are_those_of_the_glossary() -> None:
    found = {
        f"{shown(path)}: {name}"
        for path in _own_files()
        for name in {path.stem, *_names(ast.parse(path.read_text()))} - _IMPOSED
        if _unused_words(name)
    }
    assert found == set()


@pytest.mark.parametrize("name", ["DeviceState", "pos_port", "ConnectionManager", "make_utils", "POSTerminal"])
def test_a_word_is_found_in_any_case(name: str) -> None:
    assert _unused_words(name)


@pytest.mark.parametrize("name", ["position", "post", "Positive", "discharge_all", "information"])
def test_a_word_is_not_found_inside_another(name: str) -> None:
    assert not _unused_words(name)
