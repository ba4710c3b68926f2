"""A private RabbitMQ from Debian's package, installed where missing, beside any service that runs already."""

import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from localservers import packages
from localservers.processes import ServerFailed, dying_with_guard, free_port, guarded, locked, wait_until

# A name is unique per epmd, and each server has an epmd of its own; "localhost" resolves on every machine.
NODE = "guiche@localhost"

# The packaged `rabbitmq-server` in /usr/sbin is a wrapper that changes to the user of the system's own service.
PROGRAMS = (Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), Path("/opt/rabbitmq/sbin/rabbitmq-server"))

# epmd's parent becomes the broker itself, so that it ends with it, however that is. Without it the Erlang runtime
# would start a daemon that outlives everybody.
START = '{guarded} epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 & exec {guarded} "$0"'


@dataclass(frozen=True)
class RabbitMQ:
    """A running broker. `url` is its virtual host "/"."""

    url: str
    node: str
    data: Path
    port: int
    epmd_port: int

    def vhost(self, name: str) -> str:
        """Create the virtual host if it is missing; returns its url."""
        host, user, everything = _text(name), _text("guest"), _text(".*")
        self.evaluate(
            f"ok = case rabbit_vhost:exists({host}) of true -> ok; _ -> rabbit_vhost:add({host}, {user}) end, "
            f"rabbit_auth_backend_internal:set_permissions({user}, {host}, "
            f"{everything}, {everything}, {everything}, {user})"
        )
        return self.url.rsplit("/", 1)[0] + "/" + quote(name, safe="")

    def delete_vhost(self, name: str) -> None:
        self.evaluate(f"rabbit_vhost:delete({_text(name)}, {_text('guest')})")

    def stop(self) -> None:
        """Take the broker away: connections are closed, new ones refused. What is durable stays. See `start`.

        The Erlang node stays, as with `rabbitmqctl stop_app`, so any process can bring the broker back.
        """
        self.evaluate("rabbit:stop()")

    def start(self) -> None:
        """Bring a stopped broker back; it answers when this returns."""
        wait_until(self._starts, lambda: None)

    def _starts(self) -> bool:
        # `rabbit:start` answers ok and does nothing while an earlier start is in its last steps, which come after the
        # listener was opened; so it is asked again until the broker listens. A running broker does not mind.
        self.evaluate("rabbit:start()")
        return _listens(self.port)

    def takes_orders(self) -> bool:
        try:
            self.evaluate("true = rabbit:is_running(), ok")
        except ServerFailed:
            return False
        return True

    def evaluate(self, expression: str) -> None:
        """Let the broker evaluate an Erlang expression that must yield ok."""
        # rabbitmqctl starts an Erlang virtual machine for each call, which takes a second; erl_call is written in C.
        # Each call is a node with a name of its own: the broker refuses a second one of the same name at the same time.
        call = ["erl_call", "-h", f"call_{uuid4().hex}", "-n", self.node, "-e"]
        done = subprocess.run(
            call,
            input=f"ok = begin {expression} end.\n",
            env=_environment(self.data, self.epmd_port),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0 or done.stdout.strip() != "{ok, ok}":
            raise ServerFailed(f"the broker refused {expression}: {done.stdout}{done.stderr}")


@contextmanager
def rabbitmq(data: Path, *, port: int = 0) -> Iterator[RabbitMQ]:
    """Run a broker on the data in `data`; stop it at the end. `port` 0 takes a free one.

    It ends also when this process is killed. Raises ServerFailed, PackagesMissing.
    """
    data = data.resolve()
    executable = program()
    with locked(data) as lock:
        port = port or free_port()
        url = f"amqp://guest:guest@127.0.0.1:{port}/%2F"
        server = RabbitMQ(url=url, node=NODE, data=data, port=port, epmd_port=free_port())
        _configure(data, port)
        start = START.format(guarded=" ".join(dying_with_guard(signal.SIGTERM)))
        with guarded(
            ["sh", "-c", start, str(executable)],
            answers=lambda: _listens(port),
            stop_signal=signal.SIGTERM,
            lock=lock,
            log=data / "server.log",
            env=_environment(data, server.epmd_port),
        ):
            # It listens a moment before it takes orders.
            wait_until(server.takes_orders, lambda: None)
            yield server


def program() -> Path:
    """The broker's start script, installed where it is missing. Raises PackagesMissing."""
    if not any(path.exists() for path in PROGRAMS):
        packages.ensure("rabbitmq-server")
    return next(path for path in PROGRAMS if path.exists())


def _configure(data: Path, port: int) -> None:
    (data / "enabled_plugins").write_text("[].\n")
    (data / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
    cookie = data / ".erlang.cookie"
    if not cookie.exists():
        cookie.touch(mode=0o600)
        cookie.write_text(secrets.token_hex(20))


def _environment(data: Path, epmd_port: int) -> dict[str, str]:
    """Settings for another broker in the caller's environment must not reach this one."""
    foreign = ("RABBITMQ_", "ERL_", "NOTIFY_SOCKET")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return inherited | {
        "HOME": str(data),  # Erlang looks for its cookie there.
        "LC_ALL": "C.UTF-8",
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_CRASH_DUMP_SECONDS": "0",
        "RABBITMQ_NODENAME": NODE,
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(data / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
        "RABBITMQ_LOG_BASE": str(data / "log"),
        "RABBITMQ_PID_FILE": str(data / "pid"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        # The start script then becomes the broker instead of waiting for it, so signals reach the broker.
        "detached": "true",
    }


def _listens(port: int) -> bool:
    """The broker opens its listener last, when it has recovered everything."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _text(value: str) -> str:
    """An Erlang binary of that text; escaped by writing its bytes as numbers."""
    return "<<" + ",".join(str(byte) for byte in value.encode()) + ">>"
