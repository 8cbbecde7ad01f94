"""What went wrong with a serial and what was decided of it; the points and signals of the control charts."""

import sqlalchemy as sa

from andon_mes.store.tables.columns import BigId, at, flag, id_, json, metadata, of, text

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
    # Quality let it be repeated once more, past the limits of rule 4.
    flag("is_granted", default=False),
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
    text("closed_by", 100, nullable=True),
    at("closed_at", nullable=True),
    # One defect for a failed attempt, however often and by whomever it is told.
    sa.Index("defects_one_of_attempt", "process_data_id", unique=True),
    sa.Index("defects_by_serial", "serial_id"),
    sa.Index("defects_by_status", "status", "opened_at"),
)

spc_cursors = sa.Table(
    "spc_cursors",
    metadata,
    sa.Column("characteristic_id", sa.Integer, sa.ForeignKey("characteristics.id"), primary_key=True),
    # Up to here its points have been taken.
    sa.Column("completion_seq", BigId, nullable=False),
)

spc_streams = sa.Table(
    "spc_streams",
    metadata,
    of("characteristics"),
    of("product_models"),
    # How many points there are, and the ordinal up to which they have been judged.
    sa.Column("points", sa.Integer, nullable=False),
    sa.Column("judged", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("characteristic_id", "product_model_id"),
)

spc_points = sa.Table(
    "spc_points",
    metadata,
    of("characteristics"),
    of("product_models"),
    # From 1 within both, in the order of completion_seq: what is in a subgroup never changes.
    sa.Column("ordinal", sa.Integer, nullable=False),
    of("process_data", name="process_data_id"),
    at("measured_at"),
    # In `unit`, which was the characteristic's when the point was taken.
    sa.Column("value", sa.Float, nullable=False),
    text("unit", 20),
    sa.PrimaryKeyConstraint("characteristic_id", "product_model_id", "ordinal"),
    sa.Index("spc_points_by_time", "characteristic_id", "product_model_id", "measured_at"),
)

spc_baselines = sa.Table(
    "spc_baselines",
    metadata,
    id_(),
    of("characteristics"),
    of("product_models"),
    # The points that the limits are estimated from, both inclusive.
    sa.Column("first_ordinal", sa.Integer, nullable=False),
    sa.Column("last_ordinal", sa.Integer, nullable=False),
    flag("excludes_signalled", default=False),
    text("reason", 500),
    text("set_by", 100),
    at("set_at"),
    sa.Index("spc_baselines_by_characteristic", "characteristic_id", "product_model_id"),
)

spc_signals = sa.Table(
    "spc_signals",
    metadata,
    id_(),
    # What the signal is of: chart, rule and last point. Several instances may find it; one writes it.
    text("key", 100, unique=True),
    of("processes", name="process_id"),
    # Null where the chart is of the process, as a p chart is.
    of("characteristics", nullable=True),
    of("product_models", nullable=True),
    of("process_data", name="process_data_id", nullable=True),
    text("rule", 40),
    text("chart", 10),
    json("points"),
    at("raised_at"),
    text("acknowledged_by", 100, nullable=True),
    at("acknowledged_at", nullable=True),
    text("cause", 500, nullable=True),
    sa.Index("spc_signals_by_characteristic", "characteristic_id", "raised_at"),
    sa.Index("spc_signals_by_time", "raised_at"),
)
