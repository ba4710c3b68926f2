"""`make run`: everything in one process, as a newcomer meets it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from e2e_support import Customers, System, all_tickets, arrives, tickets_of

from all_in_one.demo.mails import LETTERS, SAMPLE
from all_in_one.environment import free_ports
from servicekit.testing import eventually


@contextmanager
def running(data: Path, ports: tuple[int, int]) -> Iterator[tuple[System, "subprocess.Popen[str]"]]:
    """Once it has greeted; killed at the end where it has not ended by itself."""
    environment = {**os.environ, **settings(data, ports), "PYTHONFAULTHANDLER": "1"}
    command = [sys.executable, "-m", "all_in_one", "run"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            greeting = ""
            while "Stop" not in greeting:
                line = process.stdout.readline()
                assert line, (data / "guiche.log").read_text()[-4000:]
                greeting += line
            assert f"http://localhost:{ports[0]}" in greeting
            yield System(data, {"port": ports[0], "smtpPort": ports[1]}), process
        finally:
            process.kill()


def show_threads(process: "subprocess.Popen[str]") -> None:
    """To stderr: what each thread of a process that does not do what it should is at. It ends by that."""
    process.send_signal(signal.SIGABRT)
    process.wait(timeout=30)


def settings(data: Path, ports: tuple[int, int]) -> dict[str, str]:
    return {"GUICHE_DATA": str(data), "GUICHE_PORT": str(ports[0]), "GUICHE_SMTP_PORT": str(ports[1])}


@pytest.fixture
def ports() -> tuple[int, int]:
    port, smtp_port = free_ports(2)
    return port, smtp_port


def test_a_newcomer_finds_demo_tickets_sends_a_mail_and_finds_all_again_after_a_crash(
    tmp_path: Path, ports: tuple[int, int]
) -> None:
    with running(tmp_path, ports) as (system, process):
        with system.client("carla") as carla:
            tickets = all_tickets(carla)
            assert {ticket["subject"] for ticket in tickets} == {letter.subject for letter in LETTERS}
            assert {ticket["status"] for ticket in tickets} == {"OPEN", "STARTED"}
        with system.client("ana") as ana:
            heard = threading.Event()
            listener = threading.Thread(target=listen, args=(ana, heard), daemon=True)
            listener.start()
            mail = [sys.executable, "-m", "all_in_one", "mail"]
            own = {**os.environ, **settings(tmp_path, ports)}
            sent = subprocess.run(mail, check=True, env=own, capture_output=True, text=True)
            assert SAMPLE.to in sent.stdout
            assert heard.wait(20)
            listener.join()
            arrives(ana, SAMPLE.subject)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with running(tmp_path, ports) as (system, process):
        with system.client("carla") as carla:
            assert len(all_tickets(carla)) == len(LETTERS) + 1
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    eventually(lambda: not mentions(tmp_path), seconds=20)


def listen(client: httpx.Client, heard: threading.Event) -> None:
    """As EventSource does: a stream that ends (its attendant's places have just been announced, say) is taken up again."""
    last = ""
    while not heard.is_set():
        with client.stream("GET", "/events", headers={"Last-Event-ID": last} if last else {}) as stream:
            for line in stream.iter_lines():
                last = line.removeprefix("id: ") if line.startswith("id: ") else last
                if '"opened"' in line:
                    heard.set()
                    return


def mentions(data: Path) -> list[str]:
    """Processes that still have to do with this data folder."""
    found = []
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = words.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(data) in text:
            found.append(text)
    return found


@pytest.mark.timeout(300)
def test_of_two_hundred_mails_all_that_were_accepted_are_one_ticket_after_a_kill(
    tmp_path: Path, ports: tuple[int, int]
) -> None:
    mark = f"Queda {uuid4().hex[:8]}"
    with running(tmp_path, ports) as (system, process):
        customers = Customers(system, mark, 200)
        customers.start()
        eventually(lambda: len(customers.accepted) >= 100, seconds=60)
        process.kill()
        process.wait()
    with running(tmp_path, ports) as (system, process):
        customers.join(timeout=120)
        if len(customers.accepted) < 200:
            show_threads(process)
        assert len(customers.accepted) == 200, (customers.refusal, (tmp_path / "guiche.log").read_text()[-4000:])
        eventually(lambda: len(tickets_of(system, mark)) == 200, seconds=90)
        assert set(tickets_of(system, mark).values()) == {1}


def test_a_port_that_is_taken_is_said_before_anything_is_started(tmp_path: Path, system: System) -> None:
    environment = {**os.environ, **settings(tmp_path, (system.told["port"], free_ports(1)[0]))}
    command = [sys.executable, "-m", "all_in_one", "run"]
    ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert f"Port {system.told['port']} is in use" in ended.stderr
    assert "GUICHE_PORT=" in ended.stderr
    assert not (tmp_path / "postgres").exists()
