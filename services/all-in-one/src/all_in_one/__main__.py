"""`python -m all_in_one run | mail | up | serve | down | check`: what make's targets of these names call."""

# ruff: noqa: T201 -- a command's output.

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from all_in_one import banner
from all_in_one.check.command import run as check
from all_in_one.demo.mails import SAMPLE, send
from all_in_one.environment import data_folder
from all_in_one.run import run
from all_in_one.starting import HouseSettings, already_running, taken_ports, wrong_settings
from all_in_one.up import up
from localservers.processes import ServerFailed
from servicekit.config import read

START_SECONDS = 180
STOP_SECONDS = 60


def run_all(data: Path) -> int:
    return refused(data, "run") or run(data)


def start(data: Path) -> int:
    """Starts everything in the background and comes back when it is ready."""
    if told := ready(data):
        print(f"Guichê is up already: http://localhost:{told['port']}. `make down` stops it.")
        return 0
    if refused(data, "up"):
        return 1
    data.mkdir(parents=True, exist_ok=True)
    log = data / "up.log"
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "all_in_one", "serve"], stdout=output, stderr=output, start_new_session=True
        )
    print("Starting PostgreSQL, RabbitMQ and every service…", flush=True)
    try:
        told = await_ready(data, supervisor)
    except KeyboardInterrupt:
        supervisor.terminate()
        supervisor.wait()
        print("\nStopped; nothing is left running.")
        return 1
    if not told:
        print(log.read_text().strip() or "It said nothing.", f"Guichê did not come up; see {log}", sep="\n")
        return 1
    banner.show(told["port"], told["smtpPort"], data / "logs", told["outbox"], stop="make down")
    print("  Processes, with the ports of their /metrics, /livez and /readyz:")
    for name, process in told["processes"].items():
        print(f"    {name:<18} http://127.0.0.1:{process['watch']}")
    print()
    return 0


def await_ready(data: Path, supervisor: subprocess.Popen[bytes]) -> dict[str, Any] | None:
    deadline = time.monotonic() + START_SECONDS
    while not (told := ready(data)):
        if supervisor.poll() is not None or time.monotonic() > deadline:
            supervisor.terminate()
            supervisor.wait()
            return None
        time.sleep(0.1)
    return told


def refused(data: Path, target: str) -> bool:
    """Whether something stands in the way of a start, which it then says."""
    running = already_running(data)
    found = wrong_settings() or ([running] if running else []) or taken_ports(target)
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return bool(found)


def ready(data: Path) -> dict[str, Any] | None:
    """What up.json says, if whoever wrote it is alive."""
    try:
        told: dict[str, Any] = json.loads((data / "up.json").read_text())
        os.kill(int(told["pid"]), 0)
    except (OSError, ValueError):
        return None
    return told


def stop(data: Path) -> int:
    told = ready(data)
    if not told:
        print("Guichê is not up.")
        return 0
    pid = int(told["pid"])
    print("Stopping…", flush=True)
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    if Path(f"/proc/{pid}").exists():
        print(f"Process {pid} has not ended within {STOP_SECONDS} seconds; see {data / 'up.log'}")
        return 1
    print("Guichê is down; its data stays in", data)
    return 0


def serve(data: Path) -> int:
    if mistakes := wrong_settings():
        print(*mistakes, sep="\n", file=sys.stderr)
        return 1
    told_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_stop.set())
    up(data, told_to_stop)
    return 0


def mail(_: Path) -> int:
    port = read(HouseSettings).smtp_port
    try:
        send(SAMPLE, port)
    except ConnectionRefusedError:
        print(
            f"Nobody takes mail on port {port}. Is Guichê running? GUICHE_SMTP_PORT=… names its port.", file=sys.stderr
        )
        return 1
    print(f"Sent “{SAMPLE.subject}” to {SAMPLE.to} by SMTP on port {port}. Ana, Bruno and Fábio see it now.")
    return 0


COMMANDS = {"run": run_all, "mail": mail, "up": start, "serve": serve, "down": stop}


def main(words: list[str]) -> int:
    if words[:1] == ["check"]:
        return check(data_folder(), words[1:])
    if len(words) != 1 or words[0] not in COMMANDS:
        print(f"usage: python -m all_in_one {' | '.join(COMMANDS)} | check", file=sys.stderr)
        return 2
    data = data_folder()
    try:
        return COMMANDS[words[0]](data)
    except ServerFailed as failed:
        print(f"{failed}\nGUICHE_DATA chooses another folder than {data}.", file=sys.stderr)
        return 1


def guiche() -> None:
    """The program of that name."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    guiche()
