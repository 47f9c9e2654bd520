"""The state of the connector for Prometheus, read at the moment when it is asked for."""

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tillbridge.domain.operation import RUNNING, Stage
from tillbridge.engine.books import Figures
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import HealthState, TerminalStatus

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


async def metrics_text(engine: Engine, version: str, *more: Collector) -> bytes:
    """The metrics in Prometheus' text format; `more` tells what is not about payments."""
    # A registry for each answer: nothing of the process is in it, and two connectors in one process do not meet.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(engine.figures, await engine.terminals(), len(engine.in_doubt()), version))
    for one in more:
        registry.register(one)
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(self, figures: Figures, terminals: Sequence[TerminalStatus], in_doubt: int, version: str) -> None:
        self._figures = figures
        self._terminals = terminals
        self._in_doubt = in_doubt
        self._version = version

    def collect(self) -> Iterator[Metric]:
        yield _gauge("tillbridge_build", "The version that runs.", {"version": self._version})
        yield self._ended()
        running = sum(1 for one in self._terminals if one.occupied_by is not None and one.occupied_by.running)
        yield GaugeMetricFamily("tillbridge_payments_running", "Payments at a terminal now.", running)
        yield GaugeMetricFamily(
            "tillbridge_payments_in_doubt", "Payments of which nobody knows whether money moved.", self._in_doubt
        )
        yield CounterMetricFamily(
            "tillbridge_journal_commit_failures",
            "Durable writes that the disk did not take, since the start.",
            self._figures.commit_failures,
        )
        yield GaugeMetricFamily(
            "tillbridge_journal_writable", "1 unless the last durable write failed.", int(not self._figures.disk_failed)
        )
        yield self._health()
        yield self._locked()

    def _ended(self) -> Metric:
        family = CounterMetricFamily(
            "tillbridge_payments",
            "Ends of payments since the start. One that was in doubt first counts again when it is settled.",
            labels=["outcome"],
        )
        for stage in Stage:
            if stage not in RUNNING:
                family.add_metric([stage], self._figures.ended.get(stage, 0))
        return family

    def _health(self) -> Metric:
        family = GaugeMetricFamily(
            "tillbridge_terminal_health", "1 for the state that the terminal is in.", labels=["terminal", "state"]
        )
        for one in self._terminals:
            for state in HealthState:
                family.add_metric([one.name, state], int(one.health.state is state))
        return family

    def _locked(self) -> Metric:
        family = GaugeMetricFamily(
            "tillbridge_terminal_locked", "1 while a payment in doubt locks the terminal.", labels=["terminal"]
        )
        for one in self._terminals:
            locked = one.occupied_by is not None and not one.occupied_by.running
            family.add_metric([one.name], int(locked))
        return family


def _gauge(name: str, words: str, labels: dict[str, str]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=list(labels))
    family.add_metric(list(labels.values()), 1)
    return family
