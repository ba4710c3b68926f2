"""Debian packages: install what is missing, quietly, without starting a system service."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")
UNITS = Path("/etc/systemd/system")
SERVICES = ("rabbitmq-server.", "epmd.")
LOCK = Path("/run/lock/guiche-packages.lock")


class PackagesMissing(RuntimeError):
    """Debian packages are missing and this process cannot install them."""


def ensure(*debian_packages: str) -> None:
    """Install the packages that are missing; raise PackagesMissing where that is not possible."""
    if not missing(*debian_packages):
        return
    by_hand = f"apt-get install --no-install-recommends {' '.join(debian_packages)}"
    if shutil.which("apt-get") is None:
        raise PackagesMissing(f"this machine has no apt-get; install the equivalents of: {' '.join(debian_packages)}")
    if os.geteuid() != 0:
        raise PackagesMissing(f"installing packages needs root; run: sudo {by_hand}")
    with _one_at_a_time(), _no_services_started():
        # Another process may have installed them while this one waited for the lock.
        wanted = missing(*debian_packages)
        if wanted:
            enabled = _enabled()
            _apt("update", by_hand=by_hand)
            _apt("install", "--no-install-recommends", *wanted, by_hand=by_hand)
            # What was installed to run tests must not occupy its port after the next boot.
            for unit in _enabled() - enabled:
                subprocess.run(["systemctl", "disable", unit], check=False, capture_output=True)


def missing(*debian_packages: str) -> list[str]:
    return [package for package in debian_packages if not _installed(package)]


def _installed(package: str) -> bool:
    if shutil.which("dpkg-query") is None:
        return False
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", package], check=False, capture_output=True, text=True
    )
    return query.returncode == 0 and query.stdout.endswith(" installed")


def _apt(*arguments: str, by_hand: str) -> None:
    done = subprocess.run(
        ["apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments],
        check=False,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        end = "\n".join(done.stdout.splitlines()[-15:])
        raise PackagesMissing(f"apt-get {arguments[0]} failed; try by hand: {by_hand}\n{end}")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _no_services_started() -> Iterator[None]:
    """Debian's packages start their service when installed, unless policy-rc.d answers 101 (forbidden).

    A service that runs already is not touched by this either: it is neither stopped nor restarted.
    A policy that the machine has (container images do) is left alone.
    """
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def _enabled() -> set[str]:
    return {unit.name for unit in UNITS.glob("*.wants/*") if unit.name.startswith(SERVICES)}
