"""Long floors: `python -m pytest -c pyproject.toml --timeout 0 -n 0 -s apps/mes/tests/campaign_floor.py`.

From the root of the repository, as PostgreSQL comes from there. ANDON_MES_EVENTS is how many (100,000),
ANDON_MES_SECONDS for how long at most, ANDON_MES_DATABASES on which (sqlite,postgresql), ANDON_MES_SEED
which. Two instances share each database, and 64 stations ask them at once.
"""

import contextlib
import shutil
import sys
import time
from datetime import timedelta
from os import environ
from pathlib import Path

import pytest
from andon_mes.store.engine import open_database
from andon_mes.store.migrate import migrate

sys.path.insert(0, str(Path(__file__).parent))
from floor import configure
from storm import Storm

EVENTS = int(environ.get("ANDON_MES_EVENTS", "100000"))
DATABASES = environ.get("ANDON_MES_DATABASES", "sqlite,postgresql").split(",")
SECONDS = float(environ.get("ANDON_MES_SECONDS", "inf"))
SEED = int(environ.get("ANDON_MES_SEED", "1"))


@pytest.mark.parametrize("kind", DATABASES)
async def test_no_event_gets_through_that_should_not(kind, request, tmp_path):
    with contextlib.ExitStack() as stack:
        if kind == "postgresql":
            url = stack.enter_context(request.getfixturevalue("postgres").fresh_database())
            migrate(url)
        else:
            url = str(shutil.copy(request.getfixturevalue("template"), tmp_path / "mes.db"))
        pair = [open_database(url, busy_timeout=timedelta(seconds=60), durability="NORMAL") for _ in range(2)]
        began = time.monotonic()
        try:
            await pair[0].write(configure)
            counts = await Storm(pair, SEED).rage(EVENTS, SECONDS)
        finally:
            for each in pair:
                each.close()
    took = time.monotonic() - began
    told = "".join(f"  {count:>9,} {what}\n" for what, count in counts.most_common())
    sys.stdout.write(f"\n{kind}: {counts['events']:,} events in {took:.0f} s, no law broken\n{told}")
    assert counts["events"] >= EVENTS or took >= SECONDS
