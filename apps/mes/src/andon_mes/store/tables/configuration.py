"""What a plant configures: processes, product models, limits, defect codes, schemas, labels, the plant."""

import sqlalchemy as sa

from andon_mes.store.tables.columns import at, flag, id_, json, metadata, of, text

processes = sa.Table(
    "processes",
    metadata,
    id_(),
    text("code", 20, unique=True),
    text("name", 100),
    text("name_ko", 100, nullable=True),
    sa.Column("sequence_order", sa.Integer, nullable=False),
    text("description", 500, nullable=True),
    sa.Column("standard_cycle_time", sa.Integer, nullable=False),
    flag("infers_start"),
    # Only operators with a valid qualification may start it.
    flag("needs_qualification", default=False),
    # Only registered equipment may start it: up, and calibrated where it has a date.
    flag("needs_equipment", default=False),
    # What a station must run: {"minimum_version": "2.1.0", "configuration_hash": "sha256:..."}.
    json("recipe", nullable=True),
    # While there is a reason nothing starts here: a control chart's signal, or a person's word.
    text("held_reason", 500, nullable=True),
    text("held_by", 100, nullable=True),
    at("held_at", nullable=True),
    flag("is_active"),
    at("created_at"),
    at("updated_at"),
)

product_models = sa.Table(
    "product_models",
    metadata,
    id_(),
    text("code", 50, unique=True),
    text("name", 100),
    text("name_ko", 100, nullable=True),
    json("specification"),
    sa.Column("target_cycle_time", sa.Integer, nullable=False),
    # [{"component", "process", "kind": "SERIAL" | "LOT", "quantity", "pattern", "required"}]
    json("bom"),
    # [{"process", "optional"}] in order; null is every active process by its sequence_order.
    json("route", nullable=True),
    text("lot_pattern", 100),
    text("serial_pattern", 100),
    flag("is_active"),
    at("created_at"),
    at("updated_at"),
)

defect_codes = sa.Table(
    "defect_codes",
    metadata,
    id_(),
    text("code", 50, unique=True),
    text("name", 100),
    text("name_ko", 100, nullable=True),
    of("processes", name="process_id"),
    text("severity", 10),
    text("description", 500, nullable=True),
    flag("is_active"),
)

characteristics = sa.Table(
    "characteristics",
    metadata,
    id_(),
    of("processes", name="process_id"),
    text("name", 50),
    text("unit", 20),
    sa.Column("lower", sa.Float, nullable=True),
    sa.Column("upper", sa.Float, nullable=True),
    sa.Column("target", sa.Float, nullable=True),
    text("defect_code", 50),
    # How it is charted: "i-mr", "xbar-r", "xbar-s"; null is not at all.
    text("chart", 10, nullable=True),
    sa.Column("subgroup_size", sa.Integer, nullable=False, server_default="1"),
    # What a signal does beside being shown: "call", "hold"; null is nothing.
    text("on_signal", 10, nullable=True),
    # Which rules signal: a set of spc/model.RULE_SETS; null is its first.
    text("rules", 20, nullable=True),
    flag("is_active"),
    sa.UniqueConstraint("process_id", "name"),
)

data_schemas = sa.Table(
    "data_schemas",
    metadata,
    id_(),
    of("processes", name="process_id"),
    # Null is for every model that has none of its own.
    of("product_models", nullable=True),
    # A JSON Schema for process_specific_data.
    json("document"),
    flag("is_active"),
    at("created_at"),
    at("updated_at"),
    sa.Index("data_schemas_by_process", "process_id"),
)

label_templates = sa.Table(
    "label_templates",
    metadata,
    id_(),
    text("code", 50, unique=True),
    text("name", 100),
    text("kind", 10),
    sa.Column("body", sa.Text, nullable=False),
    of("product_models", nullable=True),
    flag("is_active"),
    at("created_at"),
    at("updated_at"),
    sa.CheckConstraint("kind in ('ZPL', 'PDF')", name="label_templates_kind"),
)

plant_settings = sa.Table(
    "plant_settings",
    metadata,
    # "calendar", "enforcement" ...: one document each.
    sa.Column("name", sa.String(50), primary_key=True),
    json("document"),
    text("changed_by", 100, nullable=True),
    at("updated_at"),
)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
)
