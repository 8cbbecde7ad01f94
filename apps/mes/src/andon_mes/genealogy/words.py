"""The words of a printed certificate, in English and Korean."""

from typing import Literal

Language = Literal["en", "ko"]

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Birth certificate", "제품 출생 증명서"),
    "serial": ("Serial", "시리얼"),
    "checksum": ("Check characters", "검사 문자"),
    "status": ("Status", "상태"),
    "model": ("Product model", "제품 모델"),
    "lot": ("Lot", "로트"),
    "production": ("Production date, shift", "생산일, 근무조"),
    "made": ("Made", "생산 기간"),
    "inside_of": ("Inside of", "상위 제품"),
    "attempts": ("Processes", "공정 이력"),
    "process": ("Process", "공정"),
    "attempt": ("No.", "회차"),
    "result": ("Result", "결과"),
    "began": ("Began", "착공"),
    "ended": ("Ended", "완공"),
    "operator": ("Operator", "작업자"),
    "equipment": ("Equipment", "설비"),
    "cycle": ("Cycle (s)", "사이클(초)"),
    "versions": ("MES / station", "MES / 설비 버전"),
    "measurements": ("Measurements", "측정값"),
    "name": ("Name", "항목"),
    "value": ("Value", "값"),
    "limits": ("Limits", "한계값"),
    "within": ("Within", "판정"),
    "inspection": ("Inspection results", "검사 결과"),
    "components": ("Components", "구성품"),
    "component": ("Component", "구성품"),
    "number": ("Number", "번호"),
    "quantity": ("Quantity", "수량"),
    "scanned": ("Scanned", "스캔"),
    "removed": ("Removed", "분리"),
    "defects": ("Defects", "불량"),
    "code": ("Code", "코드"),
    "disposition": ("Disposition", "판정 처리"),
    "opened": ("Opened", "발생"),
    "signed": ("Signed by, meaning, time", "서명자, 의미, 시각"),
    "signed.approved": ("approved", "승인"),
    "signed.responsible": ("responsible", "책임"),
    "reworks": ("Reworks", "재작업"),
    "reason": ("Reason", "사유"),
    "holds": ("Holds and recalls", "보류 및 리콜"),
    "from": ("From", "시작"),
    "to": ("To", "종료"),
    "held_by": ("Held by / outcome", "보류자 / 조치"),
    "released_by": ("Released by", "해제자"),
    "outcome.HELD": ("held", "보류함"),
    "outcome.ALREADY_HELD": ("held before", "이미 보류 중"),
    "outcome.SHIPPED": ("shipped", "출하됨"),
    "outcome.SCRAPPED": ("scrapped", "폐기됨"),
    "by": ("By", "담당자"),
    "labels": ("Labels", "라벨"),
    "template": ("Template", "양식"),
    "copy": ("Copy", "부수"),
    "printed": ("Printed", "인쇄"),
    "none": ("None", "없음"),
    "yes": ("yes", "적합"),
    "no": ("NO", "부적합"),
    "audit": ("Audit seal", "감사 기록 봉인"),
    "not_sealed": ("not sealed yet", "아직 봉인되지 않음"),
    "issued": ("Issued by MES {release} at {at}; times in {zone}", "MES {release} 발행, {at}; 시간대 {zone}"),
    "unsigned": ("Unsigned copy: not evidence", "서명 없는 사본: 증빙으로 사용할 수 없음"),
    "is_signed": (
        "Signed with the plant's key: andon-mes verify-certificate",
        "공장 서명 키로 서명됨: andon-mes verify-certificate",
    ),
}


def word(name: str, language: Language) -> str:
    """The word for `name`. Raises: KeyError when there is none."""
    english, korean = _WORDS[name]
    return korean if language == "ko" else english
