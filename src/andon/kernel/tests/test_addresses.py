"""A machine is counted as one, whichever of its addresses it takes."""

import pytest

from andon.kernel.addresses import origin_of


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8:0:0:ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("10.1.2.3", "::ffff:10.1.2.3", True),
        ("10.1.2.3", "10.1.2.4", False),
        ("", "testclient", False),
    ],
)
def test_a_machine_has_a_64_of_ipv6_and_one_address_of_ipv4(one: str, other: str, is_same: bool) -> None:
    assert (origin_of(one) == origin_of(other)) is is_same
