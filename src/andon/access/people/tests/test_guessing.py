import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.access.people.guessing import Guesser
from andon.kernel.errors import Damaged


def line_of(password):
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


@pytest.mark.parametrize(
    ("password", "is_easy"),
    [
        ("passwordpassword", True),
        ("qwertyuiopasdfgh", True),
        ("1111111111111111", True),
        ("andonandonandon", True),
        ("a quiet lake in the north", False),
        ("고요한 호수 북쪽에서 만나자", False),
    ],
)
@pytest.mark.asvs("6.2.4")
async def test_what_everybody_would_try_is_easy(password, is_easy):
    commonness = await Guesser().judge(password, ["andon", "mina", "kim"])
    assert (commonness.guesses < 8) is is_easy


async def test_a_very_long_password_is_judged_by_its_beginning():
    assert (await Guesser().judge("7fK q!" * 1000, [])).guesses > 0


@given(
    st.sets(st.text(st.characters(codec="utf-8"), max_size=8), min_size=1, max_size=40),
    st.booleans(),
    st.booleans(),
)
@pytest.mark.asvs("6.2.12")
def test_exactly_the_passwords_of_the_list_are_found(tmp_path_factory, listed, has_counts, is_crlf):
    path = tmp_path_factory.mktemp("breached") / "hashes.txt"
    ends = (":12" if has_counts else "") + ("\r\n" if is_crlf else "\n")
    path.write_bytes("".join(f"{each}{ends}" for each in sorted(map(line_of, listed))).encode())
    guesser = Guesser(path)
    assert all(guesser._is_breached(each) for each in listed)
    assert not any(guesser._is_breached(each + "?") for each in listed if each + "?" not in listed)


async def test_an_empty_list_has_nothing_and_a_missing_one_is_told(tmp_path):
    empty = tmp_path / "empty.txt"
    empty.write_bytes(b"")
    assert not (await Guesser(empty).judge("a quiet lake", [])).is_breached
    with pytest.raises(Damaged, match="cannot be read"):
        await Guesser(tmp_path / "missing.txt").judge("a quiet lake", [])
