"""What the timeline's tables need beyond columns: triggers against accidents, and the head's one row.

Who owns the database can drop a trigger. The chain, the checkpoints and the witnesses are against him;
these are against a slip. The tables run them when they are made (`store.py`), and so does the migration.
"""

SQLITE = (
    """
    CREATE TRIGGER timeline_is_not_updated BEFORE UPDATE ON timeline
    BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END
    """,
    """
    CREATE TRIGGER timeline_is_not_deleted BEFORE DELETE ON timeline
    BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END
    """,
)
POSTGRESQL = (
    """
    CREATE OR REPLACE FUNCTION timeline_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the timeline is append-only'; END $$
    """,
    """
    CREATE TRIGGER timeline_is_not_changed BEFORE UPDATE OR DELETE ON timeline
    FOR EACH ROW EXECUTE FUNCTION timeline_is_append_only()
    """,
    """
    CREATE TRIGGER timeline_is_not_truncated BEFORE TRUNCATE ON timeline
    FOR EACH STATEMENT EXECUTE FUNCTION timeline_is_append_only()
    """,
)
HEAD = (
    """
    INSERT INTO timeline_head (id, number, hash)
    VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000')
    """,
)

# Beside the triggers, for the downgrade: the function outlives its table on PostgreSQL.
POSTGRESQL_DROP = ("DROP FUNCTION IF EXISTS timeline_is_append_only() CASCADE",)
