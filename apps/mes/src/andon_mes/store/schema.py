"""The tables, as SQLAlchemy Core: the same on SQLite and PostgreSQL. Migrations make them; a test compares.

Quantities of a lot are nowhere here: they are derived from the rows (docs/design/mes.md, rule 4).
"""

from andon_mes.store.tables.columns import metadata
from andon_mes.store.tables.configuration import (
    characteristics,
    counters,
    data_schemas,
    defect_codes,
    label_templates,
    plant_settings,
    processes,
    product_models,
)
from andon_mes.store.tables.equipment import calibrations, calls, equipment, equipment_states
from andon_mes.store.tables.people import (
    devices,
    operators,
    permissions,
    qualifications,
    refresh_tokens,
    users,
)
from andon_mes.store.tables.production import (
    answers,
    component_uses,
    contested_events,
    label_prints,
    lots,
    process_data,
    recall_units,
    recalls,
    serials,
)
from andon_mes.store.tables.quality import (
    defects,
    reworks,
    spc_baselines,
    spc_cursors,
    spc_points,
    spc_signals,
    spc_streams,
)
from andon_mes.store.tables.records import (
    access_logs,
    audit_log,
    audit_seals,
    error_logs,
    status_history,
)

__all__ = [
    "access_logs",
    "answers",
    "audit_log",
    "audit_seals",
    "calibrations",
    "calls",
    "characteristics",
    "component_uses",
    "contested_events",
    "counters",
    "data_schemas",
    "defect_codes",
    "defects",
    "devices",
    "equipment",
    "equipment_states",
    "error_logs",
    "label_prints",
    "label_templates",
    "lots",
    "metadata",
    "operators",
    "permissions",
    "plant_settings",
    "process_data",
    "processes",
    "product_models",
    "qualifications",
    "recall_units",
    "recalls",
    "refresh_tokens",
    "reworks",
    "serials",
    "spc_baselines",
    "spc_cursors",
    "spc_points",
    "spc_signals",
    "spc_streams",
    "status_history",
    "users",
]
