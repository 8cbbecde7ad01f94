"""The page on which a plan is changed and begun. English and Korean."""

WORDS: dict[str, tuple[str, str]] = {
    "deploy.title": ("Deploy", "배포"),
    "deploy.say": (
        "Change the plan for this rollout, see what it comes to, then begin it. Gates and tests stay.",
        "이번 롤아웃의 계획을 바꾸고 결과를 확인한 뒤 시작합니다. 게이트와 시험은 그대로 유지됩니다.",
    ),
    "deploy.change": ("Plan", "계획"),
    "deploy.own": ("as the manifest says", "매니페스트대로"),
    "deploy.shares": ("Shares in %", "비중(%)"),
    "deploy.shares.say": (
        "Rising to 100; empty: as the manifest says",
        "100까지 증가, 비우면 매니페스트대로",
    ),
    "deploy.soak": ("Soak at each share", "단계별 관찰"),
    "deploy.max_wait": ("Longest wait for evidence", "근거 최대 대기"),
    "deploy.warm": ("Kept warm", "대기 유지"),
    "deploy.times.say": (
        "Such as 30s, 5m, 1h; empty: as the manifest says",
        "예: 30s, 5m, 1h. 비우면 매니페스트대로",
    ),
    "deploy.preview": ("Preview", "미리 보기"),
    "deploy.reset": ("As the manifest says", "매니페스트대로"),
    "deploy.will": ("What will happen", "진행 내용"),
    "deploy.before": ("before", "먼저"),
    "deploy.at": ("after {time}", "{time} 후"),
    "deploy.at_most": ("at most {time}", "최대 {time}"),
    "deploy.instances": (
        "instances: {candidate} beside {stable}",
        "인스턴스: 후보 {candidate}, 안정 {stable}",
    ),
    "deploy.promoted": ("Promoted", "승격"),
    "deploy.earliest": (
        "at the earliest; starting instances, gates and evidence take their time",
        "가장 빠른 경우. 인스턴스 시작, 게이트, 근거 수집 시간은 별도입니다",
    ),
    "deploy.metric": (
        "worse from {margin} times the stable on; at most {alpha} of harmless releases come back by it",
        "안정 대비 {margin}배부터 나쁨, 무해한 릴리스가 되돌려질 확률 {alpha} 이하",
    ),
    "deploy.optional": ("not waited for", "기다리지 않음"),
    "deploy.go": ("Begin", "시작"),
    "deploy.go.say": (
        "{unit} {version} begins to move into {environment} by exactly this plan.",
        "이 계획 그대로 {unit} {version}을(를) {environment}에 배포하기 시작합니다.",
    ),
    "element.approval": ("Approval", "승인"),
    "element.window": ("Window of the calendar", "달력 시간대"),
    "element.production": ("State of production", "생산 상태"),
    "element.webhook": ("Outside system", "외부 시스템"),
    "element.hold": ("Hold", "보류"),
    "element.smoke": ("Smoke test", "스모크 시험"),
    "element.command": ("Command", "명령"),
}
