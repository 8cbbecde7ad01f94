"""Whatever stations and quality do, in whatever order, no law of the life of defects is broken."""

import sys
from datetime import timedelta
from pathlib import Path

from andon_mes.store.engine import open_database
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

sys.path.insert(0, str(Path(__file__).parent))
from quality_floor import machine


def test_no_sequence_of_failures_and_decisions_breaks_the_laws(database_path):
    database = open_database(database_path, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    sample = settings(max_examples=5, stateful_step_count=20, deadline=None, derandomize=True)
    run_state_machine_as_test(machine(database), settings=sample)
    database.close()
