"""Equipment with its states and calibrations, and the calls for help."""

import sqlalchemy as sa

from andon_mes.store.tables.columns import at, flag, id_, metadata, of, text

equipment = sa.Table(
    "equipment",
    metadata,
    id_(),
    text("code", 100, unique=True),
    text("name", 100),
    of("processes", name="process_id", nullable=True),
    text("station", 100, nullable=True),
    # A CFX resource state; null is unknown.
    text("state", 40, nullable=True),
    at("state_since", nullable=True),
    at("calibration_due_at", nullable=True),
    flag("is_active"),
    at("created_at"),
    at("updated_at"),
)

equipment_states = sa.Table(
    "equipment_states",
    metadata,
    id_(),
    of("equipment", name="equipment_id"),
    text("state", 40, nullable=True),
    text("reason", 500, nullable=True),
    text("reported_by", 100, nullable=True),
    at("started_at"),
    at("ended_at", nullable=True),
    sa.Index("equipment_states_by_equipment", "equipment_id", "started_at"),
)

calibrations = sa.Table(
    "calibrations",
    metadata,
    id_(),
    of("equipment", name="equipment_id"),
    at("calibrated_at"),
    at("due_at"),
    text("result", 10),
    text("certificate", 200, nullable=True),
    text("performed_by", 100),
    text("notes", 1000, nullable=True),
    sa.Index("calibrations_by_equipment", "equipment_id", "calibrated_at"),
)

calls = sa.Table(
    "calls",
    metadata,
    id_(),
    text("kind", 20),
    of("processes", name="process_id", nullable=True),
    text("equipment_code", 100, nullable=True),
    text("serial_number", 100, nullable=True),
    text("message", 500, nullable=True),
    text("status", 20),
    text("raised_by", 100),
    at("raised_at"),
    text("acknowledged_by", 100, nullable=True),
    at("acknowledged_at", nullable=True),
    text("resolved_by", 100, nullable=True),
    at("resolved_at", nullable=True),
    text("resolution", 500, nullable=True),
    sa.Index("calls_by_status", "status", "raised_at"),
)
