"""The statements of a start and a completion without the MES, by pgbench and by raw sqlite3.

What the MES asks the database for a pair, by hand: the same tables, indexes and audit triggers, two
transactions, no rule in between. Each client has serials of its own.
"""

import os
import random
import re
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
from andon_mes.store import guards_sqlite
from andon_mes.store.actor import Actor

from andon.testing.database import programs

_OF_CLIENT = 100
_NOW = "'2025-11-10 03:00:00'"
_LOOK = (
    "select fingerprint, status_code, body from answers where key = cast(:attempt as varchar(20)) || '{key}'",
    (
        "select s.id, s.status, s.held_from, s.started_at, s.lot_id, l.lot_number, l.status, m.route, m.bom "
        "from serials s join lots l on l.id = s.lot_id join product_models m on m.id = l.product_model_id "
        "where s.id = :serial {lock}"
    ),
    (
        "select p.id, p.code, p.is_active, p.infers_start, p.recipe, d.id, d.attempt, d.status, "
        "d.started_at, d.completed_at, d.completion_digest from processes p "
        "left join process_data d on d.process_id = p.id and d.serial_id = :serial "
        "order by p.sequence_order, d.id"
    ),
)
_KEEP = (
    (
        "insert into status_history (entity_type, entity_id, old_status, new_status, changed_by, changed_at) "
        f"values ('serial', :serial, 'WAITING', '{{status}}', 'OP-1', {_NOW})"
    ),
    (
        "insert into answers (key, fingerprint, status_code, body, answered_at) values "
        f"(cast(:attempt as varchar(20)) || '{{key}}', '{'f' * 64}', 201, '{'b' * 300}', {_NOW})"
    ),
)
_START = (
    *_LOOK,
    (
        "insert into process_data (serial_id, process_id, attempt, status, started_at, recorded_at, "
        "operator_id, equipment_id, start_inferred, created_at, updated_at) values "
        f"(:serial, 1, :attempt, 'IN_PROGRESS', {_NOW}, {_NOW}, 'OP-1', 'E-1', false, {_NOW}, {_NOW})"
    ),
    "update serials set status = 'IN_PROCESS', current_process = 'SPRING' where id = :serial",
    *_KEEP,
)
_COMPLETE = (
    *_LOOK,
    "select document from data_schemas where process_id = 1 and is_active",
    "select name, unit, lower, upper, defect_code from characteristics where process_id = 1 and is_active",
    (
        f"update process_data set status = 'PASS', completed_at = {_NOW}, cycle_time = 58.2, is_pass = true, "
        'process_specific_data = \'{{"torque": 1.21, "assembly_complete": true}}\', '
        f"completion_digest = '{'d' * 64}', release = '1.1.0', completion_seq = {{place}}, "
        f"updated_at = {_NOW} "
        "where serial_id = :serial and process_id = 1 and attempt = :attempt"
    ),
    "update serials set status = 'WAITING', current_process = 'LMA' where id = :serial",
    *_KEEP,
)


def measure(
    url: str, postmaster: psutil.Process | None, clients: int, seconds: float
) -> tuple[str, int, float, float, float, float, float]:
    """What, clients, pairs a second, CPU of the client and of the server in ms a pair, p50 and p99 in ms."""
    if postmaster is None:
        return _raw_sqlite(url, seconds)
    return _pgbench(url, postmaster, clients, seconds)


def _raw_sqlite(path: str, seconds: float) -> tuple[str, int, float, float, float, float, float]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    guards_sqlite.watch(connection)
    guards_sqlite.set_actor(connection, Actor("bench"))
    chance, took = random.Random(7), []
    parts = [
        (_filled(_START, key="s", status="IN_PROCESS", lock="", place="1")),
        (_filled(_COMPLETE, key="c", status="WAITING", lock="", place="1")),
    ]
    began, cpu = time.monotonic(), time.process_time()
    while time.monotonic() - began < seconds:
        about = {"serial": chance.randint(1, _OF_CLIENT), "attempt": chance.randint(10, 2**31 - 1)}
        at = time.monotonic()
        for part in parts:
            connection.execute("BEGIN IMMEDIATE")
            for statement in part:
                connection.execute(statement, about).fetchall()
            connection.execute("COMMIT")
        took.append((time.monotonic() - at) * 1000)
    spent = (time.process_time() - cpu) * 1000 / len(took)
    connection.close()
    took.sort()
    rate = len(took) / seconds
    return "raw sqlite3 in a loop", 1, rate, spent, 0.0, took[len(took) // 2], took[int(len(took) * 0.99)]


def _pgbench(
    url: str, postmaster: psutil.Process, clients: int, seconds: float
) -> tuple[str, int, float, float, float, float, float]:
    from bench.mes.scan import cpu

    with tempfile.TemporaryDirectory(prefix="andon-bench-") as name:
        folder = Path(name)
        (folder / "pair.sql").write_text(_script())
        command = [str(programs() / "pgbench"), "-n", "-M", "prepared", "-l", "-c", str(clients)]
        command += ["-j", "2", "-T", str(int(seconds)), "-f", "pair.sql", url]
        before, own = cpu(postmaster), os.times()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        spent, own_after = cpu(postmaster) - before, os.times()
        logs = "".join(each.read_text() for each in folder.glob("pgbench_log.*"))
    took = sorted(int(line.split()[2]) / 1000 for line in logs.splitlines())
    pairs = len(took)
    client = own_after.children_user + own_after.children_system - own.children_user - own.children_system
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    rate = float(found[1]) if found else pairs / seconds
    return (
        "pgbench, the same statements",
        clients,
        rate,
        client * 1000 / pairs,
        spent * 1000 / pairs,
        took[pairs // 2],
        took[int(pairs * 0.99)],
    )


def _script() -> str:
    lock, place = "for key share of l for update of s", "andon_mes_place()"
    lines = [
        f"\\set serial :client_id * {_OF_CLIENT} + random(1, {_OF_CLIENT})",
        "\\set attempt random(10, 2147483647)",
    ]
    for part, key, status in ((_START, "s", "IN_PROCESS"), (_COMPLETE, "c", "WAITING")):
        lines += [
            "begin;",
            "select set_config('andon_mes.actor', 'bench', true);",
            *(f"{each};" for each in _filled(part, key=key, status=status, lock=lock, place=place)),
            "commit;",
        ]
    return "\n".join(lines) + "\n"


def _filled(statements: tuple[str, ...], **parts: str) -> list[str]:
    return [each.format_map(parts) for each in statements]
