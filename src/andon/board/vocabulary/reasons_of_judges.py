"""The judge's sentences. English and Korean."""

PHRASES: tuple[tuple[str, str], ...] = (
    ("(at least {n} times)", "(최소 {n}배)"),
    ("(at most {n} times)", "(최대 {n}배)"),
    ("(some {n} bad ones in all)", "(불량은 모두 {n}건쯤)"),
    ("evidence came while {why}", "근거가 들어오는 동안 {why}"),
    ("nothing was judged yet", "아직 판정하지 않음"),
    ("{how} (at least {n} times)", "{how} (최소 {n}배)"),
    ("{how} (at most {n} times)", "{how} (최대 {n}배)"),
    ("{how}, {n} times as many", "{how}, {n}배"),
    (
        "{metric}: {a} of {b} on the candidate against {c} of {d} on the stable",
        "{metric}: 후보 {b}건 중 {a}건, 안정 {d}건 중 {c}건",
    ),
    ("evidence {what}, limit {how}", "근거 {what}, 기준 {how}"),
    ("more than a million", "100만 초과"),
    ("more than a million to 1", "100만 대 1 초과"),
    ("{n} to 1", "{n} 대 1"),
    (
        "{metric}: {a} of {b} on the candidate, {n}, above the guardrail of {m}",
        "{metric}: 후보 {b}건 중 {a}건, {n}로 한계값 {m} 초과",
    ),
    ("{goal}: evidence {what}, limit {how}", "{goal}: 근거 {what}, 기준 {how}"),
    ("below {n} times the stable", "안정의 {n}배 미만"),
    ("below {n} times the stable or below {m}", "안정의 {n}배 미만 또는 {m} 미만"),
    ("{goal} or below {m}", "{goal} 또는 {m} 미만"),
    (
        "proof that it is {goal} is not in reach at these rates: {why}",
        "지금 비율로는 {goal}임을 입증할 수 없음: {why}",
    ),
    ("{metric}: no evidence from the candidate yet", "{metric}: 아직 후보의 근거가 없음"),
    ("proof that it is {goal} needs about {n}", "{goal}임을 입증하려면 약 {n}건 필요"),
    (
        ("proof that it is {goal} needs about {n} more on the candidate (some {m} bad ones in all): {why}"),
        "{goal}임을 입증하려면 후보에서 약 {n}건 더 필요(불량은 모두 {m}건쯤): {why}",
    ),
    (
        "proof that it is {goal} needs about {n} more on the candidate: {why}",
        "{goal}임을 입증하려면 후보에서 약 {n}건 더 필요: {why}",
    ),
    ("some {n} bad ones in all", "불량은 모두 {n}건쯤"),
    (
        "together too much to be chance ({text}): {why}",
        "지표를 함께 보면 우연이라 하기 어려움({text}): {why}",
    ),
    (
        "traffic is not split as intended: the candidate received {what}, at a share of {m}",
        "트래픽이 의도대로 나뉘지 않음: 비중 {m}인데 후보가 {what}을(를) 받음",
    ),
    ("{a} of {b} requests, {n}", "요청 {b}건 중 {a}건({n})"),
    ("nothing can be compared", "비교할 수 없음"),
    ("{how} (widened by {what})", "{how} (불확실성 반영: {what})"),
    (
        "evidence is widened by {what}, as the manifest states it",
        "매니페스트에 적힌 대로 근거를 넓게 봄: {what}",
    ),
    (
        "evidence is widened by {what}, as measured in {n} minutes of this plant's good releases",
        "이 공장의 정상 릴리스 {n}분을 측정한 대로 근거를 넓게 봄: {what}",
    ),
    ("evidence is widened by {what}", "근거를 넓게 봄: {what}"),
    ("noise {n} times that of independent events", "독립 사건의 {n}배인 잡음"),
    ("{what}, with rates {n} off for {m} minutes", "{what}, 비율이 {m}분 동안 {n} 벗어남"),
    (
        "the noise of this plant is not known yet and taken for {n} times that of independent events",
        "이 공장의 잡음을 아직 몰라 독립 사건의 {n}배로 봄",
    ),
    (
        "it will be known after {n} minutes of good releases with {m} bad events",
        "정상 릴리스 {n}분과 불량 {m}건이 쌓이면 알 수 있음",
    ),
    (
        (
            "{metric}: {a} of {b} took longer than {path} {unit} on the candidate against {c} of {d} "
            "on the stable"
        ),
        "{metric}: {path} {unit}를 넘은 것이 후보 {b}건 중 {a}건, 안정 {d}건 중 {c}건",
    ),
    (
        (
            "{metric}: {a} of {b} on the candidate, {n}, took longer than the guardrail of {path} "
            "{unit}, where 5 % may"
        ),
        "{metric}: 후보 {b}건 중 {a}건({n})이 한계값 {path} {unit} 초과, 5 %까지 허용",
    ),
    (
        "proof that it is {goal} is not in reach as it is: {why}",
        "지금대로는 {goal}임을 입증할 수 없음: {why}",
    ),
    ("less than {n} slower than the stable", "안정보다 {n} 이상 느리지 않음"),
    ("{goal} or within {text} in 95 of 100", "{goal} 또는 100건 중 95건이 {text} 이내"),
    (
        "{metric}: {n} on the stable say where its slowest lie",
        "{metric}: 안정의 느린 구간을 알려면 {n}건이 있어야 함",
    ),
    ("{n} on the stable say where its slowest lie", "안정의 느린 구간을 알려면 {n}건이 있어야 함"),
    ("{n} more are needed", "{n}건 더 필요"),
    ("no evidence of {text} from the candidate yet", "아직 후보의 {text} 근거가 없음"),
    ("the judge {text} refuses in {place}: {why}", "판정기 {text}가 {place}에서 거부함: {why}"),
    ("the judge {text} broke in {place}: {why}", "판정기 {text}가 {place}에서 고장남: {why}"),
    ("the judge {text} cannot judge here: {why}", "판정기 {text}는 여기서 판정할 수 없음: {why}"),
    ("it is not installed", "설치되지 않음"),
    ("any required metric", "필수 지표"),
    ("the policy requires no metric, so nothing can pass", "정책에 필수 지표가 없어 통과할 수 없음"),
)
