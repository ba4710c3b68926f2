"""One installation for all faults: what one of them leaves behind is the next one's to live with."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from faults_house import House, disk

from localservers import packages
from servicekit.testing import eventually


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if not small_disks(tmp_path_factory.mktemp("mount")):
        pytest.fail("These tests fill small disks, which only root may mount.")
    if shutil.which("cc") is None:
        packages.ensure("gcc", "libc6-dev")
    made = House(tmp_path_factory.mktemp("faults"))
    try:
        made.start()
        eventually(made.system.answers, seconds=60)
        yield made
    finally:
        made.stack.close()


def small_disks(folder: Path) -> bool:
    try:
        with ExitStack() as stack:
            disk(stack, folder / "small", "1m")
    except (OSError, subprocess.CalledProcessError):
        return False
    return os.geteuid() == 0
