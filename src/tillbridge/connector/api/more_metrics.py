"""What the metrics tell besides payments: disk, link, clock, log, traces, and whether the connector is ready."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tillbridge.connector.portal.states import LinkState, Standing
from tillbridge.connector.wellbeing import Wellbeing
from tillbridge.runtime.logging import LogFigures


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is read at the moment when the metrics are asked for. `traces` counts those that run."""

    now: Wellbeing
    link: Standing
    log: LogFigures
    traces: int


class MoreMetrics(Collector):
    """One answer's worth of them."""

    def __init__(self, found: Surroundings) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        now, link, log = self._found.now, self._found.link, self._found.log
        yield GaugeMetricFamily("tillbridge_ready", "1 while a payment can be taken here.", int(now.ready))
        yield GaugeMetricFamily("tillbridge_busy", "1 while a payment runs.", int(now.busy))
        yield GaugeMetricFamily(
            "tillbridge_start_time_seconds", "When the connector started (Unix time).", now.started_at.timestamp()
        )
        yield GaugeMetricFamily("tillbridge_disk_free_bytes", "Room on the disk of the data folder.", now.disk_free)
        yield _link(link)
        if link.skew is not None:
            yield GaugeMetricFamily(
                "tillbridge_clock_skew_seconds", "This computer's clock less the portal's.", link.skew.total_seconds()
            )
        yield GaugeMetricFamily(
            "tillbridge_portal_unsent", "Messages that wait for the portal.", float(link.unsent.count)
        )
        yield CounterMetricFamily("tillbridge_log_rotations", "Log files put aside since the start.", log.rotations)
        yield CounterMetricFamily(
            "tillbridge_log_failures", "Times that the log's file could not be written or put aside.", log.failures
        )
        yield GaugeMetricFamily("tillbridge_traces_running", "Wire traces that run.", self._found.traces)


def _link(link: Standing) -> Metric:
    family = GaugeMetricFamily(
        "tillbridge_portal_link", "1 for the state that the link to the portal is in.", labels=["state"]
    )
    for state in LinkState:
        family.add_metric([state], int(link.state is state))
    return family
