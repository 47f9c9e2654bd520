"""The touch-screen driver under the engine, answered by a terminal of plain sockets and literal JSON."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.integration.raw_house import CARD_NUMBER, PATIENCE, bridged, journal_bytes, until_ended
from tests.integration.raw_touch_device import BASES, UNSUPPORTED, Answer, Device, said
from tests.unit.engine.house import ask
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved, NotStarted, NotStartedReason
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import Payment, Unsigned

A, D, X, N, Q = Stage.APPROVED, Stage.DECLINED, Stage.ABORTED, Stage.NOT_STARTED, Stage.IN_DOUBT
SUM = Money(1250, EUR)


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped profile with short waits."""
    text = (files("tillbridge.protocols.touchscreen") / "profiles" / "gsa.toml").read_text(encoding="utf-8")
    for name, seconds in {"limit": 2.0, "poll": 0.01, "silence": 0.3, "grace": 0.2, "read": 1.0}.items():
        text = re.sub(rf"(?m)^{name} = [0-9.]+$", f"{name} = {seconds}", text)
    path = tmp_path_factory.mktemp("profile") / "quick.toml"
    path.write_text(text, encoding="utf-8")
    return path


@asynccontextmanager
async def shop(folder: Path, device: Device, profile: Path, **different: object) -> AsyncIterator[Engine]:
    server = await asyncio.start_server(device.converse, "127.0.0.1", 0)
    async with server:
        where = {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1], "profile": str(profile)}
        async with bridged(folder, "touchscreen", **(where | different)) as (engine, _):
            yield engine


async def run(engine: Engine, kind: Kind = Kind.SALE, parent: str | None = None, amount: Money | None = SUM) -> Payment:
    asked = ask(amount, kind=kind, parent=parent, key=f"{len(engine.payments())}", unsigned=Unsigned(True, 0))
    return await until_ended(engine, await engine.start(asked))


async def test_every_request_is_what_integrations_have_been_seen_to_send(tmp_path: Path, quick: Path) -> None:
    device = Device(texts=["Started", "", "finish", "Not finished", "FINISHED"])
    async with shop(tmp_path, device, quick, sub_merchant="S1") as engine:
        sale = await run(engine)
        assert sale.stage is A
        await run(engine, Kind.REFUND, sale.id, Money(250, EUR))
        other = await run(engine)
        assert (await run(engine, Kind.VOID, other.id, None)).stage is A
        await run(engine, Kind.RECONCILIATION, amount=None)
    first = str(uuid.UUID(sale.id))
    flat = {"secureString": "27924505", "transactionId": first}
    money = {"amount": 1250, "currencyCode": 978, "daughterCompanyId": "S1"}
    assert device.heard[0] == ("payment", {"secureString": "27924505", "request": {"transactionId": first, **money}})
    assert device.asked("status")[:5] == [flat] * 5
    assert device.asked("result")[0] == flat
    assert device.asked("confirm")[0] == {**flat, "confirm": True}
    assert device.asked("refund")[0]["request"].items() >= {"amount": 250, "currencyCode": 978}.items()
    (undone,) = device.asked("reverse")
    assert undone["request"]["originalTransactionId"] == str(uuid.UUID(other.id))
    assert undone["request"]["transactionId"] != undone["request"]["originalTransactionId"]
    assert "amount" not in undone["request"]
    (closing,) = device.asked("closing")
    assert "amount" not in closing["request"]
    assert [name for name, _ in device.heard if name != "status"][:3] == ["payment", "result", "confirm"]


@pytest.mark.parametrize("base", BASES)
async def test_the_ladder_finds_the_version_that_the_terminal_speaks(tmp_path: Path, quick: Path, base: str) -> None:
    device = Device(base=base)
    async with shop(tmp_path, device, quick) as engine:
        assert (await run(engine)).stage is A
    assert device.takes == [1250]


NO_INFO: dict[str, Answer] = {
    "another 404": (404, b"nothing here"),
    "error": (500, b"{}"),
    "list": (200, b"[]"),
    "page": (200, b"<html>"),
    "elsewhere": (302, b""),
    "nothing": None,
}


@pytest.mark.parametrize("name", NO_INFO)
async def test_a_probe_that_goes_wrong_sends_no_start(tmp_path: Path, quick: Path, name: str) -> None:
    device = Device(base=BASES[0], info=NO_INFO[name])
    async with shop(tmp_path, device, quick) as engine:
        assert (await run(engine)).stage is N
    assert device.heard == []


BAD_STARTS: dict[str, tuple[Answer, Stage]] = {
    "not started": (said(isStarted=False, status="Terminal busy"), N),
    **{f"HTTP {code}": ((code, b"{}"), N) for code in (400, 401, 403, 409, 422, 423)},
    "unsupported": (UNSUPPORTED, N),
    # From here on nobody knows: it is asked for by its id, which a good terminal answers.
    **{f"HTTP {code}": ((code, b"{}"), A) for code in (201, 202, 204, 302, 404, 405, 408, 429, 500, 502, 503)},
    "no answer": (None, A),
    "no json": ((200, b"oops"), A),
    "empty": ((200, b""), A),
    "list": ((200, b"[]"), A),
    "half": ((200, b'{"isStarted":fal'), A),
    "two flags": ((200, b'{"isStarted":false,"isStarted":true}'), A),
    "text flag": (said(isStarted="false"), A),
    "number flag": (said(isStarted=0), A),
    "null flag": (said(isStarted=None, status="x"), A),
    "no flag": (said(status="x"), A),
    "another id": (said(transactionId="0" * 8, isStarted=False), A),
}


@pytest.mark.parametrize("name", BAD_STARTS)
async def test_what_the_answer_to_a_start_proves(tmp_path: Path, quick: Path, name: str) -> None:
    answer, stage = BAD_STARTS[name]
    device = Device(given={"payment": [answer]})
    async with shop(tmp_path, device, quick) as engine:
        payment = await run(engine)
        assert payment.stage is stage, payment.outcome
    assert device.takes == [1250], "a start leaves once, whatever comes back"


NO_CODES: list[object] = [None, "", " ", True, [], {}, ["OK"], 1.5, "ok", "Ok", "oK", "UNKNOWN", "unknown"]
NO_AMOUNTS: list[object] = [1251, 0, -1250, 12.5, "12.50", "x", True, [], {}, 10**15]
NO_EUROS: list[object] = [840, "USD", "x", 0, 9780, True, [], {}, 97.8]
NO_FLAGS: list[object] = ["true", 1, [], "false"]
NO_METHODS: list[object] = [7, {"SIGNATURE": 1}, [1], ["x"] * 21, True]

RESULTS: dict[str, tuple[dict[str, object], Stage]] = {
    "only the code": ({}, A),
    "everything": (
        {
            "transactionType": "X",
            "responseMessage": "Approved",
            "dateTimeTerminal": "Jan 1, 2026 10:00:00",
            "amount": 1250,
            "currency": 978,
            "availableBalance": 0,
            "aosa": None,
            "panSequenceNumber": "00",
            "expiration": "2812",
            "cardInputType": "CLESS",
            "cvmTypeList": [],
            "emvResponseData": {"smartCardScheme": 1},
            "callReversal": False,
            "isReversed": False,
            "reversal": False,
            "batchTotals": None,
            "par": "x",
        },
        A,
    ),
    "amount as text": ({"amount": "1250", "currency": "978"}, A),
    "amount 1250.0": ({"amount": 1250.0, "currency": "EUR"}, A),
    "nulls": (dict.fromkeys(("amount", "currency", "pan", "cvmTypeList", "callReversal", "transactionId")), A),
    "id in upper case": ({"transactionId": "UPPER"}, A),
    "padded code": ({"responseCode": " OK "}, A),
    "numbers for texts": ({"authCode": 123, "responseMessage": 7, "pan": 4}, A),
    "wrong types of no weight": ({"authCode": {}, "pan": [], "aid": True, "appLabel": 1.5, "cardInputType": {}}, A),
    "declined": ({"responseCode": "DECLINED"}, D),
    "undefined": ({"responseCode": "UNDEFINED", "responseMessage": "Terminal busy"}, D),
    "unlisted": ({"responseCode": "51"}, D),
    "unlisted and authorised": ({"responseCode": "00", "authCode": "123456"}, Q),
    "declined and a code": ({"responseCode": "DECLINED", "authCode": "000000"}, D),
    "cancelled": ({"responseCode": "CANCELLED"}, X),
    **{f"code {code!r}": ({"responseCode": code}, Q) for code in NO_CODES},
    **{f"amount {amount!r}": ({"amount": amount}, Q) for amount in NO_AMOUNTS},
    **{f"currency {unit!r}": ({"currency": unit}, Q) for unit in NO_EUROS},
    **{f"call reversal {flag!r}": ({"callReversal": flag}, Q) for flag in NO_FLAGS},
    **{f"reversed {flag!r}": ({"isReversed": flag}, Q) for flag in (True, *NO_FLAGS)},
    **{f"cvm {cvm!r}": ({"cvmTypeList": cvm}, Q) for cvm in NO_METHODS},
    "another id": ({"transactionId": "00000000-0000-4000-8000-000000000000"}, Q),
    "an id of another type": ({"transactionId": 7}, Q),
}


@pytest.mark.parametrize("name", RESULTS)
async def test_what_a_result_proves(tmp_path: Path, quick: Path, name: str) -> None:
    fields, stage = RESULTS[name]

    def result(asked: dict[str, Any]) -> Answer:
        upper = {"transactionId": asked["transactionId"].upper()} if fields.get("transactionId") == "UPPER" else {}
        return said(**{"transactionId": asked["transactionId"], "responseCode": "OK", **fields, **upper})

    device = Device(given={"result": result})
    async with shop(tmp_path, device, quick) as engine:
        payment = await run(engine)
        assert payment.stage is stage, payment.outcome
        if stage is Q:
            with pytest.raises(BridgeError) as locked:
                await engine.start(ask(key="next"))
            assert locked.value.code is Code.TERMINAL_LOCKED
            assert device.asked("confirm") == []
    assert device.takes == [1250]


UNREADABLE = [
    None,
    (200, b""),
    (200, b"{"),
    (200, b"[]"),
    (200, b'{"responseCode":"OK","responseCode":"OK"}'),
    (500, b""),
]
UNREADABLE += [(404, b"{}"), (200, b"[" * 100_000), (200, b'{"a":NaN}'), (200, b"{}" + b" " * 300_000)]


@pytest.mark.parametrize("answer", UNREADABLE)
async def test_a_result_that_cannot_be_read_is_asked_for_again(tmp_path: Path, quick: Path, answer: Answer) -> None:
    device = Device(given={"result": [answer] * 2})
    async with shop(tmp_path, device, quick) as engine:
        assert (await run(engine)).stage is A
    assert (len(device.asked("result")), device.takes) == (3, [1250])


async def test_odd_statuses_on_the_way(tmp_path: Path, quick: Path) -> None:
    odd: list[Answer] = [*UNREADABLE[:6], said(status=None), said(status=7), said(status=["Finished"]), said()]
    odd.append(said(transactionId="another", status="Finished"))
    odd.append((200, b'\xef\xbb\xbf{"status":"\xe8ek\xe1m"}'))
    device = Device(given={"status": odd})
    async with shop(tmp_path, device, quick) as engine:
        assert (await run(engine)).stage is A
    assert (odd, device.takes) == ([], [1250])


async def test_a_confirmation_that_is_not_taken_is_repeated(tmp_path: Path, quick: Path) -> None:
    refusals: list[Answer] = [None, (500, b""), said(isConfirmed="true"), said(isConfirmed=False), said()]
    device = Device(given={"confirm": refusals})
    async with shop(tmp_path, device, quick) as engine:
        assert (await run(engine)).stage is A
        await _until(lambda: len(device.asked("confirm")) >= 6)
    assert device.takes == [1250]


async def test_a_terminal_that_asks_for_a_reversal_is_asked_once(tmp_path: Path, quick: Path) -> None:
    device = Device(given={"result": [said(responseCode="OK", callReversal=True)], "reverse": [None]})
    async with shop(tmp_path, device, quick) as engine:
        sale = await run(engine)
        await _until(lambda: not any(payment.open for payment in engine.payments()))
        stages = {payment.kind: payment.stage for payment in engine.payments()}
        assert stages[Kind.VOID] is A
        assert stages[Kind.SALE] not in (A, Q)
    (undone,) = device.asked("reverse")
    assert undone["request"]["originalTransactionId"] == str(uuid.UUID(sale.id))


async def test_a_signature_is_seen(tmp_path: Path, quick: Path) -> None:
    device = Device(result={"responseCode": "OK", "cvmTypeList": ["SIGNATURE"]})
    async with shop(tmp_path, device, quick) as engine:
        payment = await run(engine)
        assert isinstance(payment.outcome, Approved)
        assert payment.outcome.signature


async def test_a_sale_is_found_again_after_a_restart_and_confirmed(tmp_path: Path, quick: Path) -> None:
    device = Device(texts=["WaitingForCard"])
    async with shop(tmp_path, device, quick) as engine:
        payment = await engine.start(ask(SUM, key="1"))
        await _until(lambda: bool(device.asked("status")))
    assert device.asked("confirm") == []
    device.texts = ["Finished"]
    async with shop(tmp_path, device, quick) as engine:
        await _until(lambda: bool(device.asked("confirm")))
        await _until(lambda: not engine.in_doubt())
        assert (await engine.inquire(payment.id)).stage is A
    assert device.takes == [1250]


@pytest.mark.parametrize(("code", "stage"), [("OK", A), ("CANCELLED_BY_CASHIER", X)])
async def test_a_wish_to_stop_is_asked_for_and_the_end_is_read(
    tmp_path: Path, quick: Path, code: str, stage: Stage
) -> None:
    device = Device(texts=["WaitingForCard"], result={"responseCode": code})
    async with shop(tmp_path, device, quick) as engine:
        payment = await engine.start(ask(SUM, key="1"))
        await _until(lambda: bool(device.asked("status")))
        await engine.abort(payment.id)
        assert device.asked("cancel") == [{"secureString": "27924505", "transactionId": str(uuid.UUID(payment.id))}]
        device.texts = ["Finished"]
        assert (await until_ended(engine, payment)).stage is stage


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


TEXTS = (
    *("pan", "authCode", "sequenceNumber", "responseMessage", "merchantIdAcquirer", "appLabel", "aid", "expiration"),
    *("invoiceNumber", "cardInputType", "cvmTypeList", "emvResponseData", "dateTimeServer", "conto", "status"),
)


@pytest.mark.parametrize("number", [CARD_NUMBER, "4111 1111 1111 1111", int(CARD_NUMBER)])
async def test_a_card_number_in_an_answer_is_kept_nowhere(tmp_path: Path, quick: Path, number: object) -> None:
    hidden: dict[str, object] = dict.fromkeys(TEXTS, number)
    device = Device(result={"responseCode": "OK", **hidden})
    device.given["payment"] = lambda _: said(isStarted=True, **hidden)
    device.texts = [str(number), "Finished"]
    with structlog.testing.capture_logs() as logged:
        async with shop(tmp_path, device, quick) as engine:
            await run(engine)
            for payment in engine.in_doubt():
                await engine.resolve(payment.id, taken=False, by="Ida", reason="looked")
            device.result = {"responseCode": str(number), **hidden, "cvmTypeList": [], "authCode": None}
            await run(engine)
            device.given["payment"] = lambda _: said(isStarted=False, status=str(number))
            refused = await run(engine)
            assert isinstance(refused.outcome, NotStarted)
            assert refused.outcome.reason is NotStartedReason.TERMINAL_REFUSED_MESSAGE
            kept = repr([engine.payments(), logged]).encode() + journal_bytes(tmp_path)
    kept += journal_bytes(tmp_path)
    assert CARD_NUMBER.encode() not in kept
    assert b"4111 1111 1111 1111" not in kept
    assert b"27924505" not in kept
