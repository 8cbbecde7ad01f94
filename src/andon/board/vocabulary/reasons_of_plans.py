"""What is said of a plan before it begins. English and Korean."""

PHRASES: tuple[tuple[str, str], ...] = (
    ("of these {n} or more must confirm it", "이 중 {n}대 이상이 확인해야 함"),
    ("nobody new", "새로 요청할 스테이션 없음"),
    ("at least one", "최소 1대"),
    ("{n} of all of them, switched off or not", "꺼진 것을 포함한 전체의 {n}"),
    (
        "Wave {n} (up to ring {ring}): {what}, {m} more; {rest}.",
        "{n}차({ring} 링까지): {what}, {m}대 추가; {rest}.",
    ),
    ("Wave {n}: {what}, {m} more; {rest}.", "{n}차: {what}, {m}대 추가; {rest}."),
    (
        (
            "A wave is full when {n} of its stations that can be reached confirmed it, and {rest}; "
            "after {m} h without that it comes back. More than {k} of those asked that failed take it "
            "back. Stations that are switched off catch up."
        ),
        (
            "연락되는 스테이션의 {n} 및 {rest}가 확인하면 차수가 완료되며, {m}시간 안에 안 되면 되돌립니다. "
            "요청한 스테이션 중 {k}를 넘게 실패하면 되돌립니다. 꺼진 스테이션은 나중에 따라옵니다."
        ),
    ),
    ("Wave {n}: {what}, {m} more.", "{n}차: {what}, {m}대 추가."),
    ("The plan differs from the manifest's: {text}.", "계획이 매니페스트와 다릅니다: {text}."),
    (
        "{version} was taken back here on {text}: {why}.",
        "{version}은(는) {text}에 여기서 되돌려졌습니다: {why}.",
    ),
    ("somebody went back from {version} here.", "누군가 여기서 {version}에서 되돌아갔습니다."),
    (
        "There is no release to return to; an abort takes the unit down, and its data stay.",
        "되돌릴 릴리스가 없습니다. 중단하면 유닛이 내려가고 데이터는 남습니다.",
    ),
    (
        "A return brings back the software whole; what was written meanwhile stays.",
        "되돌리면 소프트웨어가 온전히 돌아오고 그동안 기록된 데이터는 남습니다.",
    ),
    (
        (
            "Its migration only adds to the data (expand): a return brings back the software, which "
            "runs on what was added."
        ),
        (
            "마이그레이션은 데이터를 추가만 합니다(expand). 되돌린 소프트웨어는 추가된 데이터 위에서 "
            "실행됩니다."
        ),
    ),
    (
        (
            "Its migration takes away data that an older release used (contract): a return brings "
            "back the software, not the data; {version} must not need them, and no release before it "
            "runs."
        ),
        (
            "마이그레이션이 이전 릴리스가 쓰던 데이터를 없앱니다(contract). 되돌려도 데이터는 "
            "돌아오지 않으며, {version}에 그 데이터가 필요해서는 안 되고 그 이전 릴리스는 실행되지 "
            "않습니다."
        ),
    ),
    (
        "Its migration changes data; a return takes the software back, not the data.",
        "마이그레이션이 데이터를 바꿉니다. 되돌려도 데이터는 돌아오지 않습니다.",
    ),
    (
        (
            "Nothing of it starts before {n} people with the role {role} said yes, one of whom "
            "neither shipped nor proposed it."
        ),
        (
            "{role} 역할의 {n}명이 승인하기 전에는 아무것도 시작하지 않으며, 한 명은 릴리스를 내거나 "
            "제안하지 않은 사람이어야 합니다."
        ),
    ),
    ("Nothing of it starts before {why}.", "다음 전에는 아무것도 시작하지 않습니다: {why}."),
    (
        "{what} said yes, one of whom neither shipped nor proposed it",
        "{what}의 승인, 한 명은 릴리스를 내거나 제안하지 않은 사람",
    ),
    ("Without that it ends after {n} days.", "승인되지 않으면 {n}일 뒤 끝납니다."),
    ("{n} people with the role {role}", "{role} 역할의 {n}명"),
    ("{n} person with the role {role}", "{role} 역할의 {n}명"),
    ("{what} with the role {role}", "{role} 역할의 {what}"),
    ("1 person", "1명"),
    ("{n} people", "{n}명"),
    ("Before share {n} {what}.", "비중 {n} 전: {what}."),
    ("Before share {n}", "비중 {n} 전"),
    ("Before it gets anything {what}.", "요청을 받기 전: {what}."),
    ("Before it gets anything", "요청을 받기 전"),
    ("smoke test {text} has to go well", "스모크 시험 {text}이(가) 통과해야 함"),
    ("command {text} has to go well", "명령 {text}이(가) 성공해야 함"),
    ("{what} has to go well", "{what}이(가) 잘 되어야 함"),
    ("smoke test", "스모크 시험"),
    ("it waits until a person resumes it ({text})", "사람이 재개할 때까지 대기({text})"),
    ("{what} must say yes ({text})", "{what}이(가) 허용해야 함({text})"),
    ("{what} must say yes", "{what}이(가) 허용해야 함"),
    ("the plant's calendar", "공장 달력"),
    ("the state of production", "생산 상태"),
    ("the outside system", "외부 시스템"),
    ("the rest of its set", "세트의 나머지"),
    (
        "It goes to the former release in one step, watched by health only.",
        "이전 릴리스로 한 번에 돌아가며 상태 검사만 합니다.",
    ),
    (
        "It is the first release here: nothing to compare it with, and nothing to return to.",
        "여기서 첫 릴리스라 비교하거나 되돌릴 대상이 없습니다.",
    ),
    (
        (
            "Release {version} is stopped before the new one starts: there is a gap in service, and "
            "another one if it has to return."
        ),
        (
            "새 릴리스가 시작하기 전에 {version}을(를) 종료하므로 서비스가 잠시 끊기고, 되돌릴 때 한 "
            "번 더 끊깁니다."
        ),
    ),
    (
        "Release {version} is stopped before the new one starts: there is a gap in service",
        "새 릴리스가 시작하기 전에 {version}을(를) 종료하므로 서비스가 잠시 끊김",
    ),
    ("{why}, and another one if it has to return.", "{why}, 되돌릴 때 한 번 더 끊깁니다."),
    (
        "No evidence is waited for: it goes on after its soak unless harm is seen.",
        "근거를 기다리지 않고, 문제가 없으면 관찰 후 진행합니다.",
    ),
    (
        "Requests with {text} go to it while its share is {n}.",
        "비중이 {n}인 동안 {text} 요청은 후보로 갑니다.",
    ),
    (
        (
            "{n} of the stable release's requests are sent to it as well while its share is {m}; its "
            "answers are dropped."
        ),
        "비중이 {m}인 동안 안정 릴리스 요청의 {n}를 후보에도 보내고 응답은 버립니다.",
    ),
    ("{n} of the stable release's requests", "안정 릴리스 요청의 {n}"),
    ("while its share is {n}", "비중이 {n}인 동안"),
    (
        "{what} are sent to it as well {how}; its answers are dropped.",
        "{how} {what}을(를) 후보에도 보내고 응답은 버립니다.",
    ),
    ("Wave {n} (up to ring {ring}): {what}, {m} more.", "{n}차({ring} 링까지): {what}, {m}대 추가."),
    ("Wave {n}{text}: {what}, {m} more.", "{n}차{text}: {what}, {m}대 추가."),
    ("(up to ring {ring})", "({ring} 링까지)"),
    (
        "No further station stands in ring {text}: no wave of its own.",
        "{text} 링에는 추가 스테이션이 없어 별도 차수가 없습니다.",
    ),
    ("{n} pinned stations stay where they are.", "고정된 스테이션 {n}대는 그대로 둡니다."),
    (
        (
            "A wave is full when {n} of its stations that can be reached confirmed it, at least one; "
            "after {m} h without that it comes back. More than {k} of those asked that failed take "
            "it back. Stations that are switched off catch up."
        ),
        (
            "연락되는 스테이션의 {n}(최소 1대)가 확인하면 차수가 완료되며, {m}시간 안에 안 되면 "
            "되돌립니다. 요청한 스테이션 중 {k}를 넘게 실패하면 되돌립니다. 꺼진 스테이션은 나중에 "
            "따라옵니다."
        ),
    ),
)
