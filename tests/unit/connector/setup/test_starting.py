"""The end of a setup: what a person is offered, and what follows where it does not work."""

import io
from pathlib import Path, PureWindowsPath

import pytest

from tillbridge.cli.starting import has_service, shown, started
from tillbridge.connector.setup.language import texts
from tillbridge.connector.setup.plain import PlainFront
from tillbridge.connector.setup.starting import Start
from tillbridge.connector.supervisor.planning import Computer
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code

CONFIG = Path("/shop/connector.yml")


def chosen(typed: list[str], *, service: bool = True, fails: int = 0) -> tuple[bool, list[Start], str]:
    """Whether it was started, which steps were tried, and what was shown; the first steps fail."""
    out = io.StringIO()
    said = texts(Language.EN, {})
    front = PlainFront(said, io.StringIO("".join(f"{line}\n" for line in typed)), out)
    tried: list[Start] = []

    def step(which: Start, config: Path) -> None:
        assert config == CONFIG
        tried.append(which)
        if len(tried) <= fails:
            raise BridgeError(Code.INTERNAL, "Failed to connect to bus", place="systemctl")

    steps = {
        Start.SERVICE: lambda config: step(Start.SERVICE, config),
        Start.NOW: lambda config: step(Start.NOW, config),
    }
    done = started(CONFIG, front, said, has_service=service, steps=steps)
    return done, tried, out.getvalue()


def test_enter_alone_installs_the_service_where_there_is_one() -> None:
    assert chosen([""])[:2] == (True, [Start.SERVICE])


def test_enter_alone_starts_it_where_there_is_no_service() -> None:
    done, tried, out = chosen([""], service=False)
    assert (done, tried) == (True, [Start.NOW])
    assert "as a service" not in out


@pytest.mark.parametrize("typed", [["later"], ["3"], []])
def test_later_is_no_failure(typed: list[str]) -> None:
    assert chosen(typed)[:2] == (False, [])


def test_a_word_that_is_none_is_asked_again() -> None:
    done, tried, out = chosen(["tomorrow", "now"])
    assert (done, tried) == (True, [Start.NOW])
    assert "It must be one of: service, now, later." in out


def test_a_service_that_cannot_be_made_is_said_and_enter_alone_is_then_later() -> None:
    done, tried, out = chosen(["service", ""], fails=1)
    assert (done, tried) == (False, [Start.SERVICE])
    assert "!!! systemctl: Failed to connect to bus" in out


def test_after_a_failure_something_else_can_be_chosen() -> None:
    assert chosen(["service", "now"], fails=1)[:2] == (True, [Start.SERVICE, Start.NOW])


def test_a_command_is_shown_as_it_can_be_typed() -> None:
    path = "/home/der Bäcker's/connector.yml"
    assert shown(("tillbridge", "-c", path), windows=False) == "tillbridge -c '/home/der Bäcker'\"'\"'s/connector.yml'"
    windows = str(PureWindowsPath("C:/Mein Laden/connector.yml"))
    assert shown(("tillbridge", "-c", windows), windows=True) == 'tillbridge -c "C:\\Mein Laden\\connector.yml"'


def test_what_counts_as_a_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    bare = Computer(windows=False, systemd=False, root=False, units=tmp_path)
    assert not has_service(bare)
    assert has_service(Computer(windows=True, systemd=False, root=False, units=tmp_path))
    assert has_service(Computer(windows=False, systemd=True, root=False, units=tmp_path))
    (tmp_path / "crontab").touch(mode=0o755)
    assert has_service(bare)
