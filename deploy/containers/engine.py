"""podman, with storage and settings of its own, apart from whatever else the machine runs."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localservers import packages

# netavark calls iptables; catatonit is the process that holds a pod together.
PACKAGES = ("podman", "runc", "netavark", "aardvark-dns", "iptables", "catatonit", "mmdebstrap")
SETTINGS = """\
[containers]
# What a container may have of the machine's own limits also where those are lower than podman's defaults.
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
# Machines without systemd have no other.
cgroup_manager = "cgroupfs"
tmp_dir = "{folder}/tmp"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""


class CommandFailed(RuntimeError):
    """podman refused; its words are the message."""


@dataclass(frozen=True)
class Podman:
    folder: Path

    def __call__(self, *words: str, give: str | None = None) -> str:
        """What it prints. give: its standard input. Raises CommandFailed."""
        done = subprocess.run(  # no shell
            ["podman", *words],  # noqa: S607  # wherever it is installed
            check=False,
            input=give,
            env=self.environment(),
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise CommandFailed(f"podman {' '.join(words[:3])}: {done.stderr.strip()[-4000:]}")
        return done.stdout.strip()

    def environment(self) -> dict[str, str]:
        names = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
        return {**os.environ, **{name: str(self.folder / file) for name, file in names.items()}}

    def inspect(self, kind: str, name: str) -> Any:
        return json.loads(self(kind, "inspect", name))


def podman(folder: Path) -> Podman:
    """Installed where it is missing; images stay in the folder and are not built anew."""
    packages.ensure(*PACKAGES)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "containers.conf").write_text(SETTINGS.format(folder=folder))
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
    return Podman(folder)
