"""A plant's genealogy in bulk, made by the database itself: serials, attempts, components, prints, records.

Of N serials, each odd one is a subassembly that the next one contains. A reel of parts is in 5,000
subassemblies, and so in 10,000 units; a hundred serials are a lot. Every serial passed seven processes, has
a label, five changes of state and five audit records. Nothing is held, so that a recall has all to hold.
"""

from collections.abc import Iterator

import sqlalchemy as sa

UNITS_OF_REEL = 10_000
_SERIALS_OF_LOT = 100
_AT = "'2025-11-10 03:00:00.000000'"


def fill(engine: sa.Engine, serials: int) -> None:
    """Write `serials` serials, an even number, into an empty database of the MES."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT", no_parameters=True)
        is_postgresql = engine.dialect.name == "postgresql"
        if is_postgresql:  # the triggers of the audit are asked in what is measured, not in what was before
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-400000", "temp_store=MEMORY"):
                connection.exec_driver_sql(f"PRAGMA {pragma}")
        for statement in _statements(serials, is_postgresql=is_postgresql):
            connection.exec_driver_sql(statement)
        if is_postgresql:
            for table in ("lots", "serials", "process_data", "component_uses", "status_history"):
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
                )
            connection.exec_driver_sql("VACUUM ANALYZE")
        else:
            connection.exec_driver_sql("ANALYZE")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def number_of(place: int) -> str:
    """The number of the serial at `place`, from 1."""
    return f"FN-KR-251110D-{(place - 1) // _SERIALS_OF_LOT + 1:05d}-{place:07d}"


def _statements(serials: int, *, is_postgresql: bool) -> Iterator[str]:
    yes, pg = "true" if is_postgresql else "1", is_postgresql
    no = "false" if is_postgresql else "0"
    number = _number("i", pg)
    lots = -(-serials // _SERIALS_OF_LOT)
    yield f"""insert into lots (id, lot_number, plant_code, product_model_id, shift, production_date,
        sequence, target_quantity, status, priority, created_at)
        select i, 'FN-KR-20251110-D-' || {_pad("i", 6, pg)}, 'KR', 1, 'D', '2025-11-10', i, {_SERIALS_OF_LOT},
        'CLOSED', 'NORMAL', {_AT} from {_numbers(lots, pg)}"""
    yield f"""insert into serials (id, serial_number, lot_id, sequence_in_lot, checksum, status, is_defective,
        created_at, started_at, completed_at)
        select i, {number}, (i - 1) / {_SERIALS_OF_LOT} + 1, (i - 1) % {_SERIALS_OF_LOT} + 1, '7Q',
        'COMPLETED', {no}, {_AT}, {_AT}, {_AT} from {_numbers(serials, pg)}"""
    yield f"""insert into process_data (id, serial_id, process_id, attempt, status, started_at, completed_at,
        recorded_at, cycle_time, operator_id, equipment_id, application_version, start_inferred, is_offline,
        is_pass, process_specific_data, release, completion_seq, created_at, updated_at)
        select i, (i - 1) / 7 + 1, (i - 1) % 7 + 1, 1, 'PASS', {_AT}, {_AT}, {_AT}, 61.5, 'OP-1', 'EQ-1',
        '2.1.0', {no}, {no}, {yes}, '{{"torque": 1.21, "lma_model": "LMA-7"}}', '1.0.0', i, {_AT}, {_AT}
        from {_numbers(7 * serials, pg)}"""
    uses = (
        "insert into component_uses (serial_id, process_data_id, component, component_serial, component_lot,"
    )
    uses += " subassembly_id, quantity, operator_id, scanned_at) select"
    yield f"""{uses} i, (i - 1) * 7 + 1, 'GREASE', null, 'G-' || (i / 50000), null, 2.5, 'OP-1', {_AT}
        from {_numbers(serials, pg)}"""
    yield f"""{uses} i, (i - 1) * 7 + 1, 'REEL', null, 'REEL-' || ((i - 1) / {UNITS_OF_REEL}), null, 1,
        'OP-1', {_AT} from {_numbers(serials, pg)} where i % 2 = 1"""
    yield f"""{uses} i, (i - 1) * 7 + 2, 'SUB', {_number("(i - 1)", pg)}, null, i - 1, 1, 'OP-1', {_AT}
        from {_numbers(serials, pg)} where i % 2 = 0"""
    yield f"""{uses} i, (i - 1) * 7 + 2, 'BATTERY', 'BAT-' || {_pad("i", 8, pg)}, 'B-' || (i / 1000), null, 1,
        'OP-1', {_AT} from {_numbers(serials, pg)} where i % 2 = 0"""
    yield f"""insert into status_history (entity_type, entity_id, old_status, new_status, changed_by,
        changed_at)
        select 'serial', (i - 1) / 5 + 1, 'WAITING', 'IN_PROCESS', 'OP-1', {_AT}
        from {_numbers(5 * serials, pg)}"""
    yield f"""insert into label_prints (serial_id, template_code, copy_number, printed_by, printed_at, digest)
        select i, 'SERIAL-ZPL', 1, 'Kim', {_AT}, 'd' from {_numbers(serials, pg)}"""
    yield f"""insert into audit_log (table_name, record_id, action, new_data, changed_by, changed_at)
        select 'serials', cast((i - 1) / 5 + 1 as text), 'UPDATE', '{{"status": "WAITING"}}', 'system', {_AT}
        from {_numbers(5 * serials, pg)}"""


def _number(place: str, is_postgresql: bool) -> str:
    lot = _pad(f"({place} - 1) / {_SERIALS_OF_LOT} + 1", 5, is_postgresql)
    return f"'FN-KR-251110D-' || {lot} || '-' || {_pad(place, 7, is_postgresql)}"


def _numbers(count: int, is_postgresql: bool) -> str:
    if is_postgresql:
        return f"generate_series(1, {count}) as n (i)"
    return f"""(with recursive n (i) as (select 1 union all select i + 1 from n where i < {count})
        select i from n)"""


def _pad(value: str, width: int, is_postgresql: bool) -> str:
    zeros = "0" * width
    if is_postgresql:
        return f"right('{zeros}' || ({value}), {width})"
    return f"substr('{zeros}' || ({value}), -{width})"
