import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.unit.hipay.till import Counter, Host, call, settings
from tillbridge.protocols import hipay
from tillbridge.protocols.hipay.door import DOOR, HipayDoor
from tillbridge.protocols.hipay.settings import HipaySettings
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.scenarios import SCENARIOS
from tillbridge.virtual.script import Step

EXAMPLE = Path(hipay.__file__).with_name("request.example.json").read_bytes()
MINUTE = 60.0


# ---------------------------------------------------------------- maintenance


@pytest.mark.parametrize(
    ("platform", "name"), [("win32", "windows_64"), ("linux", "linux"), ("darwin", "macos_64"), ("freebsd", "linux")]
)
def test_the_version_has_the_shape_of_the_wire(platform: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        counter = Counter(host=Host())
        with monkeypatch.context() as patch:
            patch.setattr(sys, "platform", platform)
            reply = await counter.get("/version")
        assert reply.json == {"version": f"1.2.3-concertv2-{name}"}

    run_manual(main())


def test_the_configured_serial_number_is_told() -> None:
    assert run_manual(call("GET", "/config")).json == {"deviceId": "00000012345678"}


def test_stop_stops_when_nothing_runs() -> None:
    async def main() -> None:
        host = Host()
        reply = await Counter(host=host).get("/stop")
        assert (reply.json, host.stopped) == ({"message": "TP-Manager stopped", "stopped": True}, True)

    run_manual(main())


def test_stop_can_say_what_the_sample_says() -> None:
    async def main() -> None:
        host = Host()
        reply = await Counter(host=host, quirks={"stop_says_false": True}).get("/stop")
        assert (reply.json, host.stopped) == ({"message": "TP-Manager stopped", "stopped": False}, True)

    run_manual(main())


def test_stop_waits_for_nobody_and_interrupts_nothing() -> None:
    async def main() -> None:
        host = Host(busy=True)
        reply = await Counter(host=host).get("/stop")
        assert reply.json == {"message": "TP-Manager is busy, will stop when possible", "stopped": False}
        assert not host.stopped

    run_manual(main())


def test_stop_can_be_switched_off_and_is_no_matter_of_head() -> None:
    async def main() -> None:
        host = Host()
        assert (await Counter(host=host, stop_enabled=False).get("/stop")).status == 404
        assert (await Counter(host=host).call("HEAD", "/stop")).status == 405
        assert (await Counter(host=host).call("POST", "/stop")).status == 405
        assert not host.stopped
        assert (await Counter().get("/stop")).status == 404

    run_manual(main())


# ---------------------------------------------------------------- the maker, and the settings


def test_the_maker_opens_a_door() -> None:
    async def main() -> None:
        counter = Counter()
        door = DOOR.open(settings(port=8123), counter.terminal, counter.runtime, Host())
        assert isinstance(door, HipayDoor)
        assert door.address == "http://localhost:8123"
        with pytest.raises(TypeError):
            DOOR.open(OtherSettings(), counter.terminal, counter.runtime)

    run_manual(main())
    assert (DOOR.name, DOOR.settings) == ("hipay", HipaySettings)


class OtherSettings(BaseModel):
    """Those of some other door."""


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_username": ""},
        {"api_username": "a:b"},
        {"api_username": "a\nb"},
        {"api_password_hash": "pwd"},
        {"port": 65536},
        {"patience": 0},
        {"patience": 181},
        {"language": "xx"},
        {"authorization_threshold": -1},
        {"quirks": {"error_shape": "round"}},
        {"prot": 8080},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        settings(**wrong)


def test_a_port_may_be_written_as_a_text() -> None:
    assert settings(port="8888").port == 8888


def test_the_hash_of_the_password_is_not_shown() -> None:
    assert "argon2" not in repr(settings())


# ---------------------------------------------------------------- a simulator's mishaps that need no socket


@pytest.mark.parametrize(
    ("scenario", "field", "value"), [("wrong_amount", "amount", "10,01"), ("wrong_currency", "currency", "USD")]
)
def test_a_simulator_can_answer_wrongly(scenario: str, field: str, value: str) -> None:
    async def main() -> None:
        runtime = manual_runtime()
        counter = Counter(runtime=runtime)
        counter.terminal.script.set(Step(SCENARIOS[scenario]))
        door = Counter(counter.terminal, behaviour=ScriptedBehaviour(counter.terminal), runtime=runtime)
        body = (await door.order(amount="10,00")).json
        assert (body["paymentStatus"], body[field]) == ("SUCCESS", value)

    run_manual(main())


@pytest.mark.parametrize(
    ("currency", "amount", "answered"), [("EUR", 10, 10.01), ("EUR", "9.99", "10.00"), ("JPY", 500, 501)]
)
def test_a_wrong_amount_keeps_the_callers_style(currency: str, amount: object, answered: object) -> None:
    async def main() -> None:
        runtime = manual_runtime()
        counter = Counter(runtime=runtime)
        counter.terminal.script.set(Step(SCENARIOS["wrong_amount"]))
        door = Counter(counter.terminal, behaviour=ScriptedBehaviour(counter.terminal), runtime=runtime)
        assert (await door.order(amount=amount, currency=currency)).json["amount"] == answered

    run_manual(main())


def test_a_simulator_can_be_noisy_or_slow_of_speech() -> None:
    async def main() -> None:
        runtime = manual_runtime()
        counter = Counter(runtime=runtime)
        door = Counter(counter.terminal, behaviour=ScriptedBehaviour(counter.terminal), runtime=runtime)
        counter.terminal.script.set(Step(SCENARIOS["garbage"]), Step(SCENARIOS["byte_by_byte"]))
        with pytest.raises(UnicodeDecodeError):
            await door.order(amount=1)
        assert (await door.order(amount=1)).json["paymentStatus"] == "SUCCESS"

    run_manual(main())
