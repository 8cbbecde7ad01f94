"""The reports and their columns. Rates, yields and ratios are in percent, cycle times in seconds."""

from andon_mes.exports.model import Column, Kind, Table
from andon_mes.kernel.errors import Words

_LOT = Column("lot_number", Kind.TEXT, Words("Lot", "로트"), 26)
_SERIAL = Column("serial_number", Kind.TEXT, Words("Serial", "시리얼"), 28)
_MODEL = Column("product_model", Kind.TEXT, Words("Product model", "제품 모델"), 16)
_PROCESS = Column("process", Kind.TEXT, Words("Process", "공정"), 10)
_DATE = Column("production_date", Kind.DATE, Words("Production date", "생산일"), 12)
_SHIFT = Column("shift", Kind.TEXT, Words("Shift", "근무조"), 7)
_RELEASE = Column("release", Kind.TEXT, Words("Release", "릴리스"), 12)
_STANDARD = Column("standard_cycle_time", Kind.SECONDS, Words("Standard [s]", "표준 시간 [초]"), 12)
_SHARE = Column("share", Kind.PERCENT, Words("Share [%]", "비율 [%]"), 10)
_CUMULATIVE = Column("cumulative_share", Kind.PERCENT, Words("Cumulative [%]", "누적 [%]"), 13)


def _count(key: str, en: str, ko: str) -> Column:
    return Column(key, Kind.COUNT, Words(en, ko), 11)


def _percent(key: str, en: str, ko: str) -> Column:
    return Column(key, Kind.PERCENT, Words(f"{en} [%]", f"{ko} [%]"), 13)


def _seconds(key: str, en: str, ko: str) -> Column:
    return Column(key, Kind.SECONDS, Words(f"{en} [s]", f"{ko} [초]"), 12)


def _text(key: str, en: str, ko: str, width: int = 14) -> Column:
    return Column(key, Kind.TEXT, Words(en, ko), width)


def _instant(key: str, en: str, ko: str) -> Column:
    return Column(key, Kind.INSTANT, Words(en, ko), 20)


PRODUCTION = Table(
    "production",
    Words("Production by lot", "로트별 생산 현황"),
    (
        _LOT,
        _MODEL,
        _DATE,
        _SHIFT,
        _text("status", "Status", "상태"),
        _text("priority", "Priority", "우선순위", 10),
        _count("target_quantity", "Target", "목표"),
        _count("generated_quantity", "Generated", "생성"),
        _count("actual_quantity", "Finished", "완료"),
        _count("defect_quantity", "Defective", "불량"),
        _percent("completion_rate", "Completion", "완료율"),
        _percent("defect_rate", "Defects", "불량률"),
        _instant("started_at", "Started", "시작"),
        _instant("completed_at", "Completed", "종료"),
    ),
)

GROUPS = {"day": _DATE, "shift": _SHIFT, "process": _PROCESS, "model": _MODEL, "release": _RELEASE}
"""What the quality report can be grouped by; `shift` is of each production date when `day` is asked too."""

_QUALITY = (
    _count("processed", "Attempts", "작업 수"),
    _count("passed", "Passed", "합격"),
    _count("failed", "Failed", "불합격"),
    _count("first_attempts", "First attempts", "1차 작업"),
    _count("first_passed", "Passed at first", "1차 합격"),
    _percent("first_pass_yield", "First-pass yield", "초도 합격률"),
    _percent("rework_ratio", "Rework ratio", "재작업률"),
    _seconds("average_cycle_time", "Average cycle", "평균 사이클"),
    _seconds("shortest_cycle_time", "Shortest", "최소"),
    _seconds("longest_cycle_time", "Longest", "최대"),
)


def quality(by: tuple[str, ...]) -> Table:
    """The quality report grouped by these of `GROUPS`, in their order."""
    groups = tuple(column for name, column in GROUPS.items() if name in by)
    return Table("quality", Words("Quality and yield", "품질 및 수율"), (*groups, *_QUALITY))


DEFECTS = Table(
    "defects",
    Words("Defects by frequency (Pareto)", "불량 빈도 (파레토)"),
    (
        _count("rank", "Rank", "순위"),
        _text("defect_code", "Defect code", "불량 코드", 12),
        _text("name", "Name", "명칭", 24),
        _text("severity", "Severity", "심각도", 10),
        _PROCESS,
        _count("failed", "Failed attempts", "불합격 작업"),
        _count("serials", "Serials", "시리얼 수"),
        _SHARE,
        _CUMULATIVE,
    ),
)

CYCLE_TIMES = Table(
    "cycle-times",
    Words("Cycle times by class", "사이클 타임 분포"),
    (
        _PROCESS,
        _STANDARD,
        _seconds("longer_than", "Longer than", "초과"),
        _seconds("at_most", "At most", "이하"),
        _count("attempts", "Attempts", "작업 수"),
        _SHARE,
        _CUMULATIVE,
    ),
)

ATTEMPTS = Table(
    "attempts",
    Words("Attempts", "작업 이력"),
    (
        _SERIAL,
        _LOT,
        _MODEL,
        _PROCESS,
        _count("attempt", "Attempt", "차수"),
        _text("result", "Result", "결과", 12),
        _instant("started_at", "Started", "시작"),
        _instant("completed_at", "Completed", "종료"),
        _seconds("cycle_time", "Cycle", "사이클"),
        _text("operator", "Operator", "작업자"),
        _text("equipment", "Equipment", "설비"),
        _text("station", "Station", "스테이션"),
        _text("defect_code", "Defect code", "불량 코드", 12),
        _text("defect_description", "Description", "불량 내용", 30),
        _RELEASE,
    ),
)

OEE = Table(
    "oee",
    Words("Overall equipment effectiveness", "설비 종합 효율"),
    (
        _text("equipment", "Equipment", "설비", 16),
        _text("name", "Name", "명칭", 24),
        _PROCESS,
        _seconds("planned_seconds", "Planned", "계획"),
        _percent("coverage", "Known time", "상태 파악률"),
        _count("processed", "Attempts", "작업 수"),
        _count("good", "Good", "양품"),
        _percent("availability", "Availability", "시간 가동률"),
        _percent("performance", "Performance", "성능 가동률"),
        _percent("quality", "Quality", "양품률"),
        _percent("oee", "OEE", "OEE"),
        _percent("oee_at_least", "OEE at least", "OEE 하한"),
        _percent("oee_at_most", "OEE at most", "OEE 상한"),
        _text("unknown_because", "Unknown because", "산출 불가 사유", 18),
    ),
)

GENEALOGY = Table(
    "genealogy",
    Words("Life of a serial", "시리얼 이력"),
    (
        _instant("at", "At", "시각"),
        _text("kind", "Kind", "구분", 14),
        _PROCESS,
        _text("item", "Item", "항목", 16),
        _text("number", "Number or code", "번호·코드", 24),
        _text("result", "Result", "결과", 16),
        _text("by", "By", "담당", 12),
        _text("detail", "Detail", "내용", 34),
    ),
)
