"""A minute of faults, one on top of the other: what was promised is kept, and the checker finds nothing.

Of those that take neither long nor the right to mount a disk; the others are among the long ones.
"""

import faults
import pytest
from faults_flood import Flood
from faults_freezing import frozen
from faults_house import House
from faults_kept import kept, poisoned

KILLED = ("mail-receiver", "mail-send", "mail-worker", "ticket-api", "ticket-worker", "gateway")


@pytest.mark.timeout(900)
def test_a_minute_of_everything_loses_and_doubles_nothing(house: House) -> None:
    # Few people: the minute is for the faults, and what they write has to be worked off afterwards.
    with Flood(house, customers=1, attendants=("ana",)) as flood:
        flood.grows(5)
        with frozen(house, ("mail-ingest", "routing-worker")):
            faults.double_and_shuffle(house, flood, events=30)
            faults.cut_lines(house, flood, times=1, away=0.3)
            faults.slow_lines(house, flood, seconds=2)
            faults.restart_the_broker(house, flood)
            faults.crash_the_database(house, flood)
        faults.jump_clocks(house, flood, jumps=(+3600, -3600), stay=1.5)
        faults.kill_in_turn(house, flood, pause=0.3, names=KILLED)
        poisoned(house)
    kept(flood, seconds=240)
