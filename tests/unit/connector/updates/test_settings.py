"""The section `updates` of the settings."""

import pytest
from pydantic import ValidationError

from tillbridge.connector.updates.settings import UpdateSettings


def test_updates_are_on_at_three_unless_told_otherwise() -> None:
    settings = UpdateSettings()
    assert (settings.enabled, settings.time, settings.channel, settings.url) == (True, "03:00", "stable", None)


@pytest.mark.parametrize("time", ["24:00", "3:00", "03:60", "03.00", "", "0300", "03:00:00"])
def test_an_hour_is_hh_mm(time: str) -> None:
    with pytest.raises(ValidationError):
        UpdateSettings(time=time)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8765", "https://updates.example/tillbridge", "http://[::1]:80/a/b.c_d-e~f/"]
)
def test_an_address(url: str) -> None:
    assert UpdateSettings(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a",
        "https://me:word@a/",
        "https://a/?key=word",
        "https://a/#b",
        "file:///etc",
        "a",
        "https://",
        "https://a b",
    ],
)
def test_nothing_secret_fits_into_an_address(url: str) -> None:
    with pytest.raises(ValidationError):
        UpdateSettings(url=url)
