"""Why a start or a completion is refused: stable codes, and words that name the next step."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from andon_mes.kernel.errors import Problem, Words


class Refusal(StrEnum):
    """The codes that a station can meet. They never change their meaning."""

    SERIAL_UNKNOWN = "SERIAL_UNKNOWN"
    CHECKSUM_BAD = "CHECKSUM_BAD"
    LOT_NOT_RELEASED = "LOT_NOT_RELEASED"
    LOT_HOLD = "LOT_HOLD"
    SERIAL_HOLD = "SERIAL_HOLD"
    SERIAL_SCRAPPED = "SERIAL_SCRAPPED"
    SERIAL_COMPLETED = "SERIAL_COMPLETED"
    PROCESS_HOLD = "PROCESS_HOLD"
    STATION_WRONG_PROCESS = "STATION_WRONG_PROCESS"
    ROUTE_PREVIOUS_NOT_PASSED = "ROUTE_PREVIOUS_NOT_PASSED"
    ROUTE_ALREADY_PASSED = "ROUTE_ALREADY_PASSED"
    ATTEMPT_OPEN_ELSEWHERE = "ATTEMPT_OPEN_ELSEWHERE"
    REWORK_LIMIT = "REWORK_LIMIT"
    REWORK_REQUIRED = "REWORK_REQUIRED"
    OPERATOR_UNKNOWN = "OPERATOR_UNKNOWN"
    OPERATOR_NOT_QUALIFIED = "OPERATOR_NOT_QUALIFIED"
    EQUIPMENT_DOWN = "EQUIPMENT_DOWN"
    CALIBRATION_EXPIRED = "CALIBRATION_EXPIRED"
    COMPONENT_MISSING = "COMPONENT_MISSING"
    RECIPE_MISMATCH = "RECIPE_MISMATCH"
    START_MISSING = "START_MISSING"
    ATTEMPT_NOT_OPEN = "ATTEMPT_NOT_OPEN"
    ATTEMPT_DISAGREES = "ATTEMPT_DISAGREES"
    ATTEMPT_CLOSED_DIFFERENTLY = "ATTEMPT_CLOSED_DIFFERENTLY"


@dataclass(frozen=True, slots=True)
class Refuse:
    """It may not be. `about` fills the words; what is itself in two languages is given as Words."""

    code: Refusal
    about: dict[str, object]


KEPT = frozenset({Refusal.ATTEMPT_CLOSED_DIFFERENTLY, Refusal.ATTEMPT_DISAGREES})
"""Refusals of reports that contradict what is known: they are kept for a person to look at."""

# code: title, what is known, what to do; English, then Korean. Braces are filled from what is known.
_WORDS: dict[Refusal, tuple[Words, Words, Words]] = {
    Refusal.SERIAL_UNKNOWN: (
        Words("There is no such serial", "등록되지 않은 시리얼입니다"),
        Words("No serial has the number {serial}", "시리얼 {serial}을(를) 찾을 수 없습니다"),
        Words("Scan the label again, or call the line lead", "라벨을 다시 스캔하거나 라인 리더를 부르세요"),
    ),
    Refusal.CHECKSUM_BAD: (
        Words("The number was mistyped", "번호가 잘못 입력되었습니다"),
        Words(
            "{serial} does not belong to the check characters {checksum}{near}",
            "{serial}의 검사 문자가 {checksum}와(과) 맞지 않습니다{near}",
        ),
        Words(
            "Scan the label instead of typing, or type it again",
            "입력 대신 라벨을 스캔하거나 다시 입력하세요",
        ),
    ),
    Refusal.LOT_NOT_RELEASED: (
        Words("The lot is not released", "로트가 생산 승인되지 않았습니다"),
        Words("Lot {lot} is {lot_status}", "로트 {lot} 상태: {lot_status}"),
        Words("Ask the supervisor to release it", "관리자에게 로트 승인을 요청하세요"),
    ),
    Refusal.LOT_HOLD: (
        Words("The lot is on hold", "로트가 보류 중입니다"),
        Words("Lot {lot} is held", "로트 {lot}이(가) 보류되었습니다"),
        Words("Put the part aside and ask the supervisor", "제품을 따로 두고 관리자에게 문의하세요"),
    ),
    Refusal.SERIAL_HOLD: (
        Words("The serial is on hold", "시리얼이 보류 중입니다"),
        Words("Serial {serial} is held", "시리얼 {serial}이(가) 보류되었습니다"),
        Words("Put the part aside and ask the supervisor", "제품을 따로 두고 관리자에게 문의하세요"),
    ),
    Refusal.SERIAL_SCRAPPED: (
        Words("The serial is scrapped", "폐기된 시리얼입니다"),
        Words("Serial {serial} was scrapped", "시리얼 {serial}은(는) 폐기되었습니다"),
        Words("Put the part into the scrap box", "제품을 폐기함에 넣으세요"),
    ),
    Refusal.SERIAL_COMPLETED: (
        Words("The serial is finished", "이미 완료된 시리얼입니다"),
        Words("Serial {serial} has passed every process", "시리얼 {serial}은(는) 모든 공정을 통과했습니다"),
        Words("Bring the part to shipping", "제품을 출하 구역으로 옮기세요"),
    ),
    Refusal.STATION_WRONG_PROCESS: (
        Words("The process is not done here", "이곳에서 할 수 없는 공정입니다"),
        Words("{process} cannot start here: {why}", "{process} 공정을 여기서 시작할 수 없습니다: {why}"),
        Words(
            "Check which process this station is set to, or bring the part to the right one",
            "작업대의 공정 설정을 확인하거나 제품을 맞는 작업대로 옮기세요",
        ),
    ),
    Refusal.PROCESS_HOLD: (
        Words("The process is on hold", "공정이 보류 중입니다"),
        Words("Nothing starts at {process}: {reason}", "{process} 공정을 시작할 수 없습니다: {reason}"),
        Words("Leave the part here and call quality", "제품을 그대로 두고 품질 담당자를 부르세요"),
    ),
    Refusal.ROUTE_PREVIOUS_NOT_PASSED: (
        Words("An earlier process is missing", "이전 공정이 완료되지 않았습니다"),
        Words(
            "{missing} has not passed, so {process} cannot start",
            "{missing} 공정을 통과하지 않아 {process} 공정을 시작할 수 없습니다",
        ),
        Words("Bring the part to {missing}", "제품을 {missing} 공정으로 옮기세요"),
    ),
    Refusal.ROUTE_ALREADY_PASSED: (
        Words("The process has already passed", "이미 통과한 공정입니다"),
        Words(
            "Serial {serial} has passed {passed}, so {process} is behind it",
            "시리얼 {serial}은(는) {passed} 공정을 통과하여 {process} 공정은 이미 지났습니다",
        ),
        Words("Bring the part to the next process", "제품을 다음 공정으로 옮기세요"),
    ),
    Refusal.ATTEMPT_OPEN_ELSEWHERE: (
        Words("The serial is in work already", "이미 작업 중인 시리얼입니다"),
        Words("An attempt is open at {where}", "{where}에서 작업이 진행 중입니다"),
        Words("Complete it there first", "그곳에서 먼저 완료하세요"),
    ),
    Refusal.REWORK_LIMIT: (
        Words("The serial may not be reworked again", "재작업 한도를 초과했습니다"),
        Words(
            "{attempts} attempts at {process}, {reworks} reworks in all",
            "{process} 공정 {attempts}회 시도, 총 재작업 {reworks}회",
        ),
        Words("Put the part aside for quality to decide", "제품을 따로 두고 품질 담당자의 판정을 받으세요"),
    ),
    Refusal.REWORK_REQUIRED: (
        Words("The defect has no rework yet", "불량에 대한 재작업이 지정되지 않았습니다"),
        Words("Serial {serial} is defective", "시리얼 {serial}은(는) 불량 상태입니다"),
        Words("Ask quality to open a rework", "품질 담당자에게 재작업 지시를 요청하세요"),
    ),
    Refusal.OPERATOR_UNKNOWN: (
        Words("The operator is not known", "등록되지 않은 작업자입니다"),
        Words("No active operator has the badge {operator}", "사번 {operator}의 작업자를 찾을 수 없습니다"),
        Words(
            "Scan your own badge, or ask the line lead to register it",
            "본인 사원증을 스캔하거나 라인 리더에게 등록을 요청하세요",
        ),
    ),
    Refusal.OPERATOR_NOT_QUALIFIED: (
        Words("The operator is not qualified", "작업 자격이 없습니다"),
        Words(
            "{operator} has no valid qualification for {process}",
            "작업자 {operator}에게 유효한 {process} 공정 자격이 없습니다",
        ),
        Words(
            "Let a qualified operator scan a badge, or ask the line lead",
            "자격이 있는 작업자가 사원증을 스캔하거나 라인 리더에게 문의하세요",
        ),
    ),
    Refusal.EQUIPMENT_DOWN: (
        Words("The equipment is down", "설비를 사용할 수 없습니다"),
        Words("{equipment} is {state}", "설비 {equipment} 상태: {state}"),
        Words("Use another machine, or call maintenance", "다른 설비를 사용하거나 설비 보전팀을 부르세요"),
    ),
    Refusal.CALIBRATION_EXPIRED: (
        Words("The calibration has expired", "교정 유효 기간이 지났습니다"),
        Words("{equipment} was due on {due}", "설비 {equipment}의 교정 기한: {due}"),
        Words("Use another machine, or have it calibrated", "다른 설비를 사용하거나 교정을 의뢰하세요"),
    ),
    Refusal.COMPONENT_MISSING: (
        Words("A component is missing", "구성품이 누락되었습니다"),
        Words(
            "{process} needs {component}: {found} of {quantity} are there",
            "{process} 공정에 {component} 필요: {quantity} 중 {found}",
        ),
        Words(
            "Scan {component} at {process} and try again",
            "{process} 공정에서 {component}을(를) 스캔하고 다시 시도하세요",
        ),
    ),
    Refusal.RECIPE_MISMATCH: (
        Words("The station runs another version", "작업대 프로그램 또는 설정이 다릅니다"),
        Words(
            "{process} needs {needed}, this station has {has}",
            "{process} 공정 요구: {needed}, 현재 작업대: {has}",
        ),
        Words("Let the station update, then scan again", "작업대를 업데이트한 후 다시 스캔하세요"),
    ),
    Refusal.START_MISSING: (
        Words("The process was not started", "공정이 시작되지 않았습니다"),
        Words(
            "{process} has no open attempt, and does not infer its start",
            "{process} 공정에 진행 중인 작업이 없습니다",
        ),
        Words("Scan the part at the station first", "작업대에서 먼저 스캔하세요"),
    ),
    Refusal.ATTEMPT_NOT_OPEN: (
        Words("There is no open attempt", "진행 중인 작업이 없습니다"),
        Words(
            "Nothing of {serial} is open at {process}",
            "{serial}의 {process} 공정에 진행 중인 작업이 없습니다",
        ),
        Words(
            "Look at the serial: what has ended stays as it ended",
            "시리얼 이력을 확인하세요. 끝난 작업은 바꿀 수 없습니다",
        ),
    ),
    Refusal.ATTEMPT_DISAGREES: (
        Words("The attempt is another one", "작업 번호가 일치하지 않습니다"),
        Words(
            "Attempt {attempt} is not of {serial} at {process}",
            "작업 {attempt}은(는) {serial}의 {process} 공정이 아닙니다",
        ),
        Words(
            "Leave process_data_id and work_order out, or send what the start answered",
            "process_data_id와 work_order를 빼거나 시작 시 받은 값을 보내세요",
        ),
    ),
    Refusal.ATTEMPT_CLOSED_DIFFERENTLY: (
        Words("The attempt is closed with another content", "이미 다른 내용으로 완료되었습니다"),
        Words(
            "{process} of {serial} was completed before; this report is kept for a person",
            "{serial}의 {process} 공정은 이미 완료되었으며 이 보고는 확인용으로 보관됩니다",
        ),
        Words("Call the line lead", "라인 리더를 부르세요"),
    ),
}


def problem_of(refusal: Refusal, about: Mapping[str, object]) -> Problem:
    """The refusal as a problem, its words filled from `about`; what is not known shows as "-"."""
    title, detail, fix = _WORDS[refusal]
    return Problem(refusal.value, title, _fill(detail, about), _fill(fix, about))


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "-"


def _fill(words: Words, about: Mapping[str, object]) -> Words:
    english, korean = _Known(), _Known()
    for key, value in about.items():
        said = value if isinstance(value, Words) else Words(str(value), str(value))
        english[key], korean[key] = said.en, said.ko
    return Words(words.en.format_map(english), words.ko.format_map(korean))
