"""The touch-screen door by itself: paths, passwords, bodies, and what it never says."""

from typing import Any

import pytest

from tests.support.touchscreen import (
    SECRET,
    WIRE_ID,
    about,
    call,
    exchange,
    lone_door,
    question,
    shop,
    start_of,
    taken,
)
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.touchscreen.door import DOOR
from tillbridge.protocols.touchscreen.link import Heard
from tillbridge.protocols.touchscreen.profile import built_in
from tillbridge.protocols.touchscreen.settings import DoorSettings
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.scenarios import SCENARIOS
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

BASES = built_in().bases
V6 = BASES[0]


async def ask(path: str, body: Any, **different: Any) -> tuple[int, Any]:
    door = lone_door(VirtualTerminal(runtime=manual_runtime()), **different)
    return await call(door.app, path, body)


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize("base", BASES)
def test_every_base_serves_a_whole_sale(base: str) -> None:
    async def main() -> None:
        async with shop() as here:
            app = here.door.app
            assert await call(app, f"{base}/info", None) == (
                200,
                {"name": "tillbridge", "protocolVersion": base.rpartition("/")[2], "terminalId": "TB000001"},
            )
            status, body = await call(app, f"{base}/payment", start_of())
            assert (status, body) == (200, {"transactionId": WIRE_ID, "isStarted": True, "status": "WaitingForCard"})
            await here.desk.wait((await here.desk.find_key("touchscreen:till", WIRE_ID)).id, 10)
            assert await call(app, f"{base}/status", about()) == (
                200,
                {"transactionId": WIRE_ID, "status": "Finished"},
            )
            status, body = await call(app, f"{base}/result", about())
            assert (status, body["responseCode"], body["amount"], body["currency"]) == (200, "OK", 1250, 978)
            assert await call(app, f"{base}/confirm", about(confirm=True)) == (
                200,
                {"transactionId": WIRE_ID, "isConfirmed": True},
            )
            assert taken(here.desk) == 1250

    run_manual(main())


@pytest.mark.parametrize("path", ["/api/switchio/pay/v5/info", "/paya/payment", "/api/switchio/pay/v3/info", "/", "/x"])
def test_a_version_that_is_switched_off_is_answered_as_documented(path: str) -> None:
    async def main() -> None:
        body = None if path.endswith("info") else start_of()
        assert await ask(path, body, versions=["v6"]) == (404, "Endpoint not supported.")

    run_manual(main())


def test_options_are_answered() -> None:
    async def main() -> None:
        door = lone_door(VirtualTerminal(runtime=manual_runtime()), allowed_origins=["https://till.example"])
        plain = await _options(door.app, {})
        assert plain == (204, "OPTIONS, POST", None)
        asked = {"origin": "https://till.example", "access-control-request-method": "POST"}
        assert await _options(door.app, asked) == (200, None, "https://till.example")
        foreign = await _options(door.app, asked | {"origin": "https://evil.example"})
        assert (foreign[0], foreign[2]) == (400, None)

    run_manual(main())


async def _options(app: Any, headers: dict[str, str]) -> tuple[int, str | None, str | None]:
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        said.append(message)

    sent = {"host": "localhost:33350", **headers}
    scope = {
        "type": "http",
        "method": "OPTIONS",
        "scheme": "http",
        "path": f"{V6}/payment",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 33350),
    }
    await app(scope, receive, send)
    got = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    return said[0]["status"], got.get("allow"), got.get("access-control-allow-origin")


def test_a_page_of_another_site_starts_nothing() -> None:
    async def main() -> None:
        desk = VirtualTerminal(runtime=manual_runtime())
        door = lone_door(desk, allowed_origins=["https://till.example"])
        foreign = await call(door.app, f"{V6}/payment", start_of(), ("origin", "https://evil.example"))
        assert foreign[0] == 403
        assert not desk.ledger.rows
        ours = await call(door.app, f"{V6}/payment", start_of(), ("origin", "https://till.example"))
        assert ours[1]["isStarted"] is True

    run_manual(main())


# ---------------------------------------------------------------- what it says of a sale


def test_a_result_before_the_end_is_refused_and_never_empty() -> None:
    """A till that takes a missing code for a refusal would sell twice: so there is no result at all."""

    async def main() -> None:
        async with shop(delay=10.0) as here:
            await here.call("payment", start_of())
            assert await here.call("status", about()) == (
                200,
                {"transactionId": WIRE_ID, "status": "WaitingForCard"},
            )
            for path, body in (("result", about()), ("confirm", about(confirm=True))):
                assert (await here.call(path, body))[0] == 409

    run_manual(main())


def test_a_till_is_noted_as_told_only_by_a_result() -> None:
    async def main() -> None:
        async with shop() as here:
            await here.call("payment", start_of())
            payment = await here.desk.wait((await here.desk.find_key("touchscreen:till", WIRE_ID)).id, 10)
            await here.call("status", about())
            assert [remembered.told for remembered in here.desk._memory] == [None]
            await here.call("result", about())
            assert [remembered.told for remembered in here.desk._memory] == [True]
            assert payment.notes == {"transaction_id": WIRE_ID}

    run_manual(main())


def test_a_second_sale_is_refused_while_one_runs() -> None:
    async def main() -> None:
        async with shop(delay=10.0) as here:
            await here.call("payment", start_of())
            status, body = await here.call("payment", start_of("another"))
            assert (status, body) == (200, {"transactionId": "another", "isStarted": False, "status": "Terminal busy"})

    run_manual(main())


def test_the_invoice_number_is_the_order_and_comes_back() -> None:
    async def main() -> None:
        async with shop() as here:
            await here.call("payment", start_of(invoiceNumber="2026-17"))
            payment = await here.desk.wait((await here.desk.find_order("touchscreen:till", "2026-17")).id, 10)
            assert payment.key == WIRE_ID
            assert (await here.call("result", about()))[1]["invoiceNumber"] == "2026-17"

    run_manual(main())


def test_a_signature_is_left_to_the_till() -> None:
    async def main() -> None:
        async with shop() as here:
            here.desk.script.set(Step(SCENARIOS["signature"]))
            await here.call("payment", start_of())
            await here.desk.wait((await here.desk.find_key("touchscreen:till", WIRE_ID)).id, 10)
            assert (await here.call("result", about()))[1]["cvmTypeList"] == ["SIGNATURE"]

    run_manual(main())


def test_terminal_speaks_of_the_chosen_one() -> None:
    async def main() -> None:
        status, body = await ask(f"{V6}/terminal", {"secureString": SECRET, "checkOnline": True})
        assert status == 200
        assert (body["isOnline"], body["onlineStatus"], body["terminalId"]) == (1, "ready", "TB000001")
        status, body = await ask(f"{V6}/terminal", {"secureString": SECRET}, terminal="elsewhere")
        assert (body["isOnline"], body["onlineStatus"]) == (0, "offline")

    run_manual(main())


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "personality",
    [
        {"duplicate": "second_charge"},
        {"confirm": "required"},
        {"lifetime": "lost_on_restart"},
    ],
)
def test_a_door_over_the_engine_does_nothing_with_money_by_itself(personality: dict[str, str]) -> None:
    async def main() -> None:
        settings = DoorSettings.model_validate({"personality": personality})
        with pytest.raises(BridgeError) as error:
            DOOR.open(settings, VirtualTerminal(runtime=manual_runtime()), manual_runtime())
        assert (error.value.code, error.value.place) == (Code.SETTINGS_INVALID, "personality")

    run_manual(main())


def test_an_unknown_version_is_named() -> None:
    async def main() -> None:
        with pytest.raises(BridgeError, match="v9 is none of v6, v5, v4, v2, paya"):
            lone_door(VirtualTerminal(runtime=manual_runtime()), versions=["v9"])

    run_manual(main())


def test_beyond_this_computer_it_says_whom_it_serves() -> None:
    with pytest.raises(ValueError, match="allow_from"):
        DoorSettings.model_validate({"host": "192.168.1.5"})
    bound = DoorSettings.model_validate({"bind": "192.168.1.5", "allow_from": ["192.168.1.0/24"]})
    assert bound.host == "192.168.1.5"


@pytest.mark.parametrize(
    ("peer", "host", "wanted"),
    [
        ("192.168.1.20", "192.168.1.5", 200),
        ("192.168.2.20", "192.168.1.5", 403),
        ("192.168.1.20", "evil.example", 403),
        ("127.0.0.1", "localhost", 200),
    ],
)
def test_peers_and_names(peer: str, host: str, wanted: int) -> None:
    async def main() -> None:
        door = lone_door(VirtualTerminal(runtime=manual_runtime()), host="192.168.1.5", allow_from=["192.168.1.0/24"])

        async def app(scope: Any, receive: Any, send: Any) -> None:
            kept = [(name, value) for name, value in scope["headers"] if name != b"host"]
            headers = [*kept, (b"host", f"{host}:33350".encode())]
            moved = scope | {"client": (peer, 5), "server": ("192.168.1.5", 33350), "headers": headers}
            await door.app(moved, receive, send)

        ended = await exchange(app, question(f"{V6}/info", None))
        assert isinstance(ended, Heard)
        assert ended.status == wanted

    run_manual(main())
