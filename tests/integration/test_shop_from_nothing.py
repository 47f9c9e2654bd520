"""A shop from nothing, with real processes: answers, a supervised connector, payments, a kill, and the service."""

from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.integration.supervised import Supervised, kill, supervised
from tillbridge.cli.exits import Exit

PASSWORD: Final = "Till-pass-4711"


async def set_up(place: Supervised, *words: str) -> str:
    """Answers as a dealer has them; what the setup said. The console's port is no question: it is changed by hand."""
    counter = place.counter
    counter.settings.unlink(missing_ok=True)
    (counter.folder / "answers.yml").write_text(
        f"serial_port: network\nterminal_kind: concert-v3\nterminal_host: 127.0.0.1\n"
        f"terminal_port: {counter.terminal_port}\nlocal_port: {place.till_port}\n"
        "api_username: log\napi_password: {env: TILL_PASSWORD}\norder_ids_repeat: daily\n"
    )
    told = await counter.command("connector", "setup", "--answers", "answers.yml", *words)
    assert told.code == Exit.APPROVED, told.err
    with counter.settings.open("a") as settings:
        settings.write(f"console: {{port: {counter.native_port}}}\n")
    return told.out


async def pay_at_the_till(place: Supervised, amount: str, order_id: str) -> dict[str, Any]:
    """As the till does, with the password that the setup was given."""
    headers = {"Authorization": aiohttp.encode_basic_auth("log", PASSWORD)}
    body = {"amount": amount, "currency": "EUR", "order_id": order_id}
    async with (
        aiohttp.ClientSession(headers=headers) as till,
        till.post(f"http://localhost:{place.till_port}/", json=body) as answer,
    ):
        found: dict[str, Any] = await answer.json()
        return found


async def test_from_the_answers_to_a_shop_that_gets_over_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILL_PASSWORD", PASSWORD)
    async with supervised(tmp_path) as place:
        said = await set_up(place)
        assert f"Start it with: tillbridge supervise --config {place.counter.settings}" in said
        assert place.status() == {}, "nothing was started: nobody had said --start"
        await place.supervise()
        assert (await pay_at_the_till(place, "10,23", "first"))["paymentStatus"] == "SUCCESS"
        before = place.status()["connector"]
        kill(before)
        await place.ready_again(before)
        assert (await pay_at_the_till(place, "10,23", "first"))["replayed"] is True
        assert (await pay_at_the_till(place, "2,50", "second"))["paymentStatus"] == "SUCCESS"
        assert place.counter.taken == [1023, 250]
        await check_what_a_second_start_says(place)
        await check_the_service(place)


async def check_what_a_second_start_says(place: Supervised) -> None:
    """`--start` goes to the supervisor, which is there already."""
    words = ("--answers", "answers.yml", "--config", "connector.yml", "--start")
    told = await place.counter.command("connector", "setup", *words)
    assert told.code == Exit.FAILED
    assert f"a supervisor (process {place.status()['supervisor']}) already keeps this connector up" in told.err


async def check_the_service(place: Supervised) -> None:
    """What would keep this very connector up after the next start of the computer; nothing of it is written."""
    before = sorted(place.counter.folder.rglob("*.service"))
    words = ("--dry-run", "--config", "connector.yml")
    told = await place.counter.command("service", "install", "--kind", "systemd-user", *words)
    assert told.code == Exit.APPROVED
    assert f'"supervise" "--config" "{place.counter.settings}"' in told.out
    assert "systemctl --user enable tillbridge.service" in told.out
    assert sorted(place.counter.folder.rglob("*.service")) == before == []
