"""What a row's columns tell, as the JSON object that its body has to begin with, in the SQL of each database.

The database writes it, so that a verification compares bytes with bytes and reads four values of a row rather
than ten. Its last brace is not compared, as more follows in the body. Nothing begins with what is not text.
"""

_TEXTS = ("kind", "subject", "actor", "unit", "environment", "severity")
_TYPES = ", ".join(f"typeof({each})" for each in ("at", *_TEXTS))
_VALUES = ", ".join(f"'{each}', {each}" for each in _TEXTS)
_MEMBERS = " || ".join(f"',\"{each}\":' || to_json({each}::text)::text" for each in _TEXTS)
_STAMP = """to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_AT = "CASE typeof(at) WHEN 'text' THEN replace(at, ' ', 'T') || 'Z' END"  # or bytes would pass for text here
_OBJECT = f"json_object('number', number, 'at', {_AT}, {_VALUES})"

# SQLite keeps bytes wherever somebody puts them, and stops where it should write them as JSON: then the
# second form, which is slower.
SQLITE = (f"CAST({_OBJECT} AS BLOB)", "CAST(body AS BLOB)", "CAST(hash AS BLOB)")
SQLITE_WITH_BYTES = (
    f"CAST(CASE WHEN 'blob' IN ({_TYPES}) THEN x'0000' ELSE {_OBJECT} END AS BLOB)",
    *SQLITE[1:],
)
POSTGRESQL = (
    f"""convert_to('{{"number":' || number || ',"at":"' || {_STAMP} || '"' || {_MEMBERS} || '}}', 'UTF8')""",
    "convert_to(body, 'UTF8')",
    "convert_to(hash, 'UTF8')",
)
