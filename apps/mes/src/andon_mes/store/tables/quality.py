"""What went wrong with a serial and what was decided of it, and the signals of the control charts."""

import sqlalchemy as sa

from andon_mes.store.tables.columns import at, flag, id_, json, metadata, of, text

reworks = sa.Table(
    "reworks",
    metadata,
    id_(),
    of("serials"),
    of("processes", name="original_process_id"),
    text("defect_code", 50),
    text("reason", 500, nullable=True),
    at("started_at"),
    at("completed_at", nullable=True),
    text("operator", 100, nullable=True),
    flag("is_completed"),
    text("final_result", 20, nullable=True),
    text("notes", 1000, nullable=True),
    sa.Index("reworks_by_serial", "serial_id"),
)

defects = sa.Table(
    "defects",
    metadata,
    id_(),
    of("serials"),
    of("processes", name="process_id"),
    of("process_data", name="process_data_id", nullable=True),
    of("reworks", nullable=True),
    text("defect_code", 50),
    text("description", 500, nullable=True),
    text("status", 20),
    text("disposition", 20, nullable=True),
    text("opened_by", 100, nullable=True),
    at("opened_at"),
    text("contained_by", 100, nullable=True),
    at("contained_at", nullable=True),
    text("dispositioned_by", 100, nullable=True),
    at("dispositioned_at", nullable=True),
    text("reason", 500, nullable=True),
    # Who signed a use-as-is: user, meaning, time, and the digest of what was signed.
    json("signature", nullable=True),
    text("verified_by", 100, nullable=True),
    at("verified_at", nullable=True),
    at("closed_at", nullable=True),
    sa.Index("defects_by_serial", "serial_id"),
    sa.Index("defects_by_status", "status", "opened_at"),
)

spc_signals = sa.Table(
    "spc_signals",
    metadata,
    id_(),
    of("characteristics"),
    of("process_data", name="process_data_id", nullable=True),
    text("rule", 40),
    text("chart", 10),
    json("points"),
    at("raised_at"),
    text("acknowledged_by", 100, nullable=True),
    at("acknowledged_at", nullable=True),
    text("cause", 500, nullable=True),
    sa.Index("spc_signals_by_characteristic", "characteristic_id", "raised_at"),
)
