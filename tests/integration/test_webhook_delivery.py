"""Webhooks over real connections, to receivers of every kind: down, slow, broken, endless, or leading elsewhere."""

import asyncio
import ipaddress
import socket
import ssl
import subprocess
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.receiver import BROKEN, TOOK_IT, InRealTime, Receiver, receiving
from tests.support.webhooks import DAY, shop, signature
from tests.unit.engine.house import PAID, SETTINGS, ask
from tests.unit.engine.puppet import Puppet
from tillbridge.connector.api.webhooks import written_payment
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import JOURNAL_FILE, open_engine
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.manual import run_manual
from tillbridge.runtime.sqlite import CommittingThread, Connect
from tillbridge.upstream.messages import SUBSCRIBABLE
from tillbridge.upstream.outbox import Outbox, open_outbox, run_webhooks
from tillbridge.upstream.write_keys import WriteKey
from tillbridge.web.webhooks.addresses import WebhookSettings
from tillbridge.web.webhooks.courier import Reply
from tillbridge.web.webhooks.http_courier import HttpCourier

LOCAL = WebhookSettings(allow_http_to_loopback=True)
PATIENCE = 0.5
HEADERS = {"webhook-id": "m"}


async def carried(receiver: Receiver, seconds: float = 10.0) -> Reply:
    async with HttpCourier(LOCAL, "1.0", seconds) as courier:
        return await courier.carry(receiver.url, HEADERS, b"{}")


async def test_a_message_arrives_as_it_was_sent() -> None:
    async with receiving() as receiver:
        assert await carried(receiver) == Reply(204)
        (said,) = receiver.heard
        assert (said.url, said.body, said.id) == ("/told", b"{}", "m")
        assert said.headers["content-type"] == "application/json"
        assert said.headers["user-agent"] == "tillbridge/1.0"
        assert said.headers["host"] == f"localhost:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_an_internal_address_is_a_failure_and_is_not_followed(status: int) -> None:
    async with receiving() as inside:
        leads = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {inside.url}\r\nContent-Length: 0\r\n\r\n".encode()
        async with receiving(leads) as receiver:
            reply = await carried(receiver)
        assert reply.status == status
        assert "redirects" in (reply.failure or "")
        assert inside.connections == 0


async def test_a_receiver_that_says_nothing_is_left_in_time() -> None:
    async def silence(_: asyncio.StreamWriter) -> None:
        await left.wait()

    left = asyncio.Event()
    async with receiving(silence) as receiver:
        assert await carried(receiver, PATIENCE) == Reply(failure="it did not answer in time")
        assert len(receiver.heard) == 1
        left.set()


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 2"])
async def test_a_head_that_never_ends_is_left_in_time(head: bytes) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await left.wait()

    left = asyncio.Event()
    async with receiving(drip) as receiver:
        assert await carried(receiver, PATIENCE) == Reply(failure="it did not answer in time")
        left.set()


async def test_an_answer_that_never_ends_is_not_read_to_its_end() -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent += 65536
            await writer.drain()

    async with receiving(endless) as receiver:
        assert await carried(receiver) == Reply(200)
        assert sent < 50 * 1024 * 1024


async def test_a_small_answer_that_unpacks_to_a_large_one_costs_no_memory() -> None:
    bomb = zlib.compress(b"\0" * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    async with receiving(head + bomb) as receiver:
        tracemalloc.start()
        assert await carried(receiver) == Reply(200)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 10_000_000


async def test_a_port_where_nobody_listens_is_a_failure_that_says_so() -> None:
    async with receiving() as receiver:
        pass
    reply = await carried(receiver)
    assert reply.failure == "it could not be reached: Connection refused"


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/", "http://[::ffff:10.0.0.1]/", "nonsense"],
)
async def test_what_may_not_be_asked_is_not_asked(url: str) -> None:
    async with HttpCourier(LOCAL, "1.0") as courier:
        assert ((await courier.carry(url, HEADERS, b"{}")).failure or "").startswith("not sent: ")


async def test_a_name_that_was_bent_to_an_internal_address_is_not_followed_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with receiving() as receiver:
        asked: list[str] = []

        async def bent(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", bent)
        async with HttpCourier(WebhookSettings(), "1.0") as courier:
            reply = await courier.carry(f"https://shop.example:{receiver.port}/", HEADERS, b"{}")
        assert asked == ["shop.example"]
        assert "127.0.0.1 is inside this network" in (reply.failure or "")
        assert receiver.connections == 0


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that nobody but its maker trusts, for localhost, with its key."""
    made, key = folder / "certificate.pem", folder / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run([*new, *subject, "-keyout", key, "-out", made], check=True, capture_output=True)
    return made, key


async def test_a_certificate_must_be_valid_and_for_this_name(tmp_path: Path) -> None:
    made, key = certificate(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(made, key)
    trusting = ssl.create_default_context(cafile=made)
    async with receiving(tls=serving) as receiver:
        assert await carried(receiver) == Reply(failure="its certificate is not valid")
        async with HttpCourier(LOCAL, "1.0", tls=trusting) as courier:
            assert await courier.carry(receiver.url, HEADERS, b"{}") == Reply(204)
            elsewhere = receiver.url.replace("localhost", str(ipaddress.IPv4Address("127.0.0.1")))
            assert await courier.carry(elsewhere, HEADERS, b"{}") == Reply(failure="its certificate is not valid")
        assert len(receiver.heard) == 1


def test_a_real_receiver_that_was_down_for_a_day_hears_of_every_payment(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            receiving(BROKEN) as receiver,
            receiving() as other,
            HttpCourier(LOCAL, "1.0") as courier,
            shop(tmp_path, InRealTime(courier), LOCAL) as here,
        ):
            loop = asyncio.get_running_loop()
            secret = (await here.add(receiver.url)).secret or ""
            await here.add(other.url)
            began, paid = loop.time(), []
            for _ in range(12):
                paid.append((await here.pay()).id)
                await asyncio.sleep(DAY / 12)
            assert loop.time() - began >= DAY
            assert [said.json["data"]["id"] for said in other.heard] == paid
            failed = len(receiver.heard)
            receiver.answer = TOOK_IT
            await asyncio.sleep(4800)
            taken = receiver.heard[failed:]
            assert sorted(said.json["data"]["id"] for said in taken) == sorted(paid)
            assert all(said.headers["webhook-signature"] == signature(secret, said) for said in taken)
            await here.on_disk()
            for delivery in here.outbox.deliveries(here.outbox.webhooks()[0].id, None, 50):
                attempts = here.outbox.attempts(delivery.id)
                assert [one.status for one in attempts] == [204] + [500] * (len(attempts) - 1)

    run_manual(main())


async def test_on_a_real_disk_in_real_time_it_is_told_within_a_moment_and_again_after_a_restart(tmp_path: Path) -> None:
    async with receiving() as receiver, HttpCourier(LOCAL, "1.0") as courier:
        paid = []
        for number in range(2):
            async with real_shop(tmp_path, courier) as (engine, puppet, outbox):
                if number == 0:
                    key = WriteKey("native:main", "k", "")
                    await outbox.add(receiver.url, "", SUBSCRIBABLE, key)
                for _ in range(5):
                    puppet.answers.put_nowait(PAID)
                    paid.append((await engine.wait((await engine.start(ask())).id, 5)).id)
                async with asyncio.timeout(5):
                    while len({said.id for said in receiver.heard}) < len(paid):
                        await asyncio.sleep(0.01)
        assert {said.json["data"]["id"] for said in receiver.heard} == set(paid)
        assert all(said.json["data"]["stage"] == "approved" for said in receiver.heard)


@asynccontextmanager
async def real_shop(folder: Path, courier: HttpCourier) -> AsyncIterator[tuple[Engine, Puppet, Outbox]]:
    """An engine with the committing thread of a running connector, and the computer's own clock."""
    made: list[CommittingThread] = []

    def make(connect: Connect) -> CommittingThread:
        made.append(CommittingThread(connect))
        return made[-1]

    puppet, runtime = Puppet(), Runtime()
    setup = TerminalSetup("t1", "puppet", puppet)
    async with (
        open_engine(folder, [setup], SETTINGS, runtime, make) as engine,
        open_outbox(
            folder,
            folder / JOURNAL_FILE,
            made[0],
            settings=LOCAL,
            runtime=runtime,
            resource=written_payment,
            courier=courier,
        ) as outbox,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(run_webhooks(outbox, engine.watch))
        await asyncio.sleep(0)
        yield engine, puppet, outbox
        task.cancel()
