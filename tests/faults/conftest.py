"""One installation for all faults of a module: what one of them leaves behind is the next one's to live with."""

import shutil
from collections.abc import Iterator

import pytest
from faults_house import House

from localservers import packages
from servicekit.testing import eventually


@pytest.fixture(scope="module")
def small_disks() -> bool:
    """Whether it stands on disks that can be filled. Not everybody may mount these, so what everybody runs does not."""
    return False


@pytest.fixture(scope="module")
def house(small_disks: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if shutil.which("cc") is None:
        packages.ensure("gcc", "libc6-dev")
    made = House(tmp_path_factory.mktemp("faults"), small_disks)
    try:
        made.start()
        eventually(made.system.answers, seconds=60)
        yield made
    finally:
        made.stack.close()
