"""The board's templates and static files, read once: an upgrade on disk must not mix with what runs."""

import functools
import hashlib
from importlib import resources

import jinja2

from andon.board import charts, diff, gauges
from andon.board import format as shown

EARLY = "early.js"
SCRIPTS = ("board.js", "acting.js", "forms.js")
SHEETS = ("board.css", "floor.css", "records.css", "fleet.css", "print.css")
_STATIC = (EARLY, *SCRIPTS, *SHEETS, "icon.svg")
_FILTERS = ("percent", "share", "number", "ratio", "milliseconds", "duration", "size")


@functools.cache
def templates() -> jinja2.Environment:
    """All templates, compiled."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("andon.board"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        enable_async=True,
        auto_reload=False,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # a document is shown in its own order
    for name in _FILTERS:
        environment.filters[name] = getattr(shown, name)
    environment.filters["shown"] = diff.shown
    environment.globals["chart_size"] = charts
    environment.globals["gauge_size"] = gauges
    environment.globals["early"] = EARLY
    environment.globals["scripts"] = SCRIPTS
    environment.globals["sheets"] = SHEETS
    for name in environment.list_templates():
        environment.get_template(name)
    return environment


@functools.cache
def files() -> dict[str, bytes]:
    """The static files by name."""
    folder = resources.files("andon.board").joinpath("static")
    return {name: folder.joinpath(name).read_bytes() for name in _STATIC}


@functools.cache
def version() -> str:
    """Changes with the content of any static file, so that browsers may keep them for a year."""
    return hashlib.sha256(b"".join(files().values())).hexdigest()[:12]
