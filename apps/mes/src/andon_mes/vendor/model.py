"""The vendor contract as values: what a process demands of a file, and what a check found in one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from andon_mes.kernel.errors import Words
from andon_mes.processes.limits import Characteristic


class Kind(StrEnum):
    """Which file: work begins (착공), or work ended (완공)."""

    START = "start"
    COMPLETE = "complete"


class Weight(StrEnum):
    """How much a finding matters. An error is refused; a warning is taken, and may not be what was meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Terms:
    """What one process demands. `schema` is the plant's JSON Schema of its measurements, where it has one."""

    process: str
    name: str
    defect_codes: tuple[str, ...] = ()
    characteristics: tuple[Characteristic, ...] = ()
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """What a plant demands of its vendors' files, process by process."""

    terms: tuple[Terms, ...]

    def of(self, process: str) -> Terms | None:
        """The terms of a process; None when it is none of the plant's."""
        return next((each for each in self.terms if each.process == process), None)

    def codes(self) -> list[str]:
        """The codes of the processes, in the order of the route."""
        return [each.process for each in self.terms]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found: where, what, and what to do about it."""

    weight: Weight
    code: str
    field: str
    what: Words
    fix: Words

    def as_document(self) -> dict[str, str]:
        """For `--json`."""
        return {
            "weight": self.weight,
            "code": self.code,
            "field": self.field,
            "what": self.what.en,
            "what_ko": self.what.ko,
            "fix": self.fix.en,
            "fix_ko": self.fix.ko,
        }


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was read. `document` is what would be sent to the MES; None when it cannot be sent."""

    document: dict[str, Any] | None
    findings: tuple[Finding, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether the MES would take it."""
        return not any(each.weight is Weight.ERROR for each in self.findings)


def error(code: str, field: str, what: Words, fix: Words) -> Finding:
    """A finding that refuses the file."""
    return Finding(Weight.ERROR, code, field, what, fix)


def warning(code: str, field: str, what: Words, fix: Words) -> Finding:
    """A finding that the vendor should look at."""
    return Finding(Weight.WARNING, code, field, what, fix)
