"""What is between the two ends of a connection."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from localservers.proxy import Address, Proxy, always
from servicekit.testing import eventually


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def listening(stack: ExitStack) -> socket.socket:
    made = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    made.settimeout(10)
    return made


def connected(stack: ExitStack, proxy: Proxy, server: socket.socket) -> tuple[socket.socket, socket.socket]:
    """Both ends."""
    near = stack.enter_context(socket.create_connection(("127.0.0.1", proxy.port), timeout=10))
    far = stack.enter_context(server.accept()[0])
    far.settimeout(10)
    return near, far


def test_what_one_end_says_reaches_the_other_and_after_its_end_it_still_hears(stack: ExitStack) -> None:
    server = listening(stack)
    proxy = stack.enter_context(Proxy(always(server.getsockname()[1])))
    near, far = connected(stack, proxy, server)
    near.sendall(b"question")
    near.shutdown(socket.SHUT_WR)
    assert far.recv(100) == b"question"
    assert far.recv(100) == b""
    far.sendall(b"answer")
    far.close()
    assert near.recv(100) == b"answer"
    assert near.recv(100) == b""
    assert (proxy.opened, proxy.passed) == (1, 2)


def test_each_connection_leads_to_where_it_is_chosen_to(stack: ExitStack) -> None:
    servers = [listening(stack), listening(stack)]
    addresses: list[Address] = [one.getsockname() for one in servers]
    proxy = stack.enter_context(Proxy(lambda: addresses[proxy.opened]))
    for server in servers:
        near, far = connected(stack, proxy, server)
        far.sendall(b"x")
        assert near.recv(1) == b"x"


def test_a_connection_to_where_nobody_is_ends(stack: ExitStack) -> None:
    server = listening(stack)
    port = server.getsockname()[1]
    server.close()
    proxy = stack.enter_context(Proxy(always(port)))
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as near:
        assert near.recv(1) == b""


def test_it_listens_on_an_address_that_comes_later(stack: ExitStack) -> None:
    proxy = stack.enter_context(Proxy(always(1), here="203.0.113.1"))
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=1)


def test_cutting_resets_both_ends(stack: ExitStack) -> None:
    server = listening(stack)
    proxy = stack.enter_context(Proxy(always(server.getsockname()[1])))
    near, far = connected(stack, proxy, server)
    eventually(lambda: proxy.flowing)
    assert proxy.cut() == 1
    for end in (near, far):
        with pytest.raises(ConnectionResetError):
            end.recv(1)
    assert proxy.cut() == 0


def test_while_it_is_silent_nothing_passes_and_afterwards_what_was_held(stack: ExitStack) -> None:
    server = listening(stack)
    proxy = stack.enter_context(Proxy(always(server.getsockname()[1])))
    near, far = connected(stack, proxy, server)
    proxy.fall_silent()
    near.sendall(b"x")
    eventually(lambda: proxy.held)
    far.settimeout(0.3)
    with pytest.raises(TimeoutError):
        far.recv(1)
    far.settimeout(10)
    proxy.speak()
    assert far.recv(1) == b"x"


def test_it_refuses_whoever_is_new(stack: ExitStack) -> None:
    server = listening(stack)
    proxy = stack.enter_context(Proxy(always(server.getsockname()[1])))
    near, far = connected(stack, proxy, server)
    proxy.refusing = True
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as late:
        assert late.recv(1) == b""
    near.sendall(b"x")
    assert far.recv(1) == b"x"
