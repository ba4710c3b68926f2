"""What a request leaves behind: a line in the log, a metric, a span."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from gateway.testing import Running, World, serving, settings_for
from servicekit import telemetry
from servicekit.testing import eventually

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "TRACER", provider.get_tracer("test"))
    return exporter


@pytest.fixture
def behind_proxy(keys_folder: Path, addresses: dict[str, str], world: World) -> Iterator[Running]:
    with serving(settings_for(keys_folder, trusted_proxies="127.0.0.1/32", **addresses)) as running:
        yield running


def test_a_request_leaves_one_line_that_names_the_ticket_and_no_secret(client: httpx.Client, world: World) -> None:
    ticket, attendant = world.add_ticket(subject="segredo"), str(uuid4())
    headers = world.headers(attendant)
    with capture_logs() as lines:
        client.get(f"/api/v1/tickets/{ticket.id}", headers=headers)
        eventually(lambda: lines)
    assert len(lines) == 1
    line = lines[0]
    assert line["event"] == "request"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/tickets/{ticketId}", 200)
    assert (line["protocol"], line["attendant"]) == (ticket.protocol, attendant)
    assert line["seconds"] > 0
    assert headers["Authorization"].split()[1] not in str(line)
    assert "segredo" not in str(line)


def test_a_password_stands_in_no_log(client: httpx.Client, world: World) -> None:
    with capture_logs() as lines:
        client.post("/api/v1/auth:login", json={"username": "ana", "password": "senha-errada"})
        eventually(lambda: lines)
    assert "senha-errada" not in str(lines)


def test_requests_are_counted_by_route_and_never_by_path(client: httpx.Client, world: World) -> None:
    def count(route: str, status: str) -> float:
        labels = {"method": "GET", "route": route, "status": status}
        return REGISTRY.get_sample_value("guiche_http_seconds_count", labels) or 0.0

    before, unknown = count("/api/v1/tickets/{ticketId}", "404"), count("none", "404")
    client.get(f"/api/v1/tickets/{uuid4()}", headers=world.headers())
    client.get(f"/api/v1/{uuid4()}", headers=world.headers())
    eventually(lambda: count("/api/v1/tickets/{ticketId}", "404") == before + 1)
    eventually(lambda: count("none", "404") == unknown + 1)


def test_a_problem_tells_the_id_of_its_trace(client: httpx.Client, world: World, spans: InMemorySpanExporter) -> None:
    problem = client.get("/api/v1/tickets?x=1", headers=world.headers()).json()
    assert len(problem["traceId"]) == 32
    eventually(spans.get_finished_spans)
    span = spans.get_finished_spans()[0]
    assert span.context is not None
    assert problem["traceId"] == format(span.context.trace_id, "032x")
    assert span.name == "GET /api/v1/tickets"


def test_the_trace_goes_on_in_the_service(client: httpx.Client, world: World, spans: InMemorySpanExporter) -> None:
    client.get("/api/v1/me", headers=world.headers())
    eventually(lambda: len(spans.get_finished_spans()) >= 2)
    traces = {span.context.trace_id for span in spans.get_finished_spans() if span.context}
    assert len(traces) == 1


@pytest.mark.parametrize("believed", [True, False])
def test_only_our_own_proxies_may_continue_a_trace(
    gateway: Running, behind_proxy: Running, world: World, spans: InMemorySpanExporter, believed: bool
) -> None:
    url = behind_proxy.url if believed else gateway.url
    answer = httpx.get(f"{url}/api/v1/nothing", headers={"traceparent": TRACE}, trust_env=False)
    assert (answer.json()["traceId"] == TRACE.split("-")[1]) is believed


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/x", "/", "/docs", "/openapi.json", "/assets/x.js"])
def test_no_answer_lets_a_browser_guess_its_type(client: httpx.Client, world: World, path: str) -> None:
    assert client.get(path, headers=world.headers()).headers["X-Content-Type-Options"] == "nosniff"
