"""Why a component is refused: stable codes, and words that name the next step."""

from dataclasses import dataclass
from enum import StrEnum

from andon_mes.kernel.errors import Problem, Words
from andon_mes.processes.refusals import Refusal, problem_of


class Reason(StrEnum):
    """The codes that a scan of a component can meet; those of the serial and its lot are the interlock's."""

    COMPONENT_UNKNOWN = "COMPONENT_UNKNOWN"
    COMPONENT_WRONG_PROCESS = "COMPONENT_WRONG_PROCESS"
    COMPONENT_KIND = "COMPONENT_KIND"
    COMPONENT_PATTERN = "COMPONENT_PATTERN"
    COMPONENT_IN_USE = "COMPONENT_IN_USE"
    COMPONENT_QUANTITY = "COMPONENT_QUANTITY"
    COMPONENT_NOT_FINISHED = "COMPONENT_NOT_FINISHED"
    COMPONENT_CYCLE = "COMPONENT_CYCLE"
    COMPONENT_RECALLED = "COMPONENT_RECALLED"
    COMPONENT_NOT_THERE = "COMPONENT_NOT_THERE"
    COMPONENT_REMOVED = "COMPONENT_REMOVED"
    COMPONENT_REASON = "COMPONENT_REASON"
    COMPONENT_MISSING = "COMPONENT_MISSING"
    SERIAL_HOLD = "SERIAL_HOLD"
    SERIAL_SCRAPPED = "SERIAL_SCRAPPED"
    SERIAL_COMPLETED = "SERIAL_COMPLETED"
    LOT_HOLD = "LOT_HOLD"
    LOT_NOT_RELEASED = "LOT_NOT_RELEASED"


@dataclass(frozen=True, slots=True)
class Refuse:
    """It may not go in. `about` fills the words."""

    code: Reason
    about: dict[str, object]


# code: title, what is known, what to do; English, then Korean. Braces are filled from what is known.
_WORDS: dict[Reason, tuple[Words, Words, Words]] = {
    Reason.COMPONENT_UNKNOWN: (
        Words("The product has no such component", "이 제품의 구성품이 아닙니다"),
        Words("{component} is not in the bill of materials", "자재명세서에 {component}이(가) 없습니다"),
        Words("Take one of: {known}", "다음 중 하나를 사용하세요: {known}"),
    ),
    Reason.COMPONENT_WRONG_PROCESS: (
        Words("The component belongs to another process", "다른 공정의 구성품입니다"),
        Words(
            "{component} is put in at {belongs}, not at {process}",
            "{component}은(는) {process}이(가) 아니라 {belongs} 공정에서 조립합니다",
        ),
        Words("Scan it at {belongs}", "{belongs} 공정에서 스캔하세요"),
    ),
    Reason.COMPONENT_KIND: (
        Words("The component is known in another way", "구성품의 식별 방식이 다릅니다"),
        Words(
            "{component} is scanned by its {kind} number, a serial one at a time",
            "{component}은(는) {kind} 번호로 스캔하며 시리얼은 하나씩 스캔합니다",
        ),
        Words("Scan the other code on the part", "부품의 다른 코드를 스캔하세요"),
    ),
    Reason.COMPONENT_PATTERN: (
        Words("The number is not one of this component", "이 구성품의 번호 형식이 아닙니다"),
        Words(
            "{number} does not look like a {component} ({pattern})",
            "{number}은(는) {component} 형식({pattern})과 다릅니다",
        ),
        Words("Check which part was scanned", "어느 부품을 스캔했는지 확인하세요"),
    ),
    Reason.COMPONENT_IN_USE: (
        Words("The component is in another product", "다른 제품에 이미 사용된 부품입니다"),
        Words("{number} is in {where}", "{number}은(는) {where}에 조립되어 있습니다"),
        Words(
            "Take another part, or remove it there first", "다른 부품을 쓰거나 그 제품에서 먼저 분리하세요"
        ),
    ),
    Reason.COMPONENT_QUANTITY: (
        Words("That is more than the product takes", "필요 수량을 초과합니다"),
        Words(
            "The product takes {quantity} of {component}; {room} are missing",
            "{component} 필요 수량 {quantity}, 남은 수량 {room}",
        ),
        Words(
            "Remove the part that comes out, or scan with `replaces` and a reason",
            "교체라면 기존 부품을 분리하거나 replaces와 사유를 함께 보내세요",
        ),
    ),
    Reason.COMPONENT_NOT_FINISHED: (
        Words("The subassembly is not finished", "완료되지 않은 반제품입니다"),
        Words("{number} is {component_status}", "{number} 상태: {component_status}"),
        Words("Finish it first, or take another", "먼저 완료하거나 다른 반제품을 사용하세요"),
    ),
    Reason.COMPONENT_CYCLE: (
        Words("A product cannot be inside of itself", "제품이 자기 자신에 포함될 수 없습니다"),
        Words("{number} is this product or contains it", "{number}은(는) 이 제품이거나 이 제품을 포함합니다"),
        Words("Check which part was scanned", "어느 부품을 스캔했는지 확인하세요"),
    ),
    Reason.COMPONENT_RECALLED: (
        Words("The component is recalled", "리콜된 부품입니다"),
        Words("{number} is under recall {recall}", "{number}은(는) 리콜 {recall} 대상입니다"),
        Words("Put the part aside and take another", "부품을 따로 두고 다른 부품을 사용하세요"),
    ),
    Reason.COMPONENT_NOT_THERE: (
        Words("That component is not in this product", "이 제품에 없는 부품입니다"),
        Words("No use {use} of {component} is here", "{component} 사용 기록 {use}이(가) 없습니다"),
        Words("List the components of the serial", "시리얼의 구성품 목록을 확인하세요"),
    ),
    Reason.COMPONENT_REMOVED: (
        Words("The component was removed before", "이미 분리된 부품입니다"),
        Words("{component} is not in the product any more", "{component}은(는) 이미 분리되었습니다"),
        Words("List the components of the serial", "시리얼의 구성품 목록을 확인하세요"),
    ),
    Reason.COMPONENT_REASON: (
        Words("A replacement needs a reason", "교체에는 사유가 필요합니다"),
        Words("{component} would be taken out", "{component}이(가) 분리됩니다"),
        Words("Say why in one sentence", "사유를 한 문장으로 적으세요"),
    ),
}


def problem_of_component(refuse: Refuse) -> Problem:
    """The refusal as a problem, its words filled from what it knows; what is not known shows as "-"."""
    known = _Known({key: _text(value) for key, value in refuse.about.items()})
    if refuse.code not in _WORDS:
        return problem_of(Refusal(refuse.code.value), known)
    title, detail, fix = _WORDS[refuse.code]
    return Problem(refuse.code.value, title, _fill(detail, known), _fill(fix, known))


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "-"


def _text(value: object) -> str:
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _fill(words: Words, known: _Known) -> Words:
    return Words(words.en.format_map(known), words.ko.format_map(known))
