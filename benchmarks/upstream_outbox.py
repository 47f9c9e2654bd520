"""How fast a full outbox is told to HiPay, and what a full outbox adds to a payment.

The outbox drains into a gateway in a process of its own; a bare loop of the same HTTP client sends the same forms there
in the same run, with as many at once. What a payment costs is measured on the connector's own loop, with the wait for
the upstream at 0: on the same journal with everything told, and with ten thousand reports that wait and drain.
"""

import asyncio
import json
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import aiohttp

from benchmarks.figures import Bench, Figure
from benchmarks.filled_journal import fill
from benchmarks.programs import own, program
from benchmarks.prompt_terminal import PromptTerminal
from benchmarks.rounds import Spread, percentile
from tillbridge.connector.api.webhooks import written_payment
from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.journal.reading import Reading
from tillbridge.engine.opening import JOURNAL_FILE, open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols.contract import PaymentRequest
from tillbridge.psp.hipay.client import CONNECTIONS
from tillbridge.psp.hipay.orders import Contract, passive_order
from tillbridge.runtime.effects import Runtime
from tillbridge.upstream.reports.desk import ReportMeans, Reports, open_reports
from tillbridge.upstream.settings import UpstreamSettings
from tillbridge.web.webhooks.addresses import WebhookSettings
from tillbridge.web.webhooks.courier import CourierOnDemand

WAITING: Final = 10_000
ROUNDS: Final = 5
PAYMENTS: Final = 400
"""Per round and shop: the four slowest of them are beyond the 99th percentile."""

FASTEST: Final = 200.0
"""Reports a second, at least."""

GOAL: Final = 1.2
TERMINAL, DOOR, CALLER = "counter", "hipay", "hipay:log"
LOGIN, PASSWORD, HASHKEY = "benchmark", "none", "none"  # of a gateway that lives as long as the benchmark
PATIENCE: Final = 30.0
CONTRACT: Final = {"payment_application": "001", "merchant_id": "1234567"}


def _settings(url: str) -> UpstreamSettings:
    receiver: Mapping[str, Any] = {
        "kind": "hipay",
        "enabled_by_merchant": True,
        "base_url": url,
        "login": LOGIN,
        "password": PASSWORD,
        "hashkey": HASHKEY,
        "contract": {"proxy": CONTRACT},
    }
    return UpstreamSettings.model_validate({"wait": 0, "receivers": [receiver]})


@asynccontextmanager
async def _shop(folder: Path, url: str) -> AsyncIterator[tuple[Engine, Reports]]:
    runtime = Runtime()
    setups = [TerminalSetup(TERMINAL, "prompt", PromptTerminal())]
    async with (
        open_engine(folder, setups, EngineSettings(probe_seconds=0), runtime) as engine,
        CourierOnDemand(WebhookSettings(), "0") as courier,
        open_reports(
            _settings(url),
            folder,
            engine.outbox_access(),
            ReportMeans(runtime, written_payment, courier, lambda: engine.busy, "0"),
        ) as reports,
    ):
        yield engine, reports


@asynccontextmanager
async def _telling(engine: Engine, reports: Reports) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reports.run(engine.watch))
        yield
        task.cancel()


def _filled(folder: Path, payments: int) -> None:
    """A journal whose payments are all still to be reported."""
    fill(folder, payments, terminal=TERMINAL, door=DOOR, caller=CALLER)
    connection = sqlite3.connect(folder / JOURNAL_FILE)
    with connection:
        connection.execute("INSERT INTO upstream_receiver VALUES ('hipay', 0, 0)")
    connection.close()


def _waiting(reports: Reports) -> int:
    (view,) = reports.receivers()
    return view.counts.waiting


def _sent(folder: Path) -> int:
    connection = sqlite3.connect(folder / JOURNAL_FILE)
    try:
        found: int = connection.execute("SELECT count(*) FROM upstream_message WHERE state = 'sent'").fetchone()[0]
        return found
    finally:
        connection.close()


async def _drained(folder: Path, url: str, payments: int) -> float:
    """Seconds until all of them are told and noted."""
    async with _shop(folder, url) as (engine, reports):
        begun = perf_counter()
        async with _telling(engine, reports):
            while _sent(folder) < payments:  # noqa: ASYNC110  # it is on disk that counts, which sets no event
                await asyncio.sleep(0.05)
        return perf_counter() - begun


async def _bare(folder: Path, url: str, payments: int) -> float:
    """Seconds in which the HTTP client alone sends the same forms."""
    reading = Reading(folder / JOURNAL_FILE)
    forms: list[dict[str, str]] = []
    before: str | None = None
    while len(forms) < payments:
        page = reading.payments(before=before, limit=200)
        forms += [dict(passive_order(one, Contract("1", "1"), HASHKEY).fields) for one in page]
        before = page[-1].id
    reading.close()
    queue = iter(forms)

    async def send(session: aiohttp.ClientSession) -> None:
        for form in queue:
            async with session.post(f"{url}/rest/v1/order", data=form) as answer:
                json.loads(await answer.read())

    begun = perf_counter()
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(CONNECTIONS):
            group.create_task(send(session))
    return perf_counter() - begun


async def _pay(engine: Engine, reports: Reports, number: int) -> float:
    """One payment as the HiPay door asks for it, with what it says about the report; its seconds."""
    amount = Money(100 + number, currency("EUR"))
    request = PaymentRequest(Kind.SALE, amount, CALLER, DOOR, fingerprint=str(number), order_id=f"new-{number}")
    begun = perf_counter()
    payment = await engine.wait((await engine.start(request)).id, PATIENCE)
    await reports.reported(payment, patiently=True)
    seconds = perf_counter() - begun
    if payment.stage is not Stage.APPROVED:
        raise RuntimeError(f"the payment ended as {payment.stage}")
    return seconds


async def _p99(folder: Path, url: str, payments: int) -> float:
    """Milliseconds of a payment in this shop, and what of its outbox is left."""
    async with _shop(folder, url) as (engine, reports), _telling(engine, reports):
        full = _waiting(reports) > 0
        times = [await _pay(engine, reports, number) * 1000 for number in range(payments)]
        if full and _waiting(reports) == 0:
            raise RuntimeError("the outbox was empty before the payments were over")
    return percentile(times, 0.99)


def _round(bench: Bench, url: str, number: int, waiting: int) -> tuple[float, float]:
    """The 99th percentile with an empty outbox, and with a full one that drains."""
    found = {}
    # One after the other: in one process the flood of the full one would hold up the empty one's payments as well. The
    # one that goes first is another one each time.
    for name in ("empty", "full")[:: 1 if number % 2 else -1]:
        folder = bench.folder / f"{name}-{number}"
        _filled(folder, waiting)
        if name == "empty":
            _forget(folder)
        os.sync()
        found[name] = asyncio.run(_p99(folder, url, bench.choose(PAYMENTS, 40)))
        shutil.rmtree(folder)
    return found["empty"], found["full"]


def _forget(folder: Path) -> None:
    """The same journal, and all of it was told."""
    connection = sqlite3.connect(folder / JOURNAL_FILE)
    with connection:
        connection.execute("UPDATE upstream_receiver SET seq = (SELECT max(seq) FROM event)")
    connection.close()


def measure(bench: Bench) -> Iterator[Figure]:
    """The rate as a share of the goal and of the bare client's, and what a full outbox adds."""
    waiting = bench.choose(WAITING, 600)
    with program(own("report_gateway")) as gateway:
        url = f"http://127.0.0.1:{json.loads(gateway.hear())}"
        drain = bench.folder / "drain"
        _filled(drain, waiting)
        ours = asyncio.run(_drained(drain, url, waiting))
        bare = asyncio.run(_bare(drain, url, waiting))
        rates = f"{waiting / ours:.0f}/s told and noted, {waiting / bare:.0f}/s by the client alone"
        yield Figure("upstream_outbox", "time for each report", 1000 * ours / waiting, "ms", 1000 / FASTEST, rates)
        yield Figure("upstream_outbox", "against a bare client", ours / bare, "x", None, rates)
        rounds = [_round(bench, url, number, waiting) for number in range(bench.choose(ROUNDS, 1))]
    spread = Spread.of([full / empty for empty, full in rounds])
    milliseconds = ", ".join(f"{full:.1f}/{empty:.1f}" for empty, full in rounds)
    yield Figure(
        "upstream_outbox", "p99 of a payment, full over empty", spread.median, "x", GOAL, f"{milliseconds} ms; {spread}"
    )
