"""What the people at a station read of an update, in English and Korean. Pure."""

from andon_wire.protocol import Phase, UnitState

Words = dict[str, str]  # by language: en, ko
_PLAIN = {
    Phase.INSTALLING: ("Installing version {wanted}.", "버전 {wanted} 설치 중."),
    Phase.READY: (
        "Version {wanted} is ready. It starts after this serial.",
        "버전 {wanted} 준비 완료. 이 시리얼을 마치면 시작합니다.",
    ),
    Phase.SWITCHING: ("Changing to version {wanted}.", "버전 {wanted}(으)로 바꾸는 중."),
    Phase.WATCHING: (
        "Version {running} is running and is being watched.",
        "버전 {running} 실행 중, 상태를 확인하고 있습니다.",
    ),
    Phase.RETURNING: ("Going back to the former version.", "이전 버전으로 되돌리는 중."),
}


def sentence(state: UnitState, *, is_ending: bool = False, rests: str = "") -> Words:
    """What to show. rests: why no download goes on, empty where one does."""
    if is_ending:
        return _two(
            f"Restarting now for version {state.wanted}.", f"지금 버전 {state.wanted}(으)로 다시 시작합니다."
        )
    if state.phase in _PLAIN:
        return _two(
            *(each.format(wanted=state.wanted, running=state.running) for each in _PLAIN[state.phase])
        )
    special = {
        Phase.DOWNLOADING: _downloading(state, rests),
        Phase.FAILED: _failed(state),
        Phase.HELD: _held(state),
    }
    return special.get(state.phase) or _idle(state)


def _held(state: UnitState) -> Words:
    return _two(
        f"Updates are stopped: {state.reason or 'a person has to look'}. Call maintenance.",
        f"업데이트가 멈췄습니다: {state.reason or '확인이 필요합니다'}. 담당자를 부르십시오.",
    )


def _downloading(state: UnitState, rests: str) -> Words:
    part = f"{state.progress:.0%}" if state.progress is not None else ""
    if rests:
        return _two(
            f"Version {state.wanted} is available. The download waits. {part}".rstrip(),
            f"새 버전 {state.wanted}이(가) 있습니다. 다운로드가 대기 중입니다. {part}".rstrip(),
        )
    return _two(
        f"Downloading version {state.wanted} {part}".rstrip() + ".",
        f"버전 {state.wanted} 다운로드 중 {part}".rstrip() + ".",
    )


def _failed(state: UnitState) -> Words:
    why = state.reason or "no reason is known"
    return _two(
        f"Version {state.wanted} was taken back because {why}. Version {state.running} runs.",
        f"버전 {state.wanted}을(를) 되돌렸습니다. 이유: {why}. 현재 버전 {state.running}.",
    )


def _idle(state: UnitState) -> Words:
    if state.running is None:
        return _two("No version is installed yet.", "설치된 버전이 없습니다.")
    return _two(f"Version {state.running} is running.", f"버전 {state.running} 실행 중.")


def _two(english: str, korean: str) -> Words:
    return {"en": english, "ko": korean}
