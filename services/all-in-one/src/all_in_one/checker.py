"""`python -m all_in_one.checker`: `guiche check` alone, for its image, which holds neither servers nor a demo."""

import sys

from all_in_one.check.command import run
from all_in_one.environment import data_folder

if __name__ == "__main__":
    sys.exit(run(data_folder(), sys.argv[1:]))
