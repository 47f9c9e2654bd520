"""Versions, and the names of computers."""

import sys

import pytest
from packaging.version import Version

from tillbridge.connector.updates.naming import newer, this_computer, version_of


@pytest.mark.parametrize("text", ["0", "1.0", "1.10.3", "2.0rc1", "1.0.dev3", "1.0.post1", "1.0a1"])
def test_a_version_in_its_normal_form(text: str) -> None:
    assert version_of(text) == Version(text)


@pytest.mark.parametrize(
    "text",
    ["", "v1.0", "1.0+local", "1.0-1", "01.0", "1.0RC1", "../1.0", "1.0/2", "1.0 ", "1.0\n", "1!2.0", "x", "1." * 40],
)
def test_what_is_no_version_here(text: str) -> None:
    assert version_of(text) is None
    assert not newer(text, "1.0")
    assert not newer("1.0", text)


@pytest.mark.parametrize(
    ("older", "later"),
    [("1.9", "1.10"), ("1.0rc1", "1.0"), ("1.0.dev1", "1.0a1"), ("1.0", "1.0.post1"), ("9.9.9", "10.0")],
)
def test_newer(older: str, later: str) -> None:
    assert newer(later, older)
    assert not newer(older, later)
    assert not newer(older, older)


@pytest.mark.parametrize(
    ("platform", "machine", "name"),
    [("linux", "x86_64", "linux-x86_64"), ("win32", "AMD64", "windows-x86_64"), ("linux", "arm64", "linux-aarch64")],
)
def test_this_computer(platform: str, machine: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert this_computer() == name
