"""What stands before every request."""

import pytest

from andon.api.guard import refuse_open_bind
from andon.kernel.errors import InvalidInput


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "[::1]", "localhost", "LocalHost"])
def test_the_loopback_may_be_listened_on(host):
    refuse_open_bind(host)


@pytest.mark.asvs("12.2.1")
@pytest.mark.part11("11.30")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "", "plant.example", "127.0.0.1.example"])
def test_any_other_address_is_refused_with_what_helps(host):
    with pytest.raises(InvalidInput, match="without TLS") as caught:
        refuse_open_bind(host)
    assert repr(host) in caught.value.message
    assert "127.0.0.1" in caught.value.hint


def test_with_tls_any_address_may_be_listened_on():
    refuse_open_bind("0.0.0.0", is_tls=True)
