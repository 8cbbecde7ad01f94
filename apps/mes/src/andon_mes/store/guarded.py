"""Which tables the audit watches, and which are never changed or emptied (docs/design/mes.md, rule 6)."""

import sqlalchemy as sa

from andon_mes.store import schema

AUDITED = (
    schema.lots,
    schema.serials,
    schema.process_data,
    schema.component_uses,
    schema.reworks,
    schema.defects,
    schema.contested_events,
    schema.recalls,
    schema.calls,
    schema.spc_signals,
    schema.spc_baselines,
    schema.users,
    schema.permissions,
    schema.devices,
    schema.operators,
    schema.qualifications,
    schema.processes,
    schema.product_models,
    schema.defect_codes,
    schema.characteristics,
    schema.data_schemas,
    schema.label_templates,
    schema.plant_settings,
    schema.equipment,
    schema.calibrations,
)
"""Each change of a row of these is an audit record, in its transaction."""

RECORDS = (
    schema.audit_log,
    schema.audit_seals,
    schema.status_history,
    schema.answers,
    schema.label_prints,
    schema.recall_units,
)
"""Written once: nobody changes or deletes a row of these."""

LOGS = (schema.access_logs,)
"""Written once, and deleted only when they are old: nobody could pay for every scan's for ever."""

LOG_DAYS = 30
"""Younger rows of LOGS are not deleted, whoever asks."""

KEPT = (
    schema.lots,
    schema.serials,
    schema.process_data,
    schema.component_uses,
    schema.reworks,
    schema.defects,
    schema.contested_events,
    schema.recalls,
    schema.error_logs,
    schema.users,
)
"""Changed, but never deleted."""

SECRETS = ("password_hash", "token_hash")
"""Columns that no audit record shows."""

_UNWATCHED = {"devices": {"last_seen_at"}}


def key_of(table: sa.Table) -> str:
    """The column whose value names a row in the audit."""
    [key] = table.primary_key.columns
    return key.name


def shown(table: sa.Table) -> list[sa.Column[object]]:
    """The columns that an audit record shows."""
    return [column for column in table.columns if column.name not in SECRETS]


def watched(table: sa.Table) -> list[str]:
    """The columns whose change is worth a record; a secret's is, though its value is not shown."""
    return [
        column.name for column in table.columns if column.name not in _UNWATCHED.get(table.name, frozenset())
    ]
