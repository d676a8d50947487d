"""Metrics for Prometheus: requests, refusals, jobs. Off unless a setting turns them on.

Several processes share a folder (`PROMETHEUS_MULTIPROC_DIR`), so that each of them answers for all.
prometheus_client reads that variable when it is imported, so it is imported late.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"


class Meters:
    """The meters of this process."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Histogram  # reads MULTIPROCESS when it is imported

        self.requests: Histogram = Histogram(
            "portal_request_seconds", "Requests.", ("endpoint", "method", "status")
        )
        self.refusals: Counter = Counter("portal_refusals", "Refusals shown.", ("code",))
        self.jobs: Histogram = Histogram(
            "portal_job_seconds",
            "Tries of jobs by outcome.",
            ("kind", "state"),
            buckets=(0.05, 0.25, 1, 5, 15, 30, 60, 300, 600),
        )


_meters: list[Meters] = []
"""Empty while metrics are off."""


def enable(folder: Path) -> None:
    """Measure in this process from now on; share the measurements in `folder` unless the
    environment names another one."""
    if _meters:
        return
    folder = Path(os.environ.setdefault(MULTIPROCESS, str(folder)))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _meters.append(Meters())


def observe_request(endpoint: str, method: str, status: int, seconds: float) -> None:
    """Count an answered request."""
    for meters in _meters:
        meters.requests.labels(endpoint, method, str(status)).observe(seconds)


def count_refusal(code: str) -> None:
    """Count a refusal that a person was shown."""
    for meters in _meters:
        meters.refusals.labels(code).inc()


def observe_job(kind: str, state: str, seconds: float) -> None:
    """Count a try of a job."""
    for meters in _meters:
        meters.jobs.labels(kind, state).observe(seconds)


def render(*collectors: Collector) -> tuple[bytes, str]:
    """Return the measurements of all processes, and those of these collectors, as Prometheus reads
    them, with their media type."""
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return generate_latest(_registry(*collectors)), CONTENT_TYPE_LATEST


def serve(port: int, *collectors: Collector) -> None:
    """Serve what `render` returns at this port of the loopback address, in a thread. Raises
    OSError."""
    from prometheus_client import start_http_server

    start_http_server(port, addr="127.0.0.1", registry=_registry(*collectors))


def _registry(*collectors: Collector) -> CollectorRegistry:
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    for collector in collectors:
        registry.register(collector)
    return registry


def delete_leftovers() -> None:
    """Delete the measurements of processes that are gone, before a server starts."""
    folder = os.environ.get(MULTIPROCESS, "")
    for file in Path(folder).glob("*_[0-9]*.db") if folder and _meters else ():
        try:
            os.kill(int(file.stem.rpartition("_")[2]), 0)
        except ProcessLookupError:
            file.unlink(missing_ok=True)
        except PermissionError:  # it lives, and belongs to somebody else
            continue


def gauge(
    name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    """Return a family of gauges; `rows` are (values of the labels, value)."""
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family
