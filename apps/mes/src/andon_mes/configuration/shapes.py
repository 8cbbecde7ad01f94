"""The shape of each kind of row: its fields with limits, defaults and what they mean. Data, not code.

The API, the two file forms, the tables and the description at /openapi.json are all made from it.
"""

from andon_mes.configuration.model import (
    Choice,
    Document,
    Field,
    Flag,
    Group,
    Instant,
    Kind,
    Number,
    Reference,
    Shape,
    Table,
    Text,
    Whole,
)
from andon_mes.numbers.patterns import LOT_PATTERN, SERIAL_PATTERN
from andon_mes.spc.constants import LARGEST

CODE = r"[A-Z0-9][A-Z0-9_.-]*"
NAME = r"\w[^/]*"
VERSION = r"v?\d+(\.\d+)*([-.]?[A-Za-z][0-9A-Za-z.-]*)?(\+[0-9A-Za-z.-]*)?"
_HASH = r"\S+"


def _name_ko() -> Field:
    return Field("name_ko", Text(100), "name in Korean", "한국어 이름", is_nullable=True)


def _process(about: str, about_ko: str, *, optional: bool = False) -> Field:
    reference = Reference(Kind.PROCESSES)
    return Field("process", reference, about, about_ko, is_required=not optional, is_nullable=optional)


def _model(about: str, about_ko: str) -> Field:
    return Field("product_model", Reference(Kind.PRODUCT_MODELS), about, about_ko, is_nullable=True)


def _is_active() -> Field:
    return Field(
        "is_active", Flag(), "false: no longer used; nothing is deleted", "false: 사용 안 함", default=True
    )


def _description() -> Field:
    return Field("description", Text(500, has_lines=True), "description", "설명", is_nullable=True)


_RECIPE = Group(
    (
        Field(
            "minimum_version",
            Text(40, VERSION),
            "least version of the station",
            "최소 버전",
            is_nullable=True,
        ),
        Field("configuration_hash", Text(80, _HASH), "its configuration", "구성 해시", is_nullable=True),
    )
)
_BOM = Table(
    (
        Field("component", Text(50, NAME), "what is put in", "부품", is_required=True),
        _process("where it is scanned", "스캔하는 공정"),
        Field("kind", Choice(("SERIAL", "LOT")), "what is scanned", "스캔 대상", default="SERIAL"),
        Field("quantity", Number(is_positive=True), "how many", "수량", default=1.0),
        Field("pattern", Text(100), "regular expression of its number", "번호 정규식", is_nullable=True),
        Field("required", Flag(), "no completion without it", "없으면 완료 불가", default=True),
    )
)
_ROUTE = Table(
    (
        _process("the next process", "다음 공정"),
        Field("optional", Flag(), "may be left out", "생략 가능", default=False),
    )
)

SHAPES: dict[Kind, Shape] = {
    shape.kind: shape
    for shape in (
        Shape(
            Kind.PROCESSES,
            "What is done to a serial, in this order where its model has no route",
            "공정. 모델에 경로가 없으면 이 순서를 따릅니다",
            ("code",),
            (
                Field("code", Text(20, CODE), "code", "코드", is_required=True),
                Field("name", Text(100), "name", "이름", is_required=True),
                _name_ko(),
                Field("sequence_order", Whole(1, 9999), "place in the order", "순서", is_required=True),
                _description(),
                Field(
                    "standard_cycle_time",
                    Whole(1, 86_400),
                    "standard, in seconds",
                    "표준 시간(초)",
                    is_required=True,
                ),
                Field(
                    "infers_start",
                    Flag(),
                    "a completion without a start counts",
                    "시작 없이 완료 허용",
                    default=True,
                ),
                Field(
                    "needs_qualification", Flag(), "only qualified operators", "자격 작업자만", default=False
                ),
                Field("needs_equipment", Flag(), "only registered equipment", "등록 설비만", default=False),
                Field("recipe", _RECIPE, "what a station must run", "설비 요구 사항", is_nullable=True),
                _is_active(),
            ),
            (
                Field("held_reason", Text(500), "why nothing starts here now", "중지 사유", is_nullable=True),
                Field("held_by", Text(100), "who holds it", "중지한 사람", is_nullable=True),
                Field("held_at", Instant(), "since when", "중지 시각", is_nullable=True),
            ),
        ),
        Shape(
            Kind.PRODUCT_MODELS,
            "What is made: its route, its components, the patterns of its numbers",
            "제품 모델: 경로, 부품, 번호 형식",
            ("code",),
            (
                Field("code", Text(50, CODE), "code", "코드", is_required=True),
                Field("name", Text(100), "name", "이름", is_required=True),
                _name_ko(),
                Field("specification", Document(), "free facts", "사양", default={}),
                Field(
                    "target_cycle_time",
                    Whole(1, 864_000),
                    "for all processes, in seconds",
                    "목표 시간(초)",
                    is_required=True,
                ),
                Field(
                    "lot_pattern", Text(100), "pattern of lot numbers", "로트 번호 형식", default=LOT_PATTERN
                ),
                Field(
                    "serial_pattern",
                    Text(100),
                    "pattern of serial numbers",
                    "시리얼 번호 형식",
                    default=SERIAL_PATTERN,
                ),
                Field("bom", _BOM, "components", "부품표", default=[]),
                Field(
                    "route", _ROUTE, "null: every active process", "경로(없으면 모든 공정)", is_nullable=True
                ),
                _is_active(),
            ),
        ),
        Shape(
            Kind.DEFECT_CODES,
            "What a fail at a process may be called",
            "불량 코드",
            ("code",),
            (
                Field("code", Text(50, CODE), "code", "코드", is_required=True),
                Field("name", Text(100), "name", "이름", is_required=True),
                _name_ko(),
                _process("process that it may end", "공정"),
                Field(
                    "severity", Choice(("MINOR", "MAJOR", "CRITICAL")), "severity", "심각도", is_required=True
                ),
                _description(),
                _is_active(),
            ),
        ),
        Shape(
            Kind.CHARACTERISTICS,
            "What is measured at a process, with its limits, and how it is charted",
            "특성: 측정값의 한계와 관리도",
            ("process", "name"),
            (
                _process("where it is measured", "공정"),
                Field("name", Text(50, NAME), "name in process_specific_data", "이름", is_required=True),
                Field("unit", Text(20), "unit", "단위", is_required=True),
                Field("lower", Number(), "lower limit, inclusive", "하한(포함)", is_nullable=True),
                Field("upper", Number(), "upper limit, inclusive", "상한(포함)", is_nullable=True),
                Field("target", Number(), "target", "목표값", is_nullable=True),
                Field(
                    "defect_code",
                    Reference(Kind.DEFECT_CODES),
                    "code of a breach",
                    "한계 이탈 시 불량 코드",
                    is_required=True,
                ),
                Field(
                    "chart", Choice(("i-mr", "xbar-r", "xbar-s")), "control chart", "관리도", is_nullable=True
                ),
                Field(
                    "subgroup_size", Whole(1, LARGEST), "measurements in a subgroup", "부분군 크기", default=1
                ),
                Field(
                    "rules",
                    Choice(("default", "limits", "western-electric", "nelson")),
                    "which rules of control charts signal",
                    "관리도 판정 규칙",
                    is_nullable=True,
                ),
                Field(
                    "on_signal",
                    Choice(("call", "hold")),
                    "what a signal does",
                    "신호 시 동작",
                    is_nullable=True,
                ),
                _is_active(),
            ),
        ),
        Shape(
            Kind.DATA_SCHEMAS,
            "What process_specific_data must look like, as JSON Schema",
            "공정 데이터 스키마(JSON Schema)",
            ("process", "product_model"),
            (
                _process("of which process", "공정"),
                _model("null: every model without its own", "모델(없으면 전체)"),
                Field("document", Document(is_schema=True), "JSON Schema", "JSON Schema", is_required=True),
                _is_active(),
            ),
        ),
        Shape(
            Kind.LABEL_TEMPLATES,
            "What labels look like",
            "라벨 서식",
            ("code",),
            (
                Field("code", Text(50, CODE), "code", "코드", is_required=True),
                Field("name", Text(100), "name", "이름", is_required=True),
                Field("kind", Choice(("ZPL", "PDF")), "ZPL or PDF", "종류", is_required=True),
                _model("null: for every model", "모델(없으면 전체)"),
                Field("body", Text(20_000, has_lines=True), "the template", "서식 본문", is_required=True),
                _is_active(),
            ),
        ),
        Shape(
            Kind.OPERATORS,
            "Who scans: badges",
            "작업자(사원증)",
            ("badge",),
            (
                Field("badge", Text(100, NAME), "what is scanned", "사원증 번호", is_required=True),
                Field("full_name", Text(100), "name", "이름", is_required=True),
                Field("username", Reference(None), "login, if any", "로그인 계정", is_nullable=True),
                _is_active(),
            ),
        ),
        Shape(
            Kind.QUALIFICATIONS,
            "Which operator may do which process; one that is over stays, with its end",
            "작업자 자격",
            ("operator", "process"),
            (
                Field("operator", Reference(Kind.OPERATORS), "badge", "사원증 번호", is_required=True),
                _process("for which process", "공정"),
                Field("valid_until", Instant(), "null: without end", "만료(없으면 무기한)", is_nullable=True),
            ),
            (
                Field("granted_by", Text(100), "who granted it", "부여자", is_nullable=True),
                Field("granted_at", Instant(), "when", "부여 시각"),
            ),
            has_activity=False,
        ),
        Shape(
            Kind.EQUIPMENT,
            "Machines and gauges. States and calibrations are records, not configuration",
            "설비와 계측기",
            ("code",),
            (
                Field("code", Text(100, NAME), "what events name as equipment_id", "코드", is_required=True),
                Field("name", Text(100), "name", "이름", is_required=True),
                _process("null: for any process", "공정(없으면 전체)", optional=True),
                Field("station", Text(100), "where it stands", "작업대", is_nullable=True),
                _is_active(),
            ),
            (
                Field("state", Text(40), "CFX resource state; null is unknown", "상태", is_nullable=True),
                Field("state_since", Instant(), "since when", "상태 시작", is_nullable=True),
                Field(
                    "calibration_due_at",
                    Instant(),
                    "null: needs no calibration",
                    "교정 기한",
                    is_nullable=True,
                ),
            ),
        ),
    )
}
