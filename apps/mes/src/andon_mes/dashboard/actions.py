"""What a button asks of the API: an address, a body, and the fields that a person fills in. Pure.

The page's script makes the dialog of it, sends it with an idempotency key, and shows the API's own answer.
"""

from dataclasses import dataclass, field
from typing import Any

from andon_mes.dashboard.viewer import Viewer

Field = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """One button. `why` says why it may not be pressed; `more` is for the script (goto, show, path)."""

    id: str
    verb: str
    url: str
    method: str = "POST"
    say: str = ""
    fields: tuple[Field, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    tone: str = "quiet"
    done: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> dict[str, Any]:
        """What the script reads."""
        return {
            "title": self.verb,
            "verb": self.verb,
            "say": self.say,
            "url": self.url,
            "method": self.method,
            "fields": list(self.fields),
            "body": self.body,
            "tone": "danger" if "danger" in self.tone else "",
            "done": self.done,
            **self.more,
        }


def text(viewer: Viewer, name: str, word: str, **more: Any) -> Field:
    """A line of text; `more` may say required, value, hint, most, type."""
    return {"name": name, "label": viewer.say(word), **more}


def reason(viewer: Viewer, name: str = "reason", *, is_required: bool = True) -> Field:
    """Why: it goes on the history."""
    hint = viewer.say("reason.why")
    return {
        "name": name, "label": viewer.say("reason"), "type": "textarea", "required": is_required, "hint": hint
    }  # fmt: skip


def quantity(viewer: Viewer, name: str, word: str, **more: Any) -> Field:
    """A whole number from 1."""
    return {
        "name": name,
        "label": viewer.say(word),
        "type": "number",
        "required": True,
        "min": 1,
        "step": 1,
        **more,
    }


def choice(viewer: Viewer, name: str, word: str, options: list[tuple[str, str]], value: str = "") -> Field:
    """One of `options`, each a value with its words."""
    return {
        "name": name,
        "label": viewer.say(word),
        "type": "select",
        "required": True,
        "options": options,
        "value": value,
    }


def signature(viewer: Viewer) -> tuple[Field, ...]:
    """What a signature needs: the signer's password again, which no closed dialog keeps, and its meaning."""
    meanings = [(each, viewer.say(f"meaning.{each}")) for each in ("approved", "responsible")]
    return (
        choice(viewer, "signature.meaning", "sign.meaning", meanings, "approved"),
        {
            "name": "signature.password",
            "label": viewer.say("sign.password"),
            "type": "password",
            "required": True,
            "hint": viewer.say("sign.hint"),
        },
    )


def print_labels(viewer: Viewer, address: str, templates: list[tuple[str, str]], name: str) -> Action:
    """Print labels: the file of the template's kind, for the printer; again needs a reason."""
    return Action(
        "labels",
        viewer.say("labels.print"),
        address,
        say=viewer.say("labels.print.say"),
        fields=(
            choice(viewer, "template", "label.template", templates, templates[0][0] if templates else ""),
            {**reason(viewer, is_required=False), "hint": viewer.say("labels.reason")},
        ),
        why=viewer.why_not("label", "create") or ("" if templates else viewer.say("labels.no_template")),
        done=viewer.say("done"),
        more={"save": name},
    )
