"""Who looks at a page, and what they may do there. A page only offers; the API decides. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from andon_mes.api.access import Caller
from andon_mes.dashboard.words import Language, say, say_or
from andon_mes.kernel.errors import MesError

_MENU = (
    ("/", "nav.floor", "process"),
    ("/lots", "nav.lots", "lot"),
    ("/defects", "nav.defects", "defect"),
    ("/spc", "nav.spc", "spc"),
    ("/oee", "nav.oee", "report"),
    ("/reports", "nav.reports", "report"),
    ("/recall", "nav.recall", "serial"),
    ("/admin", "nav.admin", "configuration"),
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person before the page; `caller` is None where nobody is signed in."""

    caller: Caller | None
    language: Language

    @property
    def name(self) -> str:
        """What the frame calls them."""
        return (self.caller.full_name or self.caller.name) if self.caller else ""

    @property
    def role(self) -> str:
        """Their role; nobody has none."""
        return self.caller.role if self.caller else ""

    def say(self, key: str, **values: object) -> str:
        """The words under `key` in their language."""
        return say(self.language, key, **values)

    def say_or(self, key: str, otherwise: str) -> str:
        """The words under `key`, or `otherwise` where there are none."""
        return say_or(self.language, key, otherwise)

    def may(self, resource: str, action: str) -> bool:
        """Whether the permission table lets them."""
        return self.caller is not None and self.caller.may(resource, action)

    def menu(self) -> list[tuple[str, str]]:
        """Addresses and words of the pages that they may see."""
        return [(address, word) for address, word, resource in _MENU if self.may(resource, "read")]

    def why_not(self, resource: str, action: str, rule: Callable[[], object] | None = None) -> str:
        """The sentence for an action that they may not do; empty where they may.

        `rule` is the domain's own decision, which raises where the state does not allow the action.
        """
        if not self.may(resource, action):
            return self.lacks(resource, action)
        if rule is None:
            return ""
        try:
            rule()
        except MesError as error:
            detail, fix = error.problem.detail, error.problem.fix
            return f"{detail.ko}. {fix.ko}" if self.language == "ko" else f"{detail.en}. {fix.en}"
        return ""

    def lacks(self, resource: str, action: str) -> str:
        """The sentence for a right that their role has not."""
        language = self.language
        return say(
            language,
            "lacks",
            role=say_or(language, f"role.{self.role}", self.role),
            resource=say_or(language, f"resource.{resource}", resource),
            action=say_or(language, f"do.{action}", action),
        )
