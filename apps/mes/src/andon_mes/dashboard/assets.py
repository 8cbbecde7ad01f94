"""The pages' templates and static files, read once: an upgrade on disk must not mix with what runs.

Jinja is loaded by the first page, so that it does not delay the start of the process.
"""

import functools
import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Any

from andon_mes.dashboard import charts
from andon_mes.dashboard import format as shown

if TYPE_CHECKING:
    import jinja2

SHEETS = ("mes.css", "print.css")
_STATIC = ("early.js", "mes.js", *SHEETS, "icon.svg")
_FILTERS = ("percent", "number", "figure", "seconds")


@functools.cache
def templates() -> "jinja2.Environment":
    """The templates, each compiled when it is first shown."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("andon_mes.dashboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # a document is shown in its own order
    for name in _FILTERS:
        environment.filters[name] = getattr(shown, name)
    environment.globals["charts"] = charts
    environment.globals["sheets"] = SHEETS
    return environment


def render(template: str, **values: Any) -> str:
    """The template with `values` filled in; what people wrote is escaped."""
    return templates().get_template(template).render(**values)


@functools.cache
def files() -> dict[str, bytes]:
    """The static files by name."""
    folder = resources.files("andon_mes.dashboard").joinpath("static")
    return {name: folder.joinpath(name).read_bytes() for name in _STATIC}


@functools.cache
def version() -> str:
    """Changes with the content of any static file, so that browsers may keep them for a year."""
    return hashlib.sha256(b"".join(files().values())).hexdigest()[:12]
