from datetime import UTC, datetime, timedelta

import pytest

from andon.access.people.profiles import LONGEST, PROFILES, Commonness, faults, is_aged, normal

NIST, PART11, ANNEX11 = (PROFILES[each] for each in ("nist", "part11", "annex11-draft"))
SAFE = Commonness(guesses=20.0)
T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.asvs("6.2.5")
@pytest.mark.parametrize(
    ("profile", "password", "words"),
    [
        (NIST, "a quiet lake in the north", ()),
        (NIST, "ㅁ" * 3 + "고요한 호수 북쪽에서 만나자", ()),
        (NIST, "xxxxxxxxxxxxxxz", ()),
        (NIST, "mina walks over frozen lakes", ("mina",)),
        (PART11, "quiet Lake 7", ()),
        (ANNEX11, "Quiet lakes, 7 of them", ()),
    ],
)
def test_what_keeps_the_rules_is_taken(profile, password, words):
    assert faults(password, profile, words=words, commonness=SAFE) == []


@pytest.mark.parametrize(
    ("profile", "password", "said"),
    [
        (NIST, "x" * 14, "14 characters, and 15 are the least (nist)"),
        (NIST, "x" * (LONGEST + 1), f"{LONGEST} are the most"),
        (NIST, "a quiet lake\tin the north", "cannot be typed everywhere"),
        (PART11, "quietlakein7", "needs 3 of these"),
        (PART11, "Quiet Lake7", "11 characters"),
        (ANNEX11, "Quiet lakes, some of them", "needs all of these"),
    ],
)
@pytest.mark.asvs("6.2.1", "6.2.9")
def test_what_breaks_a_rule_is_told_with_the_rule(profile, password, said):
    found = faults(password, profile, commonness=SAFE)
    assert any(said in each for each in found)


def test_one_code_point_counts_as_one_character_after_nfkc():
    assert faults("ﬁ" * 8, NIST, commonness=SAFE) == []  # each becomes two
    assert normal("Å") == normal("Å") == normal("Å")


@pytest.mark.asvs("6.2.12")
def test_a_breached_password_is_refused_however_long():
    found = faults("a quiet lake in the north", NIST, commonness=Commonness(30, is_breached=True))
    assert "breached" in found[0]


@pytest.mark.asvs("6.2.4")
def test_an_easily_guessed_password_is_refused():
    assert "easy to guess" in faults("passwordpassword", NIST, commonness=Commonness(1.0))[0]


@pytest.mark.asvs("6.2.11")
def test_a_word_of_the_context_may_be_in_a_password_but_not_carry_it():
    assert "built on 'andon'" in faults("Andon-andon-2026", NIST, words=["andon"], commonness=SAFE)[0]
    assert faults("mina.kim.mina.kim", NIST, words=["mina", "kim"], commonness=SAFE)
    assert faults("the andon hangs over line 7", NIST, words=["andon"], commonness=SAFE) == []


def test_the_same_password_is_never_new():
    same = "a quiet lake in the north"
    assert faults(same, NIST, commonness=SAFE, former=same) == ["it is too much like the password before"]


def test_annex_11_refuses_what_is_like_the_one_before_and_nist_does_not():
    before, after = "Quiet lakes, 7 of them", "Quiet lakes, 8 of them"
    assert faults(after, ANNEX11, commonness=SAFE, former=before)
    assert not faults(after, NIST, commonness=SAFE, former=before)
    assert not faults("Loud rivers: 3 or 4 today", ANNEX11, commonness=SAFE, former=before)


@pytest.mark.parametrize(
    ("profile", "days", "expected"),
    [(NIST, 10_000, False), (ANNEX11, 10_000, False), (PART11, 89, False), (PART11, 90, True)],
)
@pytest.mark.asvs("6.2.10")
@pytest.mark.part11("11.300(b)")
def test_only_part_11_practice_lets_passwords_age(profile, days, expected):
    assert is_aged(profile, T0, T0 + timedelta(days=days)) is expected
    assert not is_aged(profile, None, T0)
