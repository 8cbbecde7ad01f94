"""What is checked, and what is found. Pure."""

from dataclasses import dataclass, field

from andon_mes.audit.chain import Finding as Tampered
from andon_mes.audit.chain import Tampering
from andon_mes.kernel.errors import Words

MOST_NAMED = 20
"""Of one kind of finding so many are named; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Check:
    """One rule that the rows must keep. `wrong` says what a finding of it means; {} is what it is about."""

    code: str
    title: Words
    wrong: Words


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken, and by what."""

    check: Check
    subject: str

    def words(self) -> Words:
        """One sentence."""
        return Words(self.check.wrong.en.format(self.subject), self.check.wrong.ko.format(self.subject))


@dataclass(slots=True)
class Report:
    """What was looked at and what was found; `found` counts also what is not named any more."""

    records: int = 0
    seals: int = 0
    head: str = ""
    checked: list[Check] = field(default_factory=list)
    named: list[Finding] = field(default_factory=list)
    found: dict[str, int] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Count it, and name it unless there are many of its kind."""
        count = self.found.get(finding.check.code, 0) + 1
        self.found[finding.check.code] = count
        if count <= MOST_NAMED:
            self.named.append(finding)

    @property
    def is_whole(self) -> bool:
        """Whether everything holds."""
        return not self.found


_DONE = {
    Tampering.ALTERED: Words("{} was altered", "{} 변경됨"),
    Tampering.MISSING: Words("{} is missing", "{} 누락됨"),
    Tampering.INSERTED: Words("{} was inserted", "{} 삽입됨"),
    Tampering.REORDERED: Words("{} was exchanged with another", "{} 순서가 바뀜"),
}
CHAIN = {
    kind: Check(f"CHAIN_{kind}", Words("the chain of the audit", "감사 기록의 체인"), words)
    for kind, words in _DONE.items()
}
HEAD = Check(
    "CHAIN_CUT",
    Words("the chain holds the digest that was noted", "기록해 둔 다이제스트가 체인에 있음"),
    Words("The chain has no seal with the digest {}", "체인에 다이제스트 {}의 봉인이 없습니다"),
)


def of_chain(tampered: Tampered) -> Finding:
    """A finding of the chain, as one of ours."""
    return Finding(CHAIN[tampered.tampering], f"audit {tampered.what} {tampered.id}")
