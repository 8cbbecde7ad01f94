from hypothesis import given
from hypothesis import strategies as st

from andon.access.tokens.model import BASE62, MACHINE, PATTERN, PERSONAL, is_well_formed, written

RANDOM = st.text(BASE62, min_size=43, max_size=43)


@given(st.sampled_from([PERSONAL, MACHINE]), RANDOM)
def test_what_is_written_is_recognised_also_within_a_log(prefix, random):
    text = written(prefix, random)
    assert is_well_formed(text)
    assert PATTERN.search(f'Authorization: "Bearer {text}"')[0] == text


@given(RANDOM, st.integers(0, 58), st.sampled_from(BASE62))
def test_a_typing_error_is_noticed_without_asking_the_database(random, place, letter):
    text = written(PERSONAL, random)
    other = text[:place] + letter + text[place + 1 :]
    assert is_well_formed(other) is (other == text)


@given(st.text(max_size=80))
def test_other_text_is_no_token(text):
    assert not is_well_formed(text)
