"""The OpenAPI description: FastAPI's, with what guard, identity and declarations add to each operation."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from andon.api import declared, problems
from andon.api.declared import Declaration, Needs, Open
from andon.api.identify import cookie_name
from andon.api.model import Problem
from andon.api.stations import BySignature
from andon_wire.identity import SCHEME

_UNCHANGING = {"get", "head", "options"}


def describe(app: FastAPI) -> dict[str, Any]:
    """The description, with the problem in place of FastAPI's own validation error."""
    if app.openapi_schema is None:
        whole = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        components = whole.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        components["securitySchemes"] = {
            "cookie": {
                "type": "apiKey",
                "in": "cookie",
                "name": cookie_name(app.state.protection),
                "description": f"A browser's session; changes send {declared.CSRF_HEADER} too",
            },
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A terminal's access token, or a personal or machine token",
            },
            "station": {
                "type": "http",
                "scheme": SCHEME.lower(),
                "description": "A station signs each request with its own key (andon_wire/identity.py)",
            },
        }
        known = {
            (each.path, method.lower()): each.declaration
            for each in declared.routes(app)
            for method in each.methods
        }
        for path, operations in whole["paths"].items():
            for method, operation in operations.items():
                _complete(method, operation, known.get((path, method)))
        app.openapi_schema = whole
    return app.openapi_schema


def _complete(method: str, operation: dict[str, Any], declaration: Declaration | None) -> None:
    responses = operation["responses"]
    if "application/json" in responses.get("422", {}).get("content", {}):
        responses.update({"422": problems.documented(422)[422]})
    is_open = isinstance(declaration, Open)
    added = [403, 429, 503] if is_open else [401, 403, 429, 503]
    if method not in _UNCHANGING:
        added.append(413)
    for status in added:
        responses.setdefault(str(status), problems.documented(status)[status])
    people: list[dict[str, list[str]]] = [{"cookie": []}, {"bearer": []}]
    known = [{"station": []}] if isinstance(declaration, BySignature) else people
    operation["security"] = [] if is_open else known
    operation["x-andon-permission"] = _word(declaration)


def _word(declaration: Declaration | None) -> str:
    if declaration is None or isinstance(declaration, Open):
        return "open"
    if isinstance(declaration, BySignature):
        return "station"
    return " or ".join(declaration.permissions) if isinstance(declaration, Needs) else "signed-in"
