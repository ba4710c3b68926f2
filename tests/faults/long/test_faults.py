"""Whatever breaks under load: everything that was promised is kept, and the checker finds nothing.

Each fault by itself, so that one knows which it was. `make faults`; a minute of most of them is part of `make test`.
"""

import faults
import pytest
from faults import Fault
from faults_flood import Flood
from faults_freezing import PAST_HEARTBEATS, freeze_past_the_leases
from faults_house import House
from faults_kept import kept, poisoned

FAULTS: dict[str, Fault] = {
    "every process is killed every few seconds": lambda h, f: faults.kill_in_turn(h, f, rounds=2),
    "the broker restarts": lambda h, f: faults.restart_the_broker(h, f, times=3),
    "the database restarts": lambda h, f: faults.restart_the_database(h, f, times=3),
    "the database crashes": faults.crash_the_database,
    "the disk of files is full": lambda h, f: faults.fill_the_disk_of_files(h, f, seconds=15),
    "the disk of the database is full": lambda h, f: faults.fill_the_disk_of_the_database(h, f, seconds=15),
    "workers freeze past their leases": lambda h, f: freeze_past_the_leases(h),
    "workers freeze past their heartbeats": lambda h, f: freeze_past_the_leases(h, PAST_HEARTBEATS),
    "lines are slow": lambda h, f: faults.slow_lines(h, f, seconds=30),
    "lines are cut": faults.cut_lines,
    "lines fall silent": faults.silence_lines,
    "events come twice and in any order": lambda h, f: faults.double_and_shuffle(h, f, events=200),
    "clocks jump": faults.jump_clocks,
    "one process has the wrong time": faults.let_one_process_have_the_wrong_time,
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_nothing_is_lost_or_doubled_when(house: House, fault: Fault) -> None:
    with Flood(house) as flood:
        flood.grows(20)
        fault(house, flood)
        flood.grows(10)
    # On a quiet machine a minute; what came while nothing could be worked off is thousands of mails.
    kept(flood, seconds=600)


def test_poison_hurts_nobody_but_is_found_and_named(house: House) -> None:
    with Flood(house) as flood:
        flood.grows(5)
        poisoned(house)
        flood.grows(10)
    kept(flood)
