"""What a supervisor and a monitor read: alive, ready, busy, and what is in the way."""

from pathlib import Path

from tests.integration.test_api_metrics import samples
from tests.support.console.api import pay
from tests.support.console.counter import Counter
from tests.support.console.manual_counter import at_counter
from tests.unit.engine.failing_disk import Disk
from tillbridge.protocols.contract import Health, HealthState


def test_a_connector_that_is_well(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        found = await till.get("/v1/ready")
        assert found.status == 200
        assert (found.json["ready"], found.json["busy"], found.json["stopping"]) == (True, False, False)
        assert found.json["troubles"] == []
        assert found.json["pid"] > 0
        assert found.json["disk_free_bytes"] > 0
        assert (await till.get("/v1/health")).json == found.json
        bare = await counter.browser().get("/readyz")
        assert (bare.status, bare.json) == (200, {"ready": True, "troubles": []})

    at_counter(tmp_path, scene)


def test_busy_says_that_a_payment_runs(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        counter.hold("front")
        await pay(counter, wait=1)
        found = (await counter.till().get("/v1/health")).json
        assert (found["busy"], found["ready"]) == (True, True)
        assert (await samples(counter.browser()))["tillbridge_busy", ()] == 1

    at_counter(tmp_path, scene)


def test_a_journal_that_cannot_be_written(tmp_path: Path) -> None:
    disk = Disk()

    async def scene(counter: Counter) -> None:
        disk.broken = True
        await pay(counter)
        found = await counter.till().get("/v1/ready")
        assert found.status == 503
        assert found.json["troubles"] == [{"trouble": "journal_unwritable", "subject": "", "blocks": True}]
        assert (await counter.till().get("/v1/health")).status == 200
        assert (await counter.browser().get("/readyz")).status == 503
        assert (await samples(counter.browser()))["tillbridge_ready", ()] == 0
        disk.broken = False
        await pay(counter, key="k2")
        assert (await counter.till().get("/v1/ready")).status == 200

    at_counter(tmp_path, scene, make_committer=disk.committer)


def test_a_connector_that_stops(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        counter.engine.refuse_new()
        found = await counter.till().get("/v1/ready")
        assert (found.status, found.json["stopping"]) == (503, True)

    at_counter(tmp_path, scene)


def test_one_terminal_of_two_may_be_off_but_not_both(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        lanes = counter.engine._reception.lanes  # the last sign of life is the lane's own
        lanes["front"]._health = Health(HealthState.UNREACHABLE, "the plug is out")
        found = await counter.till().get("/v1/ready")
        assert found.status == 200
        assert found.json["troubles"] == [{"trouble": "terminal_unreachable", "subject": "front", "blocks": False}]
        assert (await counter.browser().get("/readyz")).json["troubles"] == ["terminal_unreachable"]
        lanes["bar"]._health = Health(HealthState.SILENT)
        found = await counter.till().get("/v1/ready")
        assert found.status == 503
        assert {one["trouble"] for one in found.json["troubles"]} == {"terminal_unreachable", "terminal_silent"}

    at_counter(tmp_path, scene, "front", "bar")


def test_metrics_tell_of_disk_link_log_and_traces(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        seen = await samples(counter.browser())
        assert seen["tillbridge_disk_free_bytes", ()] > 0
        assert seen["tillbridge_portal_link", ("not_paired",)] == 1
        assert seen["tillbridge_portal_link", ("active",)] == 0
        assert seen["tillbridge_traces_running", ()] == 0
        assert ("tillbridge_log_rotations_total", ()) in seen
        assert ("tillbridge_clock_skew_seconds", ()) not in seen, "there is no portal to compare with"
        await counter.till().post("/v1/terminals/front/trace", {"by": "Jana"}, idempotency_key="t1")
        assert (await samples(counter.browser()))["tillbridge_traces_running", ()] == 1

    at_counter(tmp_path, scene)
