"""docs/how-to/receive-webhooks.md: the receiver that it shows takes what is sent, once, and nothing forged."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from standardwebhooks.exceptions import WebhookVerificationError

from tests.architecture.tree import ROOT
from tests.support.counter import SOON, counter
from tests.support.guide import blocks, moved, run
from tests.support.receiver import Receiver, receiving
from tests.support.webhooks import Said
from tillbridge.connector.settings import CONSOLE_PORT
from tillbridge.runtime.effects import Runtime
from tillbridge.upstream import secret_file, store
from tillbridge.upstream.messages import MessageType
from tillbridge.web.webhooks import backoff, http_courier
from tillbridge.web.webhooks.envelope import write_body
from tillbridge.web.webhooks.signing import new_secret, sign

PAGE = "how-to/receive-webhooks.md"
SECRETS = [new_secret(Runtime().chance) for _ in range(2)]
BODY = write_body(MessageType.APPROVED, datetime(2026, 1, 2, tzinfo=UTC), {"id": "1", "note": "žluťoučký"})


def receiver() -> Any:
    """The function of the page, in a fresh receiver."""
    (program,) = blocks(PAGE, "python")
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102  # the page's own program, which is what is tried out
    return names["take"]


def test_it_takes_a_message_once_with_either_secret() -> None:
    for secret in SECRETS:
        take = receiver()
        headers = sign(SECRETS, "msg_1", Runtime().clock.now(), BODY)
        assert take(secret, headers, BODY)["data"] == {"id": "1", "note": "žluťoučký"}
        assert take(secret, headers, BODY) is None


@pytest.mark.parametrize("forgery", ["another secret", "another body", "another id", "an old one"])
def test_it_takes_nothing_forged(forgery: str) -> None:
    now = Runtime().clock.now() - (timedelta(minutes=6) if forgery == "an old one" else timedelta())
    headers = sign(SECRETS[:1], "msg_1", now, BODY)
    secret = SECRETS[1] if forgery == "another secret" else SECRETS[0]
    body = BODY.replace(b"approved", b"declined") if forgery == "another body" else BODY
    if forgery == "another id":
        headers["webhook-id"] = "msg_2"
    with pytest.raises(WebhookVerificationError):
        receiver()(secret, headers, body)


def test_the_page_names_every_type_and_the_figures_of_the_code() -> None:
    text = (ROOT / "docs" / PAGE).read_text()
    assert all(f"`{kind}`" in text for kind in MessageType)
    assert timedelta(days=3) == backoff.PATIENCE
    assert http_courier.ATTEMPT_SECONDS == 15
    assert timedelta(days=30) == store.KEPT
    assert timedelta(hours=24) == secret_file.OVERLAP
    assert [step.total_seconds() for step in backoff.STEPS] == [5, 30, 120, 300, 900, 1800, 3600]


async def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    settings = yaml.safe_load(blocks(PAGE, "yaml")[0])
    (adding,) = blocks(PAGE)
    trying, again, rotating = blocks(PAGE, "sh")
    async with counter(tmp_path) as place, receiving() as there:
        place.write_settings(more=settings)
        await place.open()
        (tmp_path / "DATA").symlink_to(place.data)
        names: dict[str, str] = {}

        async def follow(commands: str) -> Any:
            text = f"KEY=$(cat DATA/console-key)\n{moved(commands, {CONSOLE_PORT: place.native_port})}"
            text = text.replace("https://shop.example/tillbridge", there.url)
            for name, value in names.items():
                text = re.sub(rf"\b{name}\b", value, text)
            return json.loads((await asyncio.to_thread(run, text, tmp_path))[-1])

        made = await follow(adding)
        names["ID"] = made["webhook"]["id"]
        tried = await follow(trying)
        assert (tried["type"], tried["webhook_id"]) == ("webhook.test", names["ID"])
        take = receiver()
        assert take(made["secret"], (await heard(there, 1)).headers, there.heard[0].body)["type"] == "webhook.test"
        names["NUMBER"] = str(tried["id"])
        assert (await follow(again))["message_id"] == tried["message_id"]
        assert take(made["secret"], (await heard(there, 2)).headers, there.heard[1].body) is None
        assert (await follow(rotating))["secret"] != made["secret"]


async def heard(there: Receiver, number: int) -> Said:
    """What came so many-th."""
    async with asyncio.timeout(SOON):
        while len(there.heard) < number:
            await asyncio.sleep(0.01)
    return there.heard[number - 1]
