"""What the kernel tells of processes and all that descends from them."""

import os
from collections.abc import Sequence
from pathlib import Path


def cpu(pid: int) -> float:
    """Seconds that a process and all its descendants have used, those that have ended as well."""
    return sum(ticks(each) for each in (pid, *descendants(pid))) / os.sysconf("SC_CLK_TCK")


def ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(field) for field in fields[11:15])


def memory(pids: Sequence[int]) -> tuple[float, float]:
    """PSS and RSS of all of them, in MB: in PSS what several share is divided among them, in RSS it counts for each."""
    found = [memory_of(pid) for pid in pids]
    return sum(pss for pss, _ in found) / 1000, sum(rss for _, rss in found) / 1000


def memory_of(pid: int) -> tuple[float, float]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    # Its kB are 1,024 bytes.
    kilobytes = {line.partition(":")[0]: int(line.split()[1]) * 1.024 for line in lines}
    return kilobytes["Pss"], kilobytes["Rss"]


def descendants(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(word) for task in tasks for word in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return children + [below for child in children for below in descendants(child)]


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
