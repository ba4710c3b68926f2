"""What the tests of events share: a sample service, loops in threads, and what stands in its tables."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
