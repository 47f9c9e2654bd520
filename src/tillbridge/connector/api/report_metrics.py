"""How far behind the receivers of reports are, for Prometheus."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tillbridge.upstream.reports.desk import ReceiverView


class ReportMetrics(Collector):
    """These receivers, as they stood when it was made."""

    def __init__(self, receivers: Sequence[ReceiverView]) -> None:
        self._receivers = receivers

    def collect(self) -> Iterator[Metric]:
        """What waits, for how long, and what needs a person."""
        labels = ["receiver"]
        waiting = GaugeMetricFamily("tillbridge_upstream_waiting", "Reports that wait to be sent.", labels=labels)
        age = GaugeMetricFamily(
            "tillbridge_upstream_oldest_age_seconds",
            "For how long the oldest report waits; 0 if none does.",
            labels=labels,
        )
        dead = GaugeMetricFamily("tillbridge_upstream_dead", "Reports that need a person.", labels=labels)
        for one in self._receivers:
            waiting.add_metric([one.name], one.counts.waiting)
            age.add_metric([one.name], one.oldest_age or 0.0)
            dead.add_metric([one.name], one.counts.dead)
        return iter((waiting, age, dead))
