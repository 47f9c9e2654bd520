"""A settings file that is right is read; one that is wrong is refused with file, line and what would be right."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tillbridge.connector.settings import ConsoleLog
from tillbridge.connector.settings_file import SettingsInvalid, load_settings
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.rules import OrderIdsRepeat
from tillbridge.runtime.logging import Level
from tillbridge.runtime.settings.reading import MOST_PROBLEMS
from tillbridge.runtime.settings.secret_values import hash_password

HASH = hash_password("pwd")


def right() -> dict[str, Any]:
    return {
        "data": "kept",
        "terminals": [
            {"name": "counter", "driver": "concert-v2", "settings": {"serial": {"port": "/dev/ttyUSB0"}}},
            {"name": "bar", "driver": "concert-v3", "settings": {"host": "192.0.2.7"}},
        ],
        "doors": [
            {
                "name": "till",
                "door": "hipay",
                "settings": {"api_username": "log", "api_password_hash": HASH, "terminal": "counter"},
            }
        ],
    }


def write(folder: Path, content: object) -> Path:
    path = folder / "connector.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return path


def problems(folder: Path, content: object, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(write(folder, content), environment or {})
    assert caught.value.code is Code.SETTINGS_INVALID
    return [str(problem) for problem in caught.value.problems]


def test_a_right_file_is_read_whole(tmp_path: Path) -> None:
    content = right() | {
        "console": {"port": 9000, "extra_hosts": ["till.example"]},
        "engine": {"order_ids_repeat": "never", "time_zone": "Europe/Paris"},
        "log": {"level": "debug", "console": "json"},
    }
    settings = load_settings(write(tmp_path, content), {})
    assert settings.data == tmp_path / "kept"
    assert (settings.console.host, settings.console.port) == ("127.0.0.1", 9000)
    assert settings.console.extra_hosts == ("till.example",)
    assert settings.engine.order_ids_repeat is OrderIdsRepeat.NEVER
    assert (settings.log.level, settings.log.console, settings.log.file) == (Level.DEBUG, ConsoleLog.JSON, True)
    assert [(one.name, one.wire) for one in settings.terminals] == [("counter", "concert-v2"), ("bar", "concert-v3")]
    assert settings.terminals[0].settings.model_dump()["serial"]["port"] == "/dev/ttyUSB0"
    assert settings.doors[0].settings.model_dump()["port"] == 8080


def test_little_is_enough(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, right() | {"doors": []}), {})
    assert (settings.console.port, settings.log.level, settings.doors) == (8380, Level.INFO, ())


def test_a_code_without_quotes_is_taken_as_it_was_written(tmp_path: Path) -> None:
    text = """data: d
terminals:
  - name: 7
    driver: concert-v2
    settings:
      register: 01
      serial:
        port: COM3
"""
    settings = load_settings(write(tmp_path, text), {})
    assert settings.terminals[0].name == "7"
    assert settings.terminals[0].settings.model_dump(by_alias=True)["register"] == "01"


def test_amounts_are_read_without_a_float(tmp_path: Path) -> None:
    content = right()
    content["doors"][0]["settings"]["authorization_threshold"] = 100.1
    settings = load_settings(write(tmp_path, content), {})
    assert str(settings.doors[0].settings.model_dump()["authorization_threshold"]) == "100.1"


def test_the_error_names_file_line_path_and_remedy(tmp_path: Path) -> None:
    path = write(tmp_path, right() | {"engine": {"order_ids_repeat": "dayly"}})
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(path, {})
    line = path.read_text().splitlines().index("  order_ids_repeat: dayly") + 1
    remedy = "engine.order_ids_repeat: it must be one of: daily, never, not 'dayly'; did you mean 'daily'?"
    assert str(caught.value) == f"{path}, line {line}: {remedy}"


def _changed(section: str, **settings: object) -> dict[str, Any]:
    content = right()
    content[section][0]["settings"].update(settings)
    return content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (right() | {"consol": {}}, "consol: there is no such setting; did you mean 'console'?"),
        (
            right() | {"zzz": 1},
            "zzz: there is no such setting; known here: console, data, doors, engine, ",
        ),
        (right() | {"terminals": []}, "terminals: there must be at least 1 of them"),
        (right() | {"terminals": {"name": "x"}}, "terminals: it must be a list"),
        (right() | {"console": {"port": 99999}}, "console.port: it must be at most 65535, not '99999'"),
        (right() | {"console": {"port": "many"}}, "console.port: it must be a whole number, not 'many'"),
        (right() | {"log": {"file": "perhaps"}}, "log.file: it must be true or false, not 'perhaps'"),
        (right() | {"log": {"file": False, "console": "off"}}, "log: a connector that says nothing anywhere"),
        (right() | {"engine": {"time_zone": "Mars"}}, "engine.time_zone: 'Mars' is not an IANA time zone"),
        (right() | {"engine": {"probe_seconds": -1}}, "engine.probe_seconds: it must be at least 0, not '-1'"),
        (right() | {"engine": 5}, "engine: it must be a mapping"),
        (
            _changed("terminals", regster="01"),
            "terminals[0].settings.regster: there is no such setting; did you mean 'r",
        ),
        (_changed("terminals", register="100"), "terminals[0].settings.register: it must fit the pattern"),
        (_changed("terminals", serial={"port": "COM3", "parity": "evn"}), "parity: it must be one of: none, even, odd"),
        (_changed("terminals", serial={}), "terminals[0].settings.serial.port: this setting is missing"),
        (_changed("terminals", tcp={"host": "x", "port": 1}), "terminals[0].settings: give either serial or tcp"),
        (_changed("doors", port="x"), "doors[0].settings.port: it must be a whole number, not 'x'"),
        (_changed("doors", terminal="countr"), "there is no terminal 'countr'; did you mean 'counter'?"),
        (_changed("doors", port=8380), "doors[0].settings.port: port 8380 is already that of the console"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(tmp_path: Path, content: object, words: str) -> None:
    found = problems(tmp_path, content)
    assert len(found) == 1
    assert words in found[0]


def test_an_unknown_driver_or_door_lists_what_is_installed(tmp_path: Path) -> None:
    content = right()
    content["terminals"][0]["driver"] = "concert-v9"
    content["doors"][0]["door"] = "hipey"
    driver, door = problems(tmp_path, content)
    assert "terminals[0].driver: there is no driver named 'concert-v9'; installed are: " in driver
    assert "concert-v2" in driver
    assert "doors[0].door: there is no door named 'hipey'; installed are: " in door
    assert "hipay" in door


def test_names_are_taken_once(tmp_path: Path) -> None:
    content = right()
    content["terminals"][1]["name"] = "counter"
    (found,) = problems(tmp_path, content)
    assert found.endswith("terminals[1].name: the name 'counter' is already taken")


def test_two_doors_share_no_port(tmp_path: Path) -> None:
    content = right()
    content["doors"].append(content["doors"][0] | {"name": "second"})
    (found,) = problems(tmp_path, yaml.dump(content, Dumper=_NoAliases))
    assert found.endswith("doors[1].settings.port: port 8080 is already that of the door 'till'")


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def test_everything_wrong_is_told_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    content = right() | {"log": {"level": "loud"}}
    del content["data"]
    content["terminals"][0]["settings"]["dialct"] = "e"
    content["doors"][0]["settings"]["patience"] = 1000
    found = problems(tmp_path, content)
    assert [line.split(": ")[1] for line in found] == [
        "data",
        "terminals[0].settings.dialct",
        "doors[0].settings.patience",
        "log.level",
    ]
    numbers = [int(line.split(":")[0].removeprefix("line ")) for line in found]
    assert numbers == sorted(numbers)


def test_a_flood_of_problems_is_cut_off(tmp_path: Path) -> None:
    content = right() | {f"setting{number}": 1 for number in range(100)}
    assert len(problems(tmp_path, content)) == MOST_PROBLEMS


def test_what_is_no_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    assert problems(tmp_path, "data: d\n\tx: 1\n") == ["line 2: there is a tab: indent with spaces only"]


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "just a text")
    assert "it must be a mapping" in found


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BridgeError) as caught:
        load_settings(tmp_path / "gone.yml", {})
    assert caught.value.code is Code.SETTINGS_INVALID
    assert str(caught.value) == f"{tmp_path / 'gone.yml'}: the file cannot be read: No such file or directory"


def test_a_secret_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "hash").write_text(f"{HASH}\n")
    for reference in ({"env": "PASSWORD_HASH"}, {"file": "hash"}):
        settings = load_settings(
            write(tmp_path, _changed("doors", api_password_hash=reference)), {"PASSWORD_HASH": HASH}
        )
        assert settings.doors[0].settings.model_dump()["api_password_hash"] == HASH


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({"env": "GONE"}, "the environment variable GONE is not set, or empty"),
        ({"file": "gone"}, "cannot be read: No such file or directory"),
        ({"vault": "x"}, "it must be `{env: NAME}`, `{file: PATH}` or `{sealed: NAME}`"),
        ("opensesame", "this is no Argon2 hash"),
        ({"env": "WRONG"}, "this is no Argon2 hash"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(tmp_path: Path, reference: object, words: str) -> None:
    (found,) = problems(tmp_path, _changed("doors", api_password_hash=reference), {"WRONG": "opensesame"})
    assert words in found
    assert "opensesame" not in found


def _tills(*doors: tuple[str, dict[str, object]]) -> dict[str, Any]:
    entries = [
        {"name": f"d{number}", "door": wire, "settings": {"port": 20_000 + number, "terminal": "counter", **settings}}
        for number, (wire, settings) in enumerate(doors)
    ]
    return right() | {"doors": entries}


@pytest.mark.parametrize(
    "doors",
    [
        (("concert-v3", {}), ("concert-v3", {})),
        (("concert-v3", {"name": "front"}), ("mypos-xml", {"name": "front", "currency": "EUR"})),
        (("concert-v3", {"name": "mypos-xml"}), ("mypos-xml", {"currency": "EUR"})),
        (("touchscreen", {}), ("touchscreen", {})),
    ],
)
def test_two_doors_whose_tills_cannot_be_told_apart_are_refused(
    doors: tuple[tuple[str, dict[str, object]], ...], tmp_path: Path
) -> None:
    (found,) = problems(tmp_path, _tills(*doors))
    assert "doors[1].settings.name: the door 'd0' goes by" in found


def test_doors_with_names_of_their_own_stand_beside_each_other(tmp_path: Path) -> None:
    content = _tills(("concert-v3", {}), ("concert-v3", {"name": "bar"}), ("mypos-xml", {"currency": "EUR"}))
    assert len(load_settings(write(tmp_path, content), {}).doors) == 3
