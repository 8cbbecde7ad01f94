"""What the registry says of what stays in it, and of its keys. English and Korean."""

PHRASES: tuple[tuple[str, str], ...] = (
    # releases/garbage/plan.py
    ("is one of the newest {n} of {unit}", "{unit}의 최신 릴리스 {n}개에 포함됨"),
    ("is younger than the grace", "유예 기간이 지나지 않음"),
    # rollouts/uses.py; an environment, a rollout and a set are one word each
    ("is stable in {ring}", "{ring}의 안정 릴리스"),
    ("should run in {ring}", "{ring}에서 실행 대상"),
    ("is part of rollout {unit} to {ring}", "{ring} 롤아웃 {unit}에 포함됨"),
    ("could be returned to in {ring}", "{ring}에서 되돌아갈 수 있음"),
    ("is part of set {unit} on its way to {ring}", "{ring}(으)로 배포 중인 세트 {unit}에 포함됨"),
    ("belongs to the set {unit}", "세트 {unit}에 포함됨"),
    # registry_parts.py
    ("is on a station, or wanted there", "스테이션에 있거나 목표임"),
    ("is pinned on {unit}: {text}", "{unit}에 고정됨: {text}"),
    ("is what {version} is recalled to", "실행이 금지된 {version} 대신 옮겨 갈 릴리스"),
    ("is opened to stations of {ring}", "{ring} 스테이션에 배포 중"),
    # releases/ceremony/status.py
    (
        "put the keys back into keys/{unit}, or: andon keys exchange {role}",
        "keys/{unit}에 키를 되돌려 놓거나 andon keys exchange {role}을(를) 실행하세요",
    ),
    (
        "let Andon run, which signs {role} anew by itself; it holds until {text}",
        "Andon을 실행해 두면 {role}을(를) 스스로 다시 서명합니다. {text}까지 유효합니다",
    ),
    (
        "before {text}: andon keys propose --reason renewal, then let the holders sign",
        "{text} 전에 andon keys propose --reason renewal을 실행하고 보관자의 서명을 받으세요",
    ),
    (
        "before {text}: bring what is newer, by andon bundle import FILE",
        "{text} 전에 andon bundle import FILE로 새 메타데이터를 가져오세요",
    ),
)
