"""The port for those who watch: /metrics, /livez, /readyz. Apart from the API, so never public by accident."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from servicekit.config import Settings


@contextmanager
def serve(settings: Settings, ready: Callable[[], bool]) -> Iterator[int]:
    """Serves until left; gives the port. Alive: the process answers at all. Ready: `ready` says so without raising."""

    class Watch(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self.answer(200, generate_latest(), CONTENT_TYPE_LATEST)
            elif self.path == "/livez":
                self.answer(200, b"alive\n")
            elif self.path == "/readyz":
                self.answer(*readiness(ready))
            else:
                self.answer(404, b"not found\n")

        def answer(self, status: int, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes every few seconds are no news."""

    server = ThreadingHTTPServer((settings.watch_host, settings.watch_port), Watch)
    thread = threading.Thread(target=server.serve_forever, name="watch", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def readiness(ready: Callable[[], bool]) -> tuple[int, bytes]:
    try:
        return (200, b"ready\n") if ready() else (503, b"not ready\n")
    except Exception as error:
        return 503, f"not ready: {type(error).__name__}\n".encode()
