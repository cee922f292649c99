"""Exporting: spans go to a collector over OTLP/HTTP, in batches, from a thread of their own."""

import os
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

WITHIN_S: Final = 2.0
"""For one batch to be taken; what is not taken is lost, and nothing else suffers from it."""
QUEUE_MOST: Final = 4_096
"""Spans that wait; beyond them new ones are dropped."""
BATCH_MOST: Final = 512
EVERY_MS: Final = 1_000


class Exporting:
    """A tracer of this process and the way of its spans to the collector; nothing is global.

    Which traces are sampled is said by OTEL_TRACES_SAMPLER, all by default.
    """

    def __init__(self, endpoint: str, *, service: str, version: str) -> None:
        """Take the address of a collector, without the path of a signal."""
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": service}
        self._provider = TracerProvider(
            resource=Resource.create({**named, "service.version": version}),
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_attributes=32, max_events=0, max_links=4),
        )
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=WITHIN_S)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=QUEUE_MOST,
                schedule_delay_millis=EVERY_MS,
                max_export_batch_size=BATCH_MOST,
            )
        )

    def tracer(self) -> Tracer:
        """Return what begins spans."""
        return self._provider.get_tracer("cashout")

    def close(self) -> None:
        """Send what waits, and stop. Blocks for a few batches at most: for a thread to call."""
        self._provider.shutdown()
