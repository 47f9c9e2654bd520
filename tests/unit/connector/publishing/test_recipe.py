"""What runs in a packaged program before anything of ours, and what `setup.exe` does."""

import ssl
from pathlib import Path

import pytest

from tillbridge.connector.publishing.recipe.find_certificates import certificates
from tillbridge.connector.publishing.recipe.setup_program import program_in_use, set_up


@pytest.fixture
def without_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = ssl.DefaultVerifyPaths(None, None, "", "", "", "")  # type: ignore[arg-type]
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)


@pytest.mark.usefixtures("without_certificates")
def test_the_first_place_with_certificates_is_taken(tmp_path: Path) -> None:
    places = [str(tmp_path / name) for name in ("none", "here", "there")]
    for place in places[1:]:
        Path(place).touch()
    assert certificates({}, places) == places[1]
    assert certificates({}, places[:1]) is None


@pytest.mark.usefixtures("without_certificates")
def test_what_a_person_has_set_stays(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    assert certificates({"SSL_CERT_FILE": "mine"}, [str(tmp_path / "here")]) is None


def shop(tmp_path: Path, script: str) -> Path:
    program = tmp_path / "versions/1.0/tillbridge"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{script}\n')
    program.chmod(0o755)
    (tmp_path / "current").write_text("1.0\n")
    return tmp_path


def asked(here: Path) -> list[str]:
    return (here / "asked").read_text().splitlines()


WIZARD = 'if [ "$1" = connector ]; then touch {}; fi'


def test_the_first_setup_fetches_asks_and_installs(tmp_path: Path) -> None:
    settings = tmp_path / "connector.yml"
    here = shop(tmp_path, WIZARD.format(settings))
    assert set_up(here, ["--answers", "a.yml"]) == 0
    expected = ["self-update", f"connector setup --config {settings} --answers a.yml --no-start"]
    assert asked(here) == [*expected, f"service install --config {settings}"]


def test_without_a_network_the_version_at_hand_is_set_up(tmp_path: Path) -> None:
    settings = tmp_path / "connector.yml"
    here = shop(tmp_path, f'if [ "$1" = self-update ]; then exit 1; fi\n{WIZARD.format(settings)}')
    assert set_up(here, []) == 0
    assert len(asked(here)) == 3


def test_a_second_setup_leaves_updates_to_the_connector(tmp_path: Path) -> None:
    here = shop(tmp_path, "")
    (tmp_path / "connector.yml").touch()
    assert set_up(here, []) == 0
    assert asked(here)[0].startswith("connector setup")


def test_answers_that_were_refused_start_nothing(tmp_path: Path) -> None:
    here = shop(tmp_path, 'if [ "$1" = connector ]; then exit 1; fi')
    assert set_up(here, []) == 1
    assert len(asked(here)) == 2


@pytest.mark.parametrize("current", [None, "", "2.0\n"])
def test_half_an_archive_is_told(tmp_path: Path, current: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    if current is not None:
        (tmp_path / "current").write_text(current)
    assert program_in_use(tmp_path) is None
    assert set_up(tmp_path, []) == 1
    assert "Unpack the whole archive" in capsys.readouterr().err
