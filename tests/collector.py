"""A collector of traces on loopback: takes what is exported over OTLP/HTTP and keeps it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Spanned:
    """A span as it arrived. ids are hexadecimal; parent is empty for the first of its trace."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    attributes: dict[str, str]
    failed: bool


@dataclass(slots=True)
class Collector:
    """What was collected. raw: the bodies, to be searched for what must not be in them."""

    url: str
    spans: list[Spanned] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)

    def named(self, name: str) -> list[Spanned]:
        """Return the spans of a name, in the order they came."""
        return [each for each in self.spans if each.name == name]

    def take(self, body: bytes) -> None:
        """Read one export."""
        self.raw += body
        told = ExportTraceServiceRequest.FromString(body)
        for resource in told.resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [_read(span, about["service.name"]) for span in scope.spans]


def _read(span: object, service: str) -> Spanned:
    told: dict[str, str] = {}
    for each in span.attributes:  # type: ignore[attr-defined]
        value = each.value
        told[each.key] = value.string_value or str(value.int_value)
    return Spanned(
        service=service,
        name=span.name,  # type: ignore[attr-defined]
        kind=span.kind,  # type: ignore[attr-defined]
        trace=span.trace_id.hex(),  # type: ignore[attr-defined]
        id=span.span_id.hex(),  # type: ignore[attr-defined]
        parent=span.parent_span_id.hex(),  # type: ignore[attr-defined]
        links=tuple(link.trace_id.hex() for link in span.links),  # type: ignore[attr-defined]
        attributes=told,
        failed=span.status.code == 2,  # type: ignore[attr-defined]
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector beside the body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found = self.path == "/v1/traces"
            if found:
                collector.take(body)
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
