"""No pattern of ours can be kept busy by a text (catastrophic backtracking): every one of them is tried."""

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Final

import pytest

import tillbridge.link
import tillbridge.portal
import tillbridge.runtime
import tillbridge.web

LENGTH: Final = 8000
"""Characters: what takes the square of its length is seen with so many, and a linear pattern takes a millisecond."""

PATIENCE: Final = 1.0
"""Seconds of this process's own time for one pattern and one text. The worst honest one takes a fortieth."""

PIECES: Final = (
    *("a", "0", " ", "\t", "-", "_", ".", "=", ":", ";", ",", '"', "'", "\\", "/", "&", "\n", "é"),
    *("A0", "a ", "a.", "a@", "a=", "0 ", "0-", "pin", "eyJ", "cookie", "://"),
)


def modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if ".migrations." not in found.name:
            yield importlib.import_module(found.name)


def patterns() -> dict[str, re.Pattern[str]]:
    """Every pattern that a module keeps, also in a tuple of such."""
    found: dict[str, re.Pattern[str]] = {}
    for package in (tillbridge.portal, tillbridge.link, tillbridge.web, tillbridge.runtime):
        for module in modules(package):
            for value in vars(module).values():
                for one in value if isinstance(value, tuple) else (value,):
                    inner = one[0] if isinstance(one, tuple) and one else one
                    if isinstance(inner, re.Pattern) and isinstance(inner.pattern, str):
                        found[inner.pattern] = inner
    return found


ALL: Final = patterns()


def test_the_patterns_are_found() -> None:
    assert len(ALL) > 15


@pytest.mark.parametrize("pattern", list(ALL.values()), ids=range(len(ALL)))
def test_a_pattern_takes_no_longer_than_its_text(pattern: re.Pattern[str]) -> None:
    for piece in PIECES:
        for text in (piece * (LENGTH // len(piece)), piece * (LENGTH // len(piece)) + "\x00!"):
            begun = time.process_time()
            pattern.fullmatch(text)
            pattern.search(text)
            assert time.process_time() - begun < PATIENCE, (pattern.pattern, piece)
