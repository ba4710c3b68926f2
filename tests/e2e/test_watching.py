"""What an SRE sees of a running system."""

import httpx
import pytest
from e2e_support import System


def test_every_process_is_alive_ready_and_measured(system: System) -> None:
    for name, process in system.told["processes"].items():
        base = f"http://127.0.0.1:{process['watch']}"
        assert httpx.get(f"{base}/livez").status_code == 200, name
        assert httpx.get(f"{base}/readyz").status_code == 200, name
        assert "python_info" in httpx.get(f"{base}/metrics").text, name


@pytest.mark.parametrize(
    ("process", "metric"),
    [
        ("gateway", "guiche_http_seconds_count"),
        ("ticket-api", "guiche_rpc_seconds_count"),
        ("ticket-worker", "guiche_outbox_rows"),
        ("ticket-worker", "guiche_inbox_failed_rows"),
    ],
)
def test_the_figures_that_tell_health_are_there(system: System, process: str, metric: str) -> None:
    watch = system.told["processes"][process]["watch"]
    with system.client("ana") as ana:
        ana.get("/tickets")
    assert metric in httpx.get(f"http://127.0.0.1:{watch}/metrics").text


def test_the_api_document_describes_the_running_api(system: System) -> None:
    document = httpx.get(f"{system.base}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/tickets/{ticketId}:start" in document["paths"]
    assert httpx.get(f"{system.base}/docs").status_code == 200
