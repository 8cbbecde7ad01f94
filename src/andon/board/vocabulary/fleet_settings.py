"""What is set for the whole fleet: who is let in, rings, windows, pins, recalls. English and Korean."""

WORDS: dict[str, tuple[str, str]] = {
    "fleet.settings": ("Fleet settings", "스테이션 설정"),
    "fleet.settings.say": (
        "Who is let in, in which order waves open, and when stations may switch.",
        "누가 등록되는지, 단계 배포가 어떤 순서로 열리는지, 언제 교체할 수 있는지 정합니다.",
    ),
    # retries, recalls and pins, on the fleet's page and a station's
    "fleet.retry": ("Let all of {environment} try again ({n})", "{environment} 모두 다시 시도 ({n}대)"),
    "fleet.retry.say": (
        "These stations try what failed of {unit} once more: {names}.",
        "다음 스테이션에서 실패한 {unit} 설치를 다시 시도합니다: {names}.",
    ),
    "fleet.recall": ("Let nobody in {environment} run a release", "{environment}에서 릴리스 실행 금지"),
    "fleet.recall.version": ("Must not run", "금지할 릴리스"),
    "fleet.recall.goes": ("Stations go to", "옮겨 갈 릴리스"),
    "fleet.recall.direct": (
        "At once, without a safe point: it interrupts work in hand",
        "안전 시점을 기다리지 않고 즉시: 작업이 중단될 수 있음",
    ),
    "fleet.recall.do": ("Recall", "실행 금지"),
    "fleet.recall.say": (
        "{unit} {version} must not run in {environment} until lifted: all go to {to}, pinned ones too.",
        "해제할 때까지 {environment}에서 {unit} {version} 실행 금지: 고정된 것도 {to}(으)로 이동합니다.",
    ),
    "fleet.lift": ("Lift", "금지 해제"),
    "fleet.lift.say": (
        "{version} may run in {environment} again; no station moves by that alone.",
        "{environment}에서 {version} 실행을 다시 허용합니다. 이것만으로 이동하지는 않습니다.",
    ),
    "fleet.pins": ("Pinned", "고정된 스테이션"),
    "fleet.pin.there": ("what it runs", "지금 실행 중인 것"),
    "station.pin.at": ("Pin at a release, or for some days", "릴리스나 기간을 정해 고정"),
    "station.pin.days": ("For days; empty: until unpinned", "고정 일수, 비우면 해제할 때까지"),
    "station.pin.say.at": (
        "{unit} on {station} stays at: {version}, whatever is rolled out.",
        "{station}의 {unit}은(는) 배포와 관계없이 다음에 고정됩니다: {version}.",
    ),
    "station.move": ("Move", "이동"),
    "station.move.say": (
        "{station} stands in ring {ring} and line “{line}” from now on; windows and waves follow.",
        "이제 {station}은(는) {ring} 링, ‘{line}’ 라인에 속합니다. 시간대와 차수도 따라 바뀝니다.",
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
