"""Remembers what was rendered last, so that a look at a hundred services that stand costs next to nothing."""

from collections.abc import Sequence

from andon.gateway.model import Route
from andon.gateway.names import route_name
from andon.gateway.render import Documents, Part, RenderOptions, check, part_of, together


class Renderer:
    """Gives what `render` gives. What did not change is the very same object as before."""

    def __init__(self) -> None:
        self._options: RenderOptions | None = None
        self._parts: dict[str, tuple[Route, Part]] = {}
        self._last: Documents | None = None

    def render(self, routes: Sequence[Route], options: RenderOptions) -> Documents:
        """Raises what `render` raises."""
        check(routes)
        if options != self._options:
            self._options, self._parts, self._last = options, {}, None
        self._parts = {route_name(each.unit, each.environment): self._part(each, options) for each in routes}
        self._last = together({name: part for name, (_, part) in self._parts.items()}, self._last)
        return self._last

    def _part(self, route: Route, options: RenderOptions) -> tuple[Route, Part]:
        known = self._parts.get(route_name(route.unit, route.environment))
        return known if known is not None and known[0] == route else (route, part_of(route, options))
