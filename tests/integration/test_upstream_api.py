"""Reports over the native interface and the console, and notifications of HiPay with their signatures."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.console.api import pay, problem
from tests.support.console.counter import Around, Counter
from tests.support.console.manual_counter import at_counter
from tests.support.console.reading import hidden
from tests.support.reports import settings
from tillbridge.domain.errors import Code
from tillbridge.domain.outcome import Approved
from tillbridge.psp.hipay.orders import hipay_order_id
from tillbridge.upstream.reports.runner import ReceiverState

PASSPHRASE = "Zauberwort"
FORM = {"content-type": "application/x-www-form-urlencoded"}
HIPAY: dict[str, Any] = {
    "kind": "hipay",
    "base_url": "http://127.0.0.1:9",
    "login": "94654727",
    "password": "p",
    "hashkey": "h",
    "contract": {"proxy": {"payment_application": "001", "merchant_id": "1234567"}},
    "notification_passphrase": PASSPHRASE,
}
MOMENT = 5.0


def a_file(path: Path, **more: Any) -> dict[str, Any]:
    return {"kind": "file", "path": str(path), **more}


def signed(body: bytes, digest: str = "sha256", passphrase: str = PASSPHRASE) -> dict[str, str]:
    return FORM | {"x-allopass-signature": hashlib.new(digest, body + passphrase.encode()).hexdigest()}


async def notify(counter: Counter, body: bytes, headers: dict[str, str]) -> Any:
    return await counter.browser().ask("POST", "/v1/notifications/hipay", body, headers | {"accept": "*/*"})


async def after(counter: Counter, seconds: float) -> None:
    """So much later, and everything that rides along is on disk."""
    await asyncio.sleep(seconds)
    committer = counter.engine.outbox_access().committer
    await committer.submit(lambda connection: connection.execute("SELECT 1"), durable=True)


def test_what_waits_and_what_is_dead_is_seen_and_sent_again_over_the_interface_and_on_the_page(tmp_path: Path) -> None:
    """A folder in the file's place is a trouble that a person mends; the contract is one that the settings lack."""
    place = tmp_path / "reports.jsonl"
    place.mkdir()
    on = HIPAY | {"enabled_by_merchant": True}

    async def scene(counter: Counter) -> None:
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(counter.features.tell())
            till = counter.till()
            paid = (await pay(counter)).json["id"]
            await after(counter, MOMENT)
            hipay, file = (await till.get("/v1/upstream")).json["receivers"]
            assert (hipay["name"], hipay["state"], hipay["waiting"], hipay["dead"]) == ("hipay", "ready", 0, 1)
            assert (file["name"], file["state"], file["waiting"], file["dead"]) == ("file", "retrying", 1, 0)
            assert file["oldest_age_seconds"] >= MOMENT - 1
            assert "cannot be written" in file["why"]
            metrics = (await till.get("/metrics")).text
            assert 'tillbridge_upstream_waiting{receiver="file"} 1.0' in metrics
            assert 'tillbridge_upstream_dead{receiver="hipay"} 1.0' in metrics
            await a_person_sends_it_again(counter, paid)
            place.rmdir()
            await after(counter, 120)
            assert len(place.read_text().splitlines()) == 1
            (sent,) = (await till.get("/v1/upstream/file/messages?state=sent")).json["messages"]
            path = f"/v1/upstream/file/messages/{sent['id']}/replay"
            again = await till.ask("POST", path, headers={"idempotency-key": "k"})
            assert (again.status, again.json["state"]) == (202, "waiting")
            await after(counter, MOMENT)
            assert len(place.read_text().splitlines()) == 2
            reports = (await till.get(f"/v1/payments/{paid}/reports")).json
            assert sorted(one["receiver"] for one in reports["messages"]) == ["file", "hipay"]
            problem(await till.get("/v1/upstream/other/messages"), 404, Code.RECEIVER_UNKNOWN)
            telling.cancel()

    at_counter(tmp_path, scene, around=Around(upstream=settings(on, a_file(place))))


async def a_person_sends_it_again(counter: Counter, paid: str) -> None:
    page = (await counter.till().get("/v1/upstream/hipay/messages")).json
    (dead,) = page["messages"]
    assert (dead["payment_id"], dead["state"], dead["attempts"], page["next"]) == (paid, "dead", 1, None)
    assert "1009" in dead["said"]
    person = await counter.person()
    html = (await person.get("/notifications")).text
    assert "Need a person" in html
    assert dead["said"] in html
    assert "needs a person" in (await person.get(f"/payments/{paid}")).text
    action = f"/notifications/hipay/{dead['id']}/replay"
    fields = hidden(await person.get("/notifications"), action)
    for _ in range(2):  # the same form sent twice is one wish
        answer = await person.submit(action, **fields)
        assert (answer.status, answer.headers["location"]) == (303, "/notifications?replayed=1")
        await after(counter, MOMENT)
    (dead,) = (await counter.till().get("/v1/upstream/hipay/messages")).json["messages"]
    assert dead["attempts"] == 2


def test_without_receivers_everything_says_so(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        assert (await counter.till().get("/v1/upstream")).json == {"wait_seconds": 1.0, "receivers": []}
        assert "Nobody is told" in (await (await counter.person()).get("/notifications")).text

    at_counter(tmp_path, scene)


@pytest.mark.parametrize("language", ["de", "fr", "cs"])
def test_the_page_speaks_every_language(tmp_path: Path, language: str) -> None:
    async def scene(counter: Counter) -> None:
        html = (await (await counter.person(language)).get("/notifications")).text
        assert {"de": "Ausgeschaltet", "fr": "Désactivé", "cs": "Vypnuto"}[language] in html
        assert "enabled_by_merchant" in html

    at_counter(tmp_path, scene, around=Around(upstream=settings(HIPAY)))


def test_a_signed_notification_is_kept_once_and_shown_with_its_payment(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        paid = (await pay(counter, order_id="47")).json["id"]
        known_as = hipay_order_id(paid, "47")
        body = f"state=completed&status=118&order%5Bid%5D=47&x={known_as}".encode()
        for digest, new in (("sha256", True), ("sha512", False), ("sha1", False)):
            answer = await notify(counter, body, signed(body, digest))
            assert (answer.status, answer.json) == (200, {"kept": True, "new": new})
        before = b"state=completed&status=116&order%5Bid%5D=47"
        assert (await notify(counter, before, signed(before))).json["new"]
        stray = b"state=completed&order%5Bid%5D=unknown"
        assert (await notify(counter, stray, signed(stray))).json["new"]
        reports = (await counter.till().get(f"/v1/payments/{paid}/reports")).json
        assert [one["fields"]["status"] for one in reports["notices"]] == ["118", "116"]
        html = (await (await counter.person()).get(f"/payments/{paid}")).text
        assert html.count("HiPay said something about it by itself") == 2
        payment = await counter.engine.inquire(paid)
        assert isinstance(payment.outcome, Approved), "nothing that HiPay says changes an outcome"
        assert len(counter.features.reports.reading.unlinked(10)) == 1

    at_counter(tmp_path, scene, around=Around(upstream=settings(HIPAY)))


def test_an_unsigned_a_wrong_and_an_unreadable_one_are_refused(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        body = b"state=completed&order%5Bid%5D=47"
        for headers in (
            FORM,
            signed(body, passphrase="other"),
            signed(b"changed"),
            FORM | {"x-allopass-signature": ""},
        ):
            problem(await notify(counter, body, headers), 401, Code.UNAUTHENTICATED)
        xml = b"<mapi/>"
        problem(await notify(counter, xml, signed(xml) | {"content-type": "text/xml"}), 400, Code.BODY_INVALID)
        statuses = {(await notify(counter, body, FORM)).status for _ in range(250)}
        assert statuses == {401, 429}
        await asyncio.sleep(60)
        assert (await notify(counter, body, signed(body))).status == 200

    at_counter(tmp_path, scene, around=Around(upstream=settings(HIPAY)))


def test_without_a_passphrase_there_is_no_such_place(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        problem(await notify(counter, b"a=b", signed(b"a=b")), 404, Code.PATH_UNKNOWN)

    bare = {name: value for name, value in HIPAY.items() if name != "notification_passphrase"}
    at_counter(tmp_path, scene, around=Around(upstream=settings(bare)))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, "enabled_by_merchant"),
        (
            {
                "enabled_by_merchant": True,
                "base_url": None,
                "environment": "production",
                "login": "9.stage-secure-gateway.hipay-tpp.com",
            },
            "test system",
        ),
    ],
)
def test_hipay_is_off_until_the_merchant_says_so_and_never_on_with_a_login_of_the_other_system(
    tmp_path: Path, more: dict[str, Any], why: str
) -> None:
    async def scene(counter: Counter) -> None:
        (view,) = counter.features.reports.receivers()
        assert view.state is ReceiverState.OFF
        assert why in (view.why or "")

    at_counter(tmp_path, scene, around=Around(upstream=settings(HIPAY | more)))
