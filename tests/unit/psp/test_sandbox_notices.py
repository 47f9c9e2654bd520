"""Notifications of the provider's sandbox: what they say, how they are signed, and when they are sent again."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pydantic_core import from_json

from tests.support.provider_sandbox import ACCOUNT, House, Receiver, open_house, passive
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.psp.hipay.sandbox.notices import SIGNATURE, Digest, Style, sign
from tillbridge.psp.hipay.sandbox.sending import PATIENCE
from tillbridge.psp.hipay.sandbox.settings import SandboxSettings, Target
from tillbridge.runtime.manual import run_manual
from tillbridge.web.webhooks.courier import Reply

URL = "http://localhost:9/told"
HOUR = 3600.0


def settings(style: Style = Style.FORM, digest: Digest = Digest.SHA256) -> SandboxSettings:
    return SandboxSettings(Target(URL, style, digest))


async def while_it_works(house: House, seconds: float) -> None:
    """Lets the sandbox send for so long."""
    async with asyncio.TaskGroup() as group:
        working = group.create_task(house.sandbox.work())
        await asyncio.sleep(seconds)
        working.cancel()


def form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))


def fits(headers: Mapping[str, str], body: bytes, digest: str = "sha256") -> bool:
    """Whether the signature is that of the rule, computed here."""
    return headers.get(SIGNATURE) == hashlib.new(digest, body + ACCOUNT.passphrase.encode()).hexdigest()


def test_each_step_is_told_with_its_sums_and_its_operation(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, settings()) as house:
            made = await house.order(passive(custom_data='{"till": "front", "n": 7}'))
            await house.maintain(made["transactionReference"], "refund", amount="2.00", operation_id="back-1")
            await while_it_works(house, 1)
            told = [form(body) for _, _, body in house.receiver.heard]
            assert [one["status"] for one in told] == ["118", "124", "126"]
            paid, _, back = told
            assert (paid["order[id]"], paid["order[amount]"], paid["captured_amount"]) == ("Order_1", "8.99", "8.99")
            assert (paid["custom_data[till]"], paid["custom_data[n]"], paid["test"]) == ("front", "7", "true")
            assert "operation[type]" not in paid
            assert back["refunded_amount"] == "2.00"
            shown = {name: back[f"operation[{name}]"] for name in ("type", "id", "amount")}
            assert shown == {"type": "refund", "id": "back-1", "amount": "2.00"}

    run_manual(main())


@pytest.mark.parametrize("digest", list(Digest))
@pytest.mark.parametrize("style", list(Style))
def test_a_notification_is_signed_over_its_very_body(tmp_path: Path, style: Style, digest: Digest) -> None:
    async def main() -> None:
        async with open_house(tmp_path, settings(style, digest)) as house:
            await house.order(passive())
            await while_it_works(house, 1)
            ((_, headers, body),) = house.receiver.heard
            assert fits(headers, body, digest)
            if style is Style.JSON:
                value: Any = from_json(body)
                assert set(value) == {"event_key", "data", "sent_date"}
                assert value["data"]["order"]["id"] == "Order_1"
                assert headers["Content-Type"] == "application/json"

    run_manual(main())


def test_the_signature_of_a_known_text() -> None:
    # printf 'status=118secret' | sha1sum
    assert sign(b"status=118", "secret", Digest.SHA1) == "3ccd9785a0a206eadf12e7604715e74dcf831dcf"


def test_a_notification_is_sent_until_it_is_taken(tmp_path: Path) -> None:
    async def main() -> None:
        refusals = [Reply(500, "it answered 500"), Reply(failure="it did not answer in time"), Reply(204)]
        receiver = Receiver([*refusals, Reply(500, "x"), Reply(500, "x")])
        async with open_house(tmp_path, settings(), receiver) as house:
            await house.order(passive())
            await while_it_works(house, HOUR)
            moments = [round(at) for at, _, _ in receiver.heard]
            minutes = [0, 1, 4, 9, 24, 39]
            assert moments == [60 * minute for minute in minutes]
            (kept,) = (await house.look("/notifications"))["notifications"]
            assert (kept["delivery"], kept["attempts"], kept["due"]) == ("delivered", 6, None)

    run_manual(main())


def test_a_notification_that_nobody_takes_is_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        receiver = Receiver([Reply(500, "it answered 500")] * 1000)
        async with open_house(tmp_path, settings(), receiver) as house:
            await house.order(passive())
            await while_it_works(house, PATIENCE.total_seconds() + HOUR)
            (kept,) = (await house.look("/notifications"))["notifications"]
            assert (kept["delivery"], kept["due"], kept["said"]) == ("given_up", None, "it answered 500")
            sent = len(receiver.heard)
            assert (await house.play(f"/notifications/{kept['seq']}/again")).status == 200
            await while_it_works(house, 1)
            assert len(receiver.heard) == sent + 1
            assert (await house.play("/notifications/99/again")).status == 404

    run_manual(main())


def test_what_waits_is_sent_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, settings()) as house:
            await house.order(passive())
            assert house.receiver.heard == []
        async with open_house(tmp_path, settings()) as house:
            await while_it_works(house, 1)
            assert len(house.receiver.heard) == 1

    run_manual(main())


def test_nobody_is_told_without_an_address_and_everything_after_one_is_set(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.order(passive("Order_1"))
            body = {"url": URL, "style": "json", "digest": "sha512"}
            answer = await house.client.ask("PUT", "/_sandbox/notifications/target", b'{"url": "ftp://x"}')
            assert (answer.status, answer.json["code"]) == (400, "webhook_refused")
            answer = await house.client.ask(
                "PUT", "/_sandbox/notifications/target", str(body).replace("'", '"').encode()
            )
            assert answer.json == body
            await house.order(passive("Order_2"))
            await while_it_works(house, 1)
            ((_, headers, raw),) = house.receiver.heard
            assert from_json(raw)["data"]["order"]["id"] == "Order_2"
            assert fits(headers, raw, "sha512")

    run_manual(main())


@pytest.mark.parametrize("url", ["http://192.168.1.5/x", "ftp://localhost/x", "http://user:pw@localhost/x"])
def test_an_address_that_may_not_be_told(url: str) -> None:
    with pytest.raises(BridgeError) as refused:
        Target(url)
    assert refused.value.code is Code.WEBHOOK_REFUSED


@pytest.mark.parametrize(
    "fault", ["notice_unsigned", "notice_wrong_passphrase", "notice_other_digest", "notice_changed"]
)
def test_a_spoiled_signature_fits_no_more_and_the_next_one_does(tmp_path: Path, fault: str) -> None:
    async def main() -> None:
        async with open_house(tmp_path, settings()) as house:
            await house.switch(fault, 1)
            await house.order(passive("Order_1"))
            await while_it_works(house, 1)
            await house.order(passive("Order_2"))
            await while_it_works(house, 1)
            (_, headers, body), (_, other, whole) = house.receiver.heard
            assert not fits(headers, body)
            assert fits(other, whole)
            assert (SIGNATURE in headers) == (fault != "notice_unsigned")
            if fault == "notice_other_digest":
                assert fits(headers, body, "sha1")
            if fault == "notice_changed":
                assert form(body)["captured_amount"] == "18.99"

    run_manual(main())


def test_a_notification_twice_and_one_that_is_overtaken(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, settings()) as house:
            await house.switch("notice_twice", 1)
            made = await house.order(passive())
            await while_it_works(house, 1)
            assert [form(body)["status"] for _, _, body in house.receiver.heard] == ["118", "118"]
            house.receiver.heard.clear()
            await house.switch("notice_out_of_order", 1)
            await house.maintain(made["transactionReference"], "refund")
            await while_it_works(house, 60)
            assert [form(body)["status"] for _, _, body in house.receiver.heard] == ["125", "124"]

    run_manual(main())


def test_an_early_notification_comes_before_the_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, settings()) as house:
            await house.switch("notice_early", 1)
            await house.order(passive("Order_1"))
            assert len(house.receiver.heard) == 1
            await house.order(passive("Order_2"))
            assert len(house.receiver.heard) == 1
            await while_it_works(house, 1)
            assert len(house.receiver.heard) == 2

    run_manual(main())
