"""The registry: what is stored, its keys, its collection, what was revoked. English and Korean."""

WORDS: dict[str, tuple[str, str]] = {
    "registry.title": ("Registry", "레지스트리"),
    "registry.say": (
        "The signed releases that stations install from.",
        "스테이션이 설치하는 서명된 릴리스입니다.",
    ),
    "registry.at": ("As of", "기준:"),
    # what is stored
    "registry.stored": ("What is stored", "보관 중"),
    "registry.unit": ("Unit", "유닛"),
    "registry.release": ("Release", "릴리스"),
    "registry.releases": ("Releases", "릴리스"),
    "registry.artifacts": ("Artifacts", "아티팩트"),
    "registry.revoked": ("Revoked", "폐기됨"),
    "registry.collected": ("Collected", "정리됨"),
    "registry.strays": ("Left-over files", "남은 파일"),
    "registry.empty": ("Nothing was published yet.", "아직 게시된 것이 없습니다."),
    # keys
    "registry.keys": ("Keys, and until when it holds", "키와 유효 기간"),
    "registry.custody.development": ("Development keys", "개발용 키"),
    "registry.custody.development.say": (
        (
            "The root's key lies on this machine: whoever reads it can sign a release. For a plant, hold "
            "the first ceremony (docs/operations/keys.md)."
        ),
        (
            "루트 키가 이 장비에 있어 읽을 수 있는 사람은 누구나 릴리스에 서명할 수 있습니다. "
            "공장에서 쓰려면 첫 키 의식을 진행하세요(docs/operations/keys.md)."
        ),
    ),
    "registry.custody.offline": ("The root's keys are offline", "루트 키 오프라인 보관"),
    "registry.custody.offline.say": (
        "Its holders sign what changes the keys, and renew it in time.",
        "키를 바꾸거나 갱신할 때 보관자들이 서명합니다.",
    ),
    "registry.custody.here": ("The root's keys are on this machine", "루트 키가 이 장비에 있음"),
    "registry.custody.here.say": (
        "They belong on media of their holders (docs/operations/keys.md).",
        "보관자의 매체로 옮겨야 합니다(docs/operations/keys.md).",
    ),
    "registry.custody.elsewhere": ("Signed elsewhere", "다른 곳에서 서명"),
    "registry.custody.elsewhere.say": (
        "Its releases and its metadata are brought here: andon bundle import FILE.",
        "릴리스와 메타데이터를 가져와야 합니다: andon bundle import FILE.",
    ),
    "registry.worry.none": ("holds", "유효"),
    "registry.worry.soon": ("ends soon", "곧 만료"),
    "registry.worry.late": ("renewal is late", "갱신 지연"),
    "registry.worry.over": ("run out: nothing is installed", "만료: 설치 불가"),
    "registry.worry.keys": ("its keys are missing here", "서명 키 없음"),
    "registry.holds": ("until", "유효 기한"),
    "registry.version": ("version {n}", "버전 {n}"),
    "registry.threshold": ("{n} of {of} sign", "{of}개 중 {n}개 서명"),
    "registry.key.here": ("here", "이 장비"),
    "registry.waiting": ("Waits for the holders' signatures:", "보관자 서명 대기:"),
    "registry.missing": ("{part}: {n} of {of} signed; may sign:", "{part}: {of}개 중 {n}개 서명, 서명 가능:"),
    # the collection
    "registry.collection": ("Collection", "정리"),
    "registry.rules": (
        (
            "Never taken: what is used or could be returned to, the newest {keep} of each unit, what is "
            "younger than {grace}."
        ),
        (
            "정리하지 않는 것: 사용 중이거나 되돌아갈 수 있는 릴리스, 유닛마다 최신 {keep}개, "
            "만든 지 {grace} 미만인 것."
        ),
    ),
    "registry.day": ("1 day", "1일"),
    "registry.days": ("{n} days", "{n}일"),
    "registry.automatic": ("It runs by itself once a day.", "하루에 한 번 자동으로 실행됩니다."),
    "registry.by_hand": (
        "It runs only when somebody asks for it.",
        "누군가 요청할 때만 실행됩니다.",
    ),
    "registry.refused": ("Nothing would be collected:", "정리할 수 없음:"),
    "registry.takes": (
        "Would take {size}: releases: {n}, deltas: {m}",
        "정리 예정 {size}: 릴리스 {n}개, 델타 {m}개",
    ),
    "registry.nothing": ("Nothing is there that nobody needs.", "정리할 릴리스가 없습니다."),
    "registry.collect": ("Collect now", "지금 정리"),
    "registry.collect.say": (
        (
            "Leave the registry for good: releases: {n}, deltas: {m}, {size} in all. Their versions stay "
            "taken. Files go {grace} after nothing names them. What somebody begins to use meanwhile stays."
        ),
        (
            "릴리스 {n}개와 델타 {m}개({size})가 레지스트리에서 영구히 빠지며 버전은 다시 쓸 수 없습니다. "
            "파일은 참조가 없어진 지 {grace} 뒤에 삭제됩니다. 그 사이 사용이 시작된 것은 남습니다."
        ),
    ),
    "registry.signed_offline": (
        "The targets' keys are offline: a collection waits until their holders have signed it.",
        "targets 키가 오프라인이므로 보관자들이 서명할 때까지 정리가 대기합니다.",
    ),
    "registry.why": ("Why the rest stays ({n})", "나머지가 남는 이유 ({n})"),
    "registry.kept": ("Why it stays", "남는 이유"),
    # what was revoked
    "registry.revoked.title": ("Revoked releases", "폐기된 릴리스"),
    "registry.revoked.tag": ("not installable", "설치 불가"),
    "registry.revoked.none": ("No release was revoked.", "폐기된 릴리스가 없습니다."),
    "registry.revoke.how": (
        "To revoke one, on Andon's machine:",
        "폐기하려면 Andon 서버에서 실행하세요:",
    ),
}
