"""Why a start or a completion is refused: stable codes, and words that name the next step."""

from collections.abc import Mapping
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
    STATION_WRONG_PROCESS = "STATION_WRONG_PROCESS"
    ROUTE_PREVIOUS_NOT_PASSED = "ROUTE_PREVIOUS_NOT_PASSED"
    ROUTE_ALREADY_PASSED = "ROUTE_ALREADY_PASSED"
    ATTEMPT_OPEN_ELSEWHERE = "ATTEMPT_OPEN_ELSEWHERE"
    REWORK_LIMIT = "REWORK_LIMIT"
    REWORK_REQUIRED = "REWORK_REQUIRED"
    START_MISSING = "START_MISSING"
    ATTEMPT_DISAGREES = "ATTEMPT_DISAGREES"
    ATTEMPT_CLOSED_DIFFERENTLY = "ATTEMPT_CLOSED_DIFFERENTLY"


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
        Words("The lot is not released", "로트가 출고 승인되지 않았습니다"),
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
        Words("The process is not on this product's route", "이 제품의 공정이 아닙니다"),
        Words("The route has no process {process}", "공정 순서에 {process} 공정이 없습니다"),
        Words("Check which process this station is set to", "작업대의 공정 설정을 확인하세요"),
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
            "Serial {serial} has passed {process}", "시리얼 {serial}은(는) {process} 공정을 이미 통과했습니다"
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
    Refusal.START_MISSING: (
        Words("The process was not started", "공정이 시작되지 않았습니다"),
        Words(
            "{process} has no open attempt, and does not infer its start",
            "{process} 공정에 진행 중인 작업이 없습니다",
        ),
        Words("Scan the part at the station first", "작업대에서 먼저 스캔하세요"),
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
    known = _Known({key: str(value) for key, value in about.items()})
    title, detail, fix = _WORDS[refusal]
    return Problem(refusal.value, title, _fill(detail, known), _fill(fix, known))


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "-"


def _fill(words: Words, known: Mapping[str, str]) -> Words:
    return Words(words.en.format_map(known), words.ko.format_map(known))
