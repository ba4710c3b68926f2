import subprocess
from contextlib import ExitStack

import pytest
from faults_house import disk


@pytest.fixture(scope="module")
def small_disks(tmp_path_factory: pytest.TempPathFactory) -> bool:
    try:
        with ExitStack() as stack:
            disk(stack, tmp_path_factory.mktemp("mount") / "small", "1m")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.fail(f"These tests fill small disks, which only root may mount, and not in every container: {error}")
    return True
