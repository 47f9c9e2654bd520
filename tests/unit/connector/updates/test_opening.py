"""Which installations update themselves."""

from pathlib import Path

import pytest

from tillbridge.connector.updates.layout import PROGRAM, Layout
from tillbridge.connector.updates.naming import this_computer
from tillbridge.connector.updates.opening import NoUpdates, open_updates, source_of
from tillbridge.connector.updates.release import Shipped
from tillbridge.connector.updates.settings import UpdateSettings
from tillbridge.connector.updates.updater import Updater
from tillbridge.runtime.effects import Runtime

URL = "https://updates.example/tillbridge"


def installed(root: Path, url: str | None = URL, folder: str = "versions/1.0") -> Path:
    place = root / folder
    place.mkdir(parents=True)
    (place / PROGRAM).touch()
    (place / "root.json").write_bytes(b"the root")
    said = Shipped(version="1.0", kind=this_computer(), url=url)
    (place / "release.json").write_text(said.model_dump_json())
    return place / PROGRAM


def opened(program: Path, **settings: object) -> object:
    return open_updates(UpdateSettings.model_validate(settings), None, Runtime(), program)


def test_a_packaged_version_updates_itself_from_where_it_came(tmp_path: Path) -> None:
    program = installed(tmp_path)
    assert isinstance(opened(program), Updater)
    source = source_of(Layout(tmp_path), "1.0", UpdateSettings(channel="testing"))
    assert source is not None
    assert (source.url, source.root, source.channel) == (URL, b"the root", "testing")


def test_the_settings_name_another_server(tmp_path: Path) -> None:
    installed(tmp_path, url=None)
    source = source_of(Layout(tmp_path), "1.0", UpdateSettings(url="http://192.168.1.5/updates"))
    assert source is not None
    assert source.url == "http://192.168.1.5/updates"


@pytest.mark.parametrize("folder", ["usr/lib/tillbridge", "venv/bin"])
def test_a_debian_or_python_package_does_not(tmp_path: Path, folder: str) -> None:
    updates = opened(installed(tmp_path, folder=folder))
    assert isinstance(updates, NoUpdates)
    assert "what installed it" in updates.why


def test_what_a_person_has_switched_off_is_off(tmp_path: Path) -> None:
    updates = opened(installed(tmp_path), enabled=False)
    assert isinstance(updates, NoUpdates)
    assert "switched off" in updates.why


@pytest.mark.parametrize("missing", ["root.json", "release.json"])
def test_without_a_root_or_an_address_there_is_nothing_to_look_at(tmp_path: Path, missing: str) -> None:
    program = installed(tmp_path)
    (program.parent / missing).unlink()
    updates = opened(program)
    assert isinstance(updates, NoUpdates)
    assert "No update server is set" in updates.why
