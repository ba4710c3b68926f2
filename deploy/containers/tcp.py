"""TCP from here to there: what stands for a Service, and lets pods reach servers that listen on 127.0.0.1 alone."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

# Linux: an address that this machine does not have yet, since podman makes the bridge with the first pod.
IP_FREEBIND = 15
Address = tuple[str, int]


@contextmanager
def forwarding(here: str, choose: Callable[[], Address]) -> Iterator[int]:
    """Each connection to a free port of `here` is carried to the address that is chosen for it. Gives the port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        listener.bind((here, 0))
        listener.listen(512)
        threading.Thread(target=accept, args=(listener, choose), name="forwarding", daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def accept(listener: socket.socket, choose: Callable[[], Address]) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=carry, args=(client, choose), name="carrying", daemon=True).start()


def carry(client: socket.socket, choose: Callable[[], Address]) -> None:
    with client:
        try:
            server = socket.create_connection(choose(), timeout=5)
        except OSError:
            return
        with server:
            server.settimeout(None)
            back = threading.Thread(target=copy, args=(server, client), name="carrying back", daemon=True)
            back.start()
            copy(client, server)
            back.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    """Until the source ends; then the target hears that it has. A reset is told as an end, which is all they need."""
    with suppress(OSError):
        while chunk := source.recv(64 * 1024):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def takes_connections(address: Address) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True
