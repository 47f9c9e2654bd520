"""The touch-screen door over the engine, asked by a till of plain sockets and literal JSON."""

import asyncio
import itertools
import json
from pathlib import Path

import pytest
import structlog

from tests.integration.raw_house import CARD_NUMBER, PATIENCE, at_once, journal_bytes, shop
from tests.integration.raw_touch_till import BASES, IDS, V6, finished, flat, http, post, reverse, sold, start
from tillbridge.domain.operation import Stage


async def test_a_sale_says_exactly_what_tills_have_been_seen_to_read(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen", delay=0.2) as here:
        id_ = next(IDS)
        status, said = await post(here, "payment", start(id_, invoiceNumber="20260001", daughterCompanyId=""))
        assert (status, said.keys()) == (200, {"transactionId", "isStarted", "status"})
        assert (said["transactionId"], said["isStarted"]) == (id_, True)
        status, said = await post(here, "status", flat(id_))
        assert (status, said.keys(), said["transactionId"]) == (200, {"transactionId", "status"}, id_)
        assert said["status"].lower() != "finished"
        result = await finished(here, id_)
        assert (result["responseCode"], result["amount"], result["currency"]) == ("OK", 1250, 978)
        assert (result["transactionId"], result["invoiceNumber"]) == (id_, "20260001")
        assert (result["callReversal"], result["isReversed"]) == (False, False)
        assert not any(character.isdigit() for character in result["pan"][6:-4])
        assert "expiration" not in result
        status, said = await post(here, "confirm", flat(id_, confirm=True))
        assert (status, said) == (200, {"transactionId": id_, "isConfirmed": True})
        assert here.taken == 1250


async def test_info_under_each_base_and_the_documented_no(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen", versions=["v4", "paya"], terminal_id="T-77") as here:
        for version, base in BASES.items():
            status, headers, body = await http(here, "GET", f"{base}/info")
            if version in ("v4", "paya"):
                said = json.loads(body)
                assert (status, headers["content-type"]) == (200, "application/json")
                assert "T-77" in said.values()
                assert version in said.values()
            else:
                assert (status, body) == (404, b"Endpoint not supported.")
                assert headers["content-type"].startswith("text/plain")
        for path in ("/api/switchio/pay/v3/info", "/", "/paya/", "/paya/nothing", "//paya/info"):
            assert (await http(here, "GET", path))[0] == 404, path
        assert (await post(here, "payment", start(next(IDS)), BASES["paya"]))[1]["isStarted"] is True


NO_AMOUNTS: list[object] = [None, 0, -1, 12.5, 1250.0, 1e3, "1250", "12.50", True, [], {}, 10**13]
NO_CURRENCIES: list[object] = [None, 0, -978, 97.8, 9780, "97", "0978", "eur", "\N{EURO SIGN}", True, [], {}, 1]
NO_FLAGS: list[object] = [None, "true", 1, 0, []]
NO_SECRETS: list[object] = ["", "27924506", None, [], {}, " 27924505", "x" * 10_000]

BAD_STARTS: list[object] = [
    *(start(id_) for id_ in (None, 7, True, "", " ", "a b", "ä", "x" * 65, ["x"], {"x": 1})),
    *(start("x", amount) for amount in NO_AMOUNTS),
    *(start("x", currency=unit) for unit in NO_CURRENCIES),
    start("x", invoiceNumber=7),
    start("x", invoiceNumber="a\nb"),
    start("x", daughterCompanyId=[]),
    {"secureString": "27924505"},
    {"secureString": "27924505", "request": None},
    {"secureString": "27924505", "request": "{}"},
    {"secureString": "27924505", "request": [start("x")]},
    {**start("x"), "request": {}},
    flat("x", amount=1250, currencyCode=978),
]


async def test_what_is_no_start_starts_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen") as here:
        for bad in BAD_STARTS:
            status, said = await post(here, "payment", bad)
            assert said.get("isStarted") is not True, bad
            assert 400 <= status < 500 or said["isStarted"] is False, bad
            assert said["status"], bad
        assert here.payments() == []
        assert here.taken == 0


BAD_BODIES = {
    "nothing": b"",
    "half": b'{"secureString":"27924505","request":{"transactionId":"x"',
    "list": b"[]",
    "text": b'"x"',
    "glued": json.dumps(start("x")).encode() * 2,
    "no utf-8": json.dumps(start("x")).encode().replace(b'"x"', b'"x\xe1"'),
    "utf-16": json.dumps(start("x")).encode("utf-16"),
    "nan": json.dumps(start("x")).encode().replace(b"1250", b"NaN"),
    "huge number": json.dumps(start("x")).encode().replace(b"1250", b"1" * 5000),
    "two ids": json.dumps(start("x")).encode().replace(b'"amount"', b'"transactionId":"y","amount"'),
    "two amounts": json.dumps(start("x")).encode().replace(b'"currencyCode"', b'"amount":1,"currencyCode"'),
    "deep": b'{"secureString":"27924505","request":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "xml": b"<pay/>",
}


async def test_bodies_that_are_no_json_object_start_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen") as here:
        for name, body in BAD_BODIES.items():
            for path in (
                "payment",
                "refund",
                "reverse",
                "closing",
                "status",
                "result",
                "confirm",
                "cancel",
                "terminal",
            ):
                status, said = await post(here, path, body)
                assert status == 400, (name, path)
                assert said["status"], (name, path)
        status, _, _ = await http(here, "POST", f"{V6}/payment", b'{"a":"' + b"x" * (256 * 1024) + b'"}')
        assert status == 413
        assert here.payments() == []


async def test_odd_ways_to_write_a_good_start(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen") as here:
        for number, unit in enumerate((978, "978", "EUR"), start=1):
            id_ = next(IDS)
            body = {**start(id_, currency=unit, tipAmount=5, deep={"a": [1, {"b": None}]}), "unknown": [None, 1.5]}
            raw = b"\xef\xbb\xbf" + json.dumps(body, indent=4).encode() + b"\r\n"
            status, headers, said = await http(here, "POST", f"{V6}/payment", raw, Content_Type="text/plain")
            assert (status, json.loads(said)["isStarted"]) == (200, True), (unit, headers)
            assert (await finished(here, id_))["currency"] == 978
            assert here.taken == number * 1250


async def test_the_same_id_is_the_same_payment_for_ever(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen") as here:
        id_ = await sold(here)
        status, said = await post(here, "payment", start(id_))
        assert (status, said["isStarted"], said["transactionId"]) == (200, True, id_)
        assert said["status"] == "Finished"
        for other in (start(id_, 1251), start(id_, currency=840), start(id_, invoiceNumber="7")):
            status, said = await post(here, "payment", other)
            assert (status, said["isStarted"]) == (200, False)
        assert (await post(here, "refund", start(id_)))[1]["isStarted"] is False
        assert (await post(here, "closing", start(id_)))[1]["isStarted"] is False
        assert (await finished(here, id_))["amount"] == 1250
        assert (len(here.payments()), here.taken) == (1, 1250)


async def test_the_same_id_ten_times_at_once_charges_once(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen", delay=0.1) as here:
        id_ = next(IDS)
        told = await at_once(*(post(here, "payment", start(id_)) for _ in range(10)))
        assert [said["isStarted"] for _, said in told] == [True] * 10
        await finished(here, id_)
        assert (len(here.payments()), here.taken) == (1, 1250)


async def test_a_second_start_while_busy_costs_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen", delay=0.5) as here:
        first = next(IDS)
        await post(here, "payment", start(first))
        for path in ("payment", "refund"):
            status, said = await post(here, path, start(next(IDS)))
            assert (status, said["isStarted"], said["status"]) == (200, False, "Terminal busy")
        assert (await finished(here, first))["responseCode"] == "OK"
        assert here.taken == 1250


async def test_reversals_of_what_cannot_be_reversed(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen") as here:
        sale = await sold(here)
        foreign = here.payments()[0].id
        for original in (next(IDS), foreign, "", None, 7, sale.upper() + "0"):
            _, said = await post(here, "reverse", reverse(next(IDS), original))
            assert said.get("isStarted") is not True, original
        _, said = await post(here, "reverse", reverse(sale, sale))
        assert said["isStarted"] is False
        assert here.taken == 1250
        undone = next(IDS)
        assert (await post(here, "reverse", reverse(undone, sale)))[1]["isStarted"] is True
        assert (await finished(here, undone))["responseCode"] == "OK"
        for _ in range(2):
            assert (await post(here, "reverse", reverse(next(IDS), sale)))[1]["isStarted"] is False
        assert (await post(here, "reverse", reverse(next(IDS), undone)))[1]["isStarted"] is False
        assert here.taken == 0


async def test_a_confirmation_of_false_moves_nothing_and_says_so(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen", delay=0.2) as here:
        id_ = next(IDS)
        await post(here, "payment", start(id_))
        assert (await post(here, "confirm", flat(id_, confirm=True)))[0] == 409
        await finished(here, id_)
        for wrong in NO_FLAGS:
            assert (await post(here, "confirm", flat(id_, confirm=wrong)))[0] == 400
        assert (await post(here, "confirm", flat(id_)))[0] == 400
        assert (await post(here, "confirm", flat(id_, confirm=False)))[1]["isConfirmed"] is False
        assert (await post(here, "confirm", flat(id_, confirm=True)))[1]["isConfirmed"] is True
        assert (await finished(here, id_))["isReversed"] is False
        assert here.taken == 1250


async def test_every_path_wants_the_password(tmp_path: Path) -> None:
    paths = ("payment", "refund", "reverse", "closing", "status", "result", "confirm", "cancel", "terminal")
    async with shop(tmp_path, "touchscreen") as here:
        for path, base in itertools.product(paths, BASES.values()):
            for wrong in NO_SECRETS:
                body = start("x") | {"transactionId": "x", "confirm": True, "secureString": wrong}
                status, answer = await post(here, path, body, base)
                assert (status, answer["isStarted"]) == (401, False), (path, wrong)
            assert (await post(here, path, {"request": {}}, base))[0] == 401
        assert here.payments() == []
        for path in paths:
            assert (await http(here, "GET", f"{V6}/{path}"))[0] == 405
            status, headers, said = await http(here, "OPTIONS", f"{V6}/{path}")
            assert (status, said) == (204, b"")
            assert "access-control-allow-origin" not in headers


async def test_a_page_of_an_allowed_site_may_and_others_may_not(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen", allowed_origins=["http://till.example"]) as here:
        asks = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "content-type"}
        status, headers, _ = await http(here, "OPTIONS", f"{V6}/payment", Origin="http://till.example", **asks)
        assert (status, headers["access-control-allow-origin"]) == (200, "http://till.example")
        status, headers, _ = await http(here, "OPTIONS", f"{V6}/payment", Origin="http://evil.example", **asks)
        assert "access-control-allow-origin" not in headers
        body = json.dumps(start(next(IDS))).encode()
        status, _, _ = await http(here, "POST", f"{V6}/payment", body, Origin="http://evil.example")
        assert (status, here.payments()) == (403, [])
        status, headers, _ = await http(here, "POST", f"{V6}/payment", body, Origin="http://till.example")
        assert (status, headers["access-control-allow-origin"]) == (200, "http://till.example")


async def test_a_result_before_any_status_and_after_a_restart(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen", delay=0.3) as here:
        id_ = next(IDS)
        await post(here, "payment", start(id_))
        status, said = await post(here, "result", flat(id_))
        assert status == 409
        assert "responseCode" not in said
        async with asyncio.timeout(PATIENCE):
            while (told := await post(here, "result", flat(id_)))[0] != 200:
                await asyncio.sleep(0.02)
        assert told[1]["responseCode"] == "OK"
    async with shop(tmp_path, "touchscreen") as again:
        assert (await post(again, "status", flat(id_)))[1]["status"] == "Finished"
        assert (await post(again, "result", flat(id_)))[1] == told[1]
        assert (await post(again, "confirm", flat(id_, confirm=True)))[1]["isConfirmed"] is True
        assert (await post(again, "payment", start(id_)))[1]["isStarted"] is True
        assert again.taken == 0, "the virtual terminal of the second start has taken nothing"


async def test_ids_that_nobody_started(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen") as here:
        for path, id_ in itertools.product(("status", "result", "cancel", "confirm"), ("x", "' OR 1=1", "%")):
            status, said = await post(here, path, flat(id_, confirm=True))
            assert status in (400, 404), (path, id_)
            assert said["status"].lower() != "finished"
            assert "isConfirmed" not in said


async def test_two_tills_of_one_door_share_the_terminal_and_never_an_id(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen", delay=0.2) as here:
        ids = [next(IDS), next(IDS)]
        told = await at_once(*(post(here, "payment", start(one, 1000 + n)) for n, one in enumerate(ids)))
        assert sorted(said["isStarted"] for _, said in told) == [False, True]
        winner = [said["isStarted"] for _, said in told].index(True)
        assert (await finished(here, ids[winner]))["amount"] == 1000 + winner
        loser = ids[1 - winner]
        assert (await post(here, "status", flat(loser)))[0] == 404
        assert (await post(here, "payment", start(loser, 1001 - winner)))[1]["isStarted"] is True
        await finished(here, loser)
        assert here.taken == 2001


async def test_a_cancel_that_comes_in_time_and_one_that_does_not(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen", delay=2.0) as here:
        id_ = next(IDS)
        await post(here, "payment", start(id_))
        async with asyncio.timeout(PATIENCE):
            while (await post(here, "status", flat(id_)))[1]["status"] != "WaitingForCard":
                await asyncio.sleep(0.01)
        assert (await post(here, "cancel", flat(id_)))[0] == 200
        result = await finished(here, id_)
        assert result["responseCode"] not in ("OK", "UNKNOWN")
        assert here.taken == 0
        assert (await post(here, "cancel", flat(id_)))[0] == 200
        assert here.payments()[0].stage is Stage.ABORTED


async def test_a_closing_counts_what_was_sold(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen") as here:
        for amount in (1000, 250):
            await sold(here, amount)
        for filled_in in ({}, {"amount": 0, "currencyCode": None}):
            id_ = next(IDS)
            body = {"secureString": "27924505", "request": {"transactionId": id_} | filled_in}
            assert (await post(here, "closing", body))[1]["isStarted"] is True
            totals = (await finished(here, id_))["batchTotals"]
            # The terminal's batch is over with its first closing.
            assert (totals["debitsCount"], totals["debitsAmount"]) == ((0, 0) if filled_in else (2, 1250))


async def test_a_reversal_that_names_an_amount_means_all_of_it(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen") as here:
        sale = await sold(here)
        for wrong in (1249, 1251, 0, "1250"):
            body = start(next(IDS), wrong, originalTransactionId=sale)
            assert (await post(here, "reverse", body))[1].get("isStarted") is not True, wrong
        assert here.taken == 1250
        id_ = next(IDS)
        assert (await post(here, "reverse", start(id_, 1250, originalTransactionId=sale)))[1]["isStarted"] is True
        await finished(here, id_)
        assert here.taken == 0


async def test_the_terminal_tells_how_it_is(tmp_path: Path) -> None:
    async with shop(tmp_path, "touchscreen") as here:
        for more in ({}, {"checkOnline": True}, {"checkOnline": "x"}):
            status, said = await post(here, "terminal", {"secureString": "27924505", **more})
            assert status == 200
            assert said["isOnline"] in (0, 1)
            assert isinstance(said["isOnline"], int)
            assert isinstance(said["dateTime"], str)


@pytest.mark.parametrize("written", [CARD_NUMBER, "4111 1111 1111 1111", f"No. {CARD_NUMBER}", f"R{CARD_NUMBER}x"])
async def test_a_card_number_for_an_invoice_number_is_kept_nowhere(tmp_path: Path, written: str) -> None:
    with structlog.testing.capture_logs() as logged:
        async with shop(tmp_path, "touchscreen") as here:
            id_ = next(IDS)
            await post(here, "payment", start(id_, invoiceNumber=written, daughterCompanyId=written))
            result = await finished(here, id_)
            again = await post(here, "payment", start(id_, invoiceNumber=written, daughterCompanyId=written))
            assert again[1]["isStarted"] is True
            assert here.taken == 1250
    kept = journal_bytes(tmp_path) + repr(logged).encode() + repr(result).encode()
    for spelled in (CARD_NUMBER, "4111 1111 1111 1111"):
        assert spelled.encode() not in kept
