from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from andon.access.people.lockout import ACCOUNT, ADDRESS, FOR_GOOD, NONE, attempted, given_back, wait

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def after(failures, limits=ACCOUNT):
    count, now = NONE, T0
    for _ in range(failures):
        now = count.blocked_until or now
        count = attempted(count, limits, now)
    return count, now


def test_the_fifth_failure_in_a_row_makes_the_next_wait_thirty_seconds():
    count, now = after(4)
    assert wait(count, now) is None
    count, now = after(5)
    assert wait(count, now) == timedelta(seconds=30)


def test_each_further_failure_doubles_the_wait_up_to_fifteen_minutes():
    waits = [wait(*after(each)) for each in range(5, 12)]
    assert [each.total_seconds() for each in waits] == [30, 60, 120, 240, 480, 900, 900]
    assert wait(*after(400)) == timedelta(minutes=15)


def test_a_wait_that_is_over_lets_exactly_one_attempt_in():
    count, now = after(5)
    assert wait(count, now + timedelta(seconds=30)) is None
    count = attempted(count, ACCOUNT, now + timedelta(seconds=30))
    assert wait(count, now + timedelta(seconds=30)) == timedelta(seconds=60)


def test_old_failures_are_forgotten():
    count, now = after(9)
    assert attempted(count, ACCOUNT, now + ACCOUNT.forget).failures == 1


def test_an_address_bears_more_failures_than_an_account():
    assert wait(*after(29, ADDRESS)) is None
    assert wait(*after(30, ADDRESS)) == timedelta(seconds=30)


def test_a_profile_can_lock_until_an_administrator_unlocks():
    assert wait(*after(5, FOR_GOOD)) == timedelta(days=366)


def test_what_is_given_back_was_no_failure_and_ends_its_own_wait():
    count, now = after(5)
    back = given_back(count)
    assert back.failures == 4
    assert wait(back, now) is None
    assert given_back(NONE).failures == 0


class Guessing(RuleBasedStateMachine):
    """Whatever the mix of right, wrong and unanswered attempts, guessing stays slow."""

    def __init__(self):
        super().__init__()
        self.count, self.now = NONE, T0
        self.wrong_since_right = []

    @rule(seconds=st.integers(0, 1200))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)

    def _enter(self):
        if wait(self.count, self.now) is not None:
            return False
        self.count = attempted(self.count, ACCOUNT, self.now)
        return True

    @rule()
    def a_wrong_one(self):
        if self._enter():
            self.wrong_since_right.append(self.now)

    @rule()
    def a_right_one(self):
        if self._enter():
            self.count, self.wrong_since_right = NONE, []

    @rule()
    def one_that_nobody_could_check(self):
        if self._enter():
            self.count = given_back(self.count)

    @invariant()
    def after_five_failures_they_are_apart(self):
        for index in range(5, len(self.wrong_since_right)):
            pause = self.wrong_since_right[index] - self.wrong_since_right[index - 1]
            assert pause >= timedelta(seconds=min(30 * 2 ** (index - 5), 900))

    @invariant()
    def nobody_waits_longer_than_the_longest(self):
        pause = wait(self.count, self.now)
        assert pause is None or pause <= ACCOUNT.longest


Guessing.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestGuessing = Guessing.TestCase
