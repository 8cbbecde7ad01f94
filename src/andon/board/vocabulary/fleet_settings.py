"""What is set for the whole fleet: who is let in, rings, windows, pins, recalls. English and Korean."""

WORDS: dict[str, tuple[str, str]] = {
    "fleet.settings": ("Fleet settings", "스테이션 설정"),
    "fleet.settings.say": (
        "Who is let in, in which order waves open, and when stations may switch.",
        "누가 등록되는지, 단계 배포가 어떤 순서로 열리는지, 언제 교체할 수 있는지 정합니다.",
    ),
    # letting machines in
    "enrol.title": ("Let machines in", "스테이션 등록"),
    "enrol.say": (
        "A token lets one machine in, once, at the place that it names.",
        "토큰 하나로 정해진 자리에 장비 한 대를 한 번만 등록할 수 있습니다.",
    ),
    "enrol.make": ("Make an enrolment token", "등록 토큰 만들기"),
    "enrol.made": ("Enrolment token, good for one machine", "등록 토큰, 장비 한 대용"),
    "enrol.environment": ("Environment", "환경"),
    "enrol.ring": ("Ring", "링"),
    "enrol.line": ("Line", "라인"),
    "enrol.station": ("Name of the station", "스테이션 이름"),
    "enrol.station.hint": ("after its host", "호스트 이름대로"),
    "enrol.hours": ("Good for (hours, at most 720)", "유효 시간 (최대 720)"),
    "enrol.approval": ("A person lets it in afterwards", "등록 후 사람이 승인"),
    "enrol.replaces": (
        "It takes the place of the station of this name, whose key is worth nothing from then on",
        "이 이름의 기존 스테이션을 대체하며, 기존 키는 더 이상 쓸 수 없음",
    ),
    "enrol.replaces.short": ("takes its place", "기존 스테이션 대체"),
    "enrol.none": ("No token was made yet", "만든 토큰이 없습니다"),
    "enrol.expires": ("Good until", "만료"),
    "enrol.waits": ("waits for its machine", "사용 대기"),
    "enrol.used": ("used by {station}", "{station}에서 사용함"),
    "enrol.revoked": ("revoked", "폐기됨"),
    "enrol.expired": ("ran out", "만료됨"),
    "enrol.revoke": ("Revoke", "폐기"),
    "enrol.revoke.say": (
        "No machine can be let in by token {id} any more. Stations that are enrolled stay.",
        "토큰 {id}(으)로는 더 이상 등록할 수 없습니다. 이미 등록된 스테이션은 그대로입니다.",
    ),
    # rings
    "rings.title": ("Rings", "링"),
    "rings.say": ("Waves open them in this order.", "단계 배포는 이 순서로 열립니다."),
    "rings.edit": ("Change rings", "링 변경"),
    "rings.names": ("Rings, the first to open first", "링 이름, 먼저 열릴 것부터"),
    "rings.ask": (
        "Rollouts that begin from now on open rings in this order: {names}. A ring with stations cannot go.",
        "이제 시작하는 배포는 다음 순서로 링을 엽니다: {names}. 스테이션이 있는 링은 없앨 수 없습니다.",
    ),
    "rings.save": ("Set rings", "링 저장"),
    # maintenance windows and closed days
    "windows.title": ("Maintenance windows", "유지보수 시간대"),
    "windows.say": (
        "Stations switch releases only within them. Of station, line, ring, environment the first counts.",
        "스테이션은 이 시간대에만 교체합니다. 스테이션, 라인, 링, 환경 순으로 먼저 있는 것이 적용됩니다.",
    ),
    "windows.none": ("None: stations may switch at any time", "없음: 언제든 교체할 수 있습니다"),
    "windows.scope.station": ("Station {name}", "스테이션 {name}"),
    "windows.scope.line": ("Line {name}", "라인 {name}"),
    "windows.scope.ring": ("Ring {name}", "{name} 링"),
    "windows.scope.environment": ("Environment {name}", "{name} 환경"),
    "windows.open": ("open", "열림"),
    "windows.shut": ("closed", "닫힘"),
    "windows.until": ("until {at}", "{at}까지"),
    "windows.zone": ("Time zone", "시간대"),
    "windows.times": ("May switch", "교체 가능 시간"),
    "windows.always": ("at any time", "언제든"),
    "windows.closed": ("Closed days", "휴무일"),
    "windows.new": ("Set a window", "시간대 설정"),
    "windows.place": ("For", "대상"),
    "windows.times.hint": (
        "one a line, such as Mon-Fri 22:00-05:00; none: at any time",
        "한 줄에 하나, 예: Mon-Fri 22:00-05:00, 비우면 언제든",
    ),
    "windows.closed.hint": (
        "one a line, such as 2026-12-24..2027-01-02 stock-taking",
        "한 줄에 하나, 예: 2026-12-24..2027-01-02 재고 조사",
    ),
    "windows.ask": (
        "From now on {place} switches releases only at the times above; what is under way is not taken back.",
        "이제 {place}에서는 위 시간에만 릴리스를 교체합니다. 진행 중인 작업은 되돌리지 않습니다.",
    ),
    "windows.ask.this": (
        "From now on stations there switch releases only at the times above.",
        "이제 해당 스테이션은 위 시간에만 릴리스를 교체합니다.",
    ),
    "windows.save": ("Set window", "시간대 저장"),
    "windows.drop": ("Drop", "삭제"),
    "windows.drop.say": (
        "{place}: the wider window counts from now on, and where there is none stations switch at any time.",
        "{place}: 이제 더 넓은 시간대가 적용되며, 없으면 언제든 교체합니다.",
    ),
}
