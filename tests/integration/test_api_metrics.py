"""What monitors and Prometheus read."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.console.api import pay
from tests.support.console.asgi_client import Client
from tests.support.console.counter import KEY, Counter
from tests.support.console.manual_counter import at_counter
from tests.unit.engine.failing_disk import Disk
from tillbridge.connector.api.scopes import Scope
from tillbridge.connector.keybook import KeyBook
from tillbridge.connector.settings import ConsoleSettings
from tillbridge.runtime.data_folder import DataFolder

Sample = tuple[str, tuple[str, ...]]


async def samples(client: Client) -> dict[Sample, float]:
    """Each sample by its name and the values of its labels, sorted."""
    answer = await client.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_payments_are_counted_by_how_they_ended(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        ends = {"approved": 1250, "declined": 1291, "aborted": 1292, "not_started": 1294, "in_doubt": 1295}
        for outcome, minor in ends.items():
            await pay(counter, minor, key=outcome, terminal="front")
        counter.hold("bar")
        await pay(counter, key="running", terminal="bar", wait=1)
        seen = await samples(counter.browser())
        assert [seen["tillbridge_payments_total", (outcome,)] for outcome in ends] == [1] * 5
        assert seen["tillbridge_payments_running", ()] == 1
        assert seen["tillbridge_payments_in_doubt", ()] == 1
        assert seen["tillbridge_terminal_locked", ("front",)] == 1
        assert seen["tillbridge_terminal_locked", ("bar",)] == 0
        assert seen["tillbridge_terminal_health", ("bar", "busy")] == 1
        assert seen["tillbridge_terminal_health", ("bar", "ready")] == 0

    at_counter(tmp_path, scene, "front", "bar")


def test_a_failing_disk_shows(tmp_path: Path) -> None:
    disk = Disk()

    async def scene(counter: Counter) -> None:
        browser = counter.browser()
        assert (await browser.get("/healthz")).json["status"] == "ok"
        disk.broken = True
        await pay(counter)
        seen = await samples(browser)
        assert seen["tillbridge_journal_commit_failures_total", ()] > 0
        assert seen["tillbridge_journal_writable", ()] == 0
        assert (await browser.get("/healthz")).json["status"] == "journal_unavailable"
        disk.broken = False
        await pay(counter, key="k2")
        assert (await samples(browser))["tillbridge_journal_writable", ()] == 1
        assert (await browser.get("/healthz")).json["status"] == "ok"

    at_counter(tmp_path, scene, make_committer=disk.committer)


def test_health_needs_no_key_and_says_the_version(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        answer = await counter.browser().get("/healthz")
        assert (answer.status, set(answer.json)) == (200, {"status", "version"})
        assert answer.json["version"][0].isdigit()

    at_counter(tmp_path, scene)


def test_off_loopback_the_metrics_need_the_key(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        assert (await counter.browser().get("/metrics")).status == 401
        assert (await counter.browser().get("/metrics", authorization=f"Bearer {KEY}")).status == 200
        book = KeyBook(DataFolder(tmp_path))
        for scope, status in ((Scope.READ, 200), (Scope.PAY, 403)):
            key = book.add(scope, frozenset({scope}), counter.runtime.clock.now())
            assert (await counter.browser().get("/metrics", authorization=f"Bearer {key}")).status == status
        assert (await counter.browser().get("/healthz")).status == 200

    at_counter(tmp_path, scene, console=ConsoleSettings(host="192.0.2.7"))


def test_a_name_that_is_not_served_here_is_refused(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        for host, status in (("evil.example", 403), ("0.0.0.0:8380", 403), ("till.example:8380", 200)):
            assert (await till.get("/v1/terminals", host=host)).status == status

    at_counter(tmp_path, scene, console=ConsoleSettings(host="0.0.0.0", extra_hosts=("till.example",)))  # noqa: S104  # nothing listens
