"""The pages on how to connect tills and terminals say what the code does: settings, rules, and every figure."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import ROOT
from tests.support.guide import blocks
from tillbridge.cli.remote_desk import ANSWER_SECONDS
from tillbridge.connector.api.headers import LONGEST_WAIT
from tillbridge.connector.host import LAST_PAYMENT_SECONDS
from tillbridge.connector.reaching import listening
from tillbridge.connector.settings import MOST_DOORS, MOST_TERMINALS, ConnectorSettings
from tillbridge.connector.settings_file import load_settings
from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Kind
from tillbridge.engine.rules import KEYLESS_REPEAT, EngineSettings
from tillbridge.protocols import registry
from tillbridge.protocols.concert.v2.settings import DriverSettings as V2Settings
from tillbridge.protocols.concert.v3.settings import DriverSettings as V3Settings
from tillbridge.protocols.contract import PaymentRequest
from tillbridge.protocols.hipay.settings import PATIENCE as HIPAY_PATIENCE
from tillbridge.protocols.mypos_xml.settings import PATIENCE_SECONDS as MYPOS_PATIENCE
from tillbridge.protocols.mypos_xml.settings import DriverSettings as MyposSettings
from tillbridge.protocols.touchscreen.profile import Op, profile_of
from tillbridge.protocols.touchscreen.settings import PATIENCE as TOUCH_PATIENCE
from tillbridge.runtime.settings.secret_values import hash_password
from tillbridge.transports.bluetooth import CONNECT_TIMEOUT as BLUETOOTH_SECONDS
from tillbridge.transports.tcp import CONNECT_TIMEOUT as TCP_SECONDS
from tillbridge.virtual.driver import ANSWER_SECONDS as VIRTUAL_SECONDS

TILLS = "how-to/connect-a-till-of-a-terminal-maker.md"
CONCERT = "how-to/connect-a-concert-till.md"
TOUCH = "how-to/connect-a-touch-screen-terminal.md"
MYPOS = "how-to/connect-a-mypos-terminal.md"
MANY = "how-to/many-terminals-and-tills.md"
TIMES = "reference/time-outs.md"


def examples(page: str, folder: Path) -> Iterator[ConnectorSettings]:
    """The settings of each example on a page."""
    (folder / "terminal-password").write_text("a secret of the shop")
    for text in blocks(page, "yaml"):
        (folder / "connector.yml").write_text(re.sub(r"\bHASH\b", hash_password("pwd"), text))
        yield load_settings(folder / "connector.yml")


def wires(settings: ConnectorSettings) -> tuple[list[str], list[str]]:
    return [one.wire for one in settings.terminals], [one.wire for one in settings.doors]


def rows(page: str, first: str) -> list[list[str]]:
    """The cells of the table on this page whose heading begins like this."""
    text = (ROOT / "docs" / page).read_text()
    table = text[text.index(f"| {first} |") :].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (CONCERT, [(["touchscreen"], ["concert-v2", "concert-v3"]), (["mypos-xml"], ["concert-v2"])]),
        (TOUCH, [(["touchscreen"], ["hipay"]), (["touchscreen"], ["concert-v3"])]),
        (MYPOS, [(["mypos-xml"], ["hipay"]), (["mypos-xml"], ["concert-v2"]), (["mypos-xml"], ["concert-v3"])]),
        (TILLS, [(["concert-v3"], ["touchscreen", "mypos-xml"])]),
    ],
)
def test_each_page_has_settings_for_what_it_is_about(
    page: str, expected: list[tuple[list[str], list[str]]], tmp_path: Path
) -> None:
    assert [wires(settings) for settings in examples(page, tmp_path)] == expected


@pytest.mark.parametrize("page", [CONCERT, TILLS, MANY])
def test_a_door_that_is_shown_on_the_network_names_its_tills(page: str, tmp_path: Path) -> None:
    found = [listening(door.settings) for settings in examples(page, tmp_path) for door in settings.doors]
    reached = [at for at in found if at is not None and at.warning]
    assert reached
    assert all(at.networks for at in reached)


def test_the_terminals_password_is_the_one_of_its_file(tmp_path: Path) -> None:
    first, second = examples(TOUCH, tmp_path)
    assert first.terminals[0].settings.model_dump()["secret"] is None
    secret = second.terminals[0].settings.model_dump()["secret"]
    assert secret.get_secret_value() == "a secret of the shop"


def test_the_mypos_terminal_is_reached_in_three_ways(tmp_path: Path) -> None:
    found = [settings.terminals[0].settings.model_dump() for settings in examples(MYPOS, tmp_path)]
    lines = [{name for name in ("host", "bluetooth", "serial") if one[name] is not None} for one in found]
    assert lines == [{"host"}, {"bluetooth"}, {"serial"}]


@pytest.mark.parametrize(("page", "driver"), [(TOUCH, "touchscreen"), (MYPOS, "mypos-xml")])
def test_the_settings_in_the_tables_exist(page: str, driver: str) -> None:
    known = registry.driver(driver).settings.model_fields
    named = [name for cells in rows(page, "setting") for name in re.findall(r"`(\w+)`", cells[0])]
    assert named
    assert set(named) <= known.keys()


# ---------------------------------------------------------------- rules


def routed(settings: ConnectorSettings, kind: Kind, code: str = "EUR", **said: Any) -> str | None:
    """The terminal that the rules of these settings give."""
    usual = PaymentRequest(kind, Money(100, currency(code)), caller="native:main", door="native")
    request = replace(usual, **said)
    return next((route.terminal for route in settings.engine.routes if route.fits(request)), None)


def test_the_rules_of_the_example_lead_where_the_page_says(tmp_path: Path) -> None:
    (settings,) = examples(MANY, tmp_path)
    assert routed(settings, Kind.SALE) == "counter"
    assert routed(settings, Kind.SALE, register="07") == "bar"
    assert routed(settings, Kind.SALE, door="bar-till") == "bar"
    assert routed(settings, Kind.AUTHORIZATION) == "holds"
    assert routed(settings, Kind.SALE, "CZK") == "koruna"
    assert {route.terminal for route in settings.engine.routes} <= {one.name for one in settings.terminals}
    assert settings.engine.signature_seconds == 60
    assert settings.engine.unsigned.accept is False


def test_what_a_rule_compares_is_all_that_it_can() -> None:
    listed = [cells[0].strip("`") for cells in rows(MANY, "word")]
    schema = EngineSettings.model_json_schema()["$defs"]["Route"]["properties"]
    assert sorted(listed) == sorted(schema.keys() - {"terminal"})
    kinds = next(cells[1] for cells in rows(MANY, "word") if cells[0] == "`kind`")
    assert re.findall(r"`(\w+)`", kinds) == [kind.value for kind in Kind]


def test_the_figures_of_that_page_are_the_codes() -> None:
    text = (ROOT / "docs" / MANY).read_text()
    usual = EngineSettings()
    assert f"up to {MOST_TERMINALS} terminals and {MOST_DOORS} doors" in text
    assert f"`probe_seconds`** ({usual.probe_seconds:g})" in text
    assert f"`wake_seconds`** ({usual.wake_seconds:g}, off)" in text
    assert f"`signature_seconds` ({usual.signature_seconds:g})" in text


# ---------------------------------------------------------------- time-outs


def seconds(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"([0-9]+) s\b", text)]


LONGEST_TILL = 300.0
"""What the page tells most tills to wait."""


def dialogue_seconds() -> float:
    """The longest that the dialogue of Concert V2 takes around the customer, if every part has to be repeated."""
    timers = V2Settings.model_validate({"tcp": {"host": "x", "port": 1}}).timers
    enquiries = timers.enq_attempts * timers.ack + (timers.enq_attempts - 1) * timers.pause
    return (
        enquiries + timers.frame_attempts * timers.ack + (timers.nak_limit + 1) * timers.byte + timers.hold + timers.eot
    )


def test_a_till_waits_longer_than_its_door() -> None:
    found = {cells[1].strip("`"): (seconds(cells[2]), seconds(cells[3])) for cells in rows(TIMES, "the till speaks")}
    assert found == {
        "hipay": ([HIPAY_PATIENCE], [HIPAY_PATIENCE + 20]),
        "native": ([LONGEST_WAIT], [20]),
        "concert-v2": ([], [LONGEST_TILL]),
        "concert-v3": ([], [LONGEST_TILL]),
        "touchscreen": ([TOUCH_PATIENCE], [LONGEST_TILL]),
        "mypos-xml": ([MYPOS_PATIENCE], [LONGEST_TILL]),
    }
    assert set(found) - {"native"} == set(registry.names(registry.DOORS))


def test_each_driver_has_its_times() -> None:
    profile = profile_of(None)
    timing, sale = profile.timing, profile.operations[Op.SALE].limit
    refund = profile.operations[Op.REFUND].limit
    v2 = V2Settings.model_validate({"tcp": {"host": "x", "port": 1}})
    v3 = V3Settings(host="x")
    mypos = MyposSettings(host="x", currency="EUR")
    found = {cells[0].strip("`"): (seconds(cells[2]), seconds(cells[3])) for cells in rows(TIMES, "driver")}
    assert found == {
        "concert-v2": ([v2.timers.transaction], [40]),
        "concert-v3": ([v3.answer_timeout], [v3.connect_timeout]),
        "touchscreen": ([sale, refund], [timing.grace, timing.silence]),
        "mypos-xml": ([mypos.answer_timeout], [TCP_SECONDS, BLUETOOTH_SECONDS]),
        "virtual": ([VIRTUAL_SECONDS], []),
    }
    assert set(found) == set(registry.names(registry.DRIVERS))
    assert dialogue_seconds() <= 40


def test_a_till_without_patience_outlasts_every_real_driver() -> None:
    found = {cells[0].strip("`"): max(seconds(cells[2])) + sum(seconds(cells[3])) for cells in rows(TIMES, "driver")}
    assert max(longest for driver, longest in found.items() if driver != "virtual") < LONGEST_TILL
    text = (ROOT / "docs" / TIMES).read_text()
    assert f"but `touchscreen`: {LONGEST_TILL + EngineSettings().signature_seconds:g} s." in text


def test_the_other_times_are_the_codes() -> None:
    usual = EngineSettings()
    assert [seconds(cells[1]) for cells in rows(TIMES, "what")] == [
        [KEYLESS_REPEAT.total_seconds()],
        [usual.signature_seconds],
        [usual.probe_seconds],
        [LAST_PAYMENT_SECONDS],
        [ANSWER_SECONDS],
    ]
