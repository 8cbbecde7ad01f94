"""Where a request came from, whether our own page sent it, and what browsers may do with the answer. Pure."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

SECURE = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""Headers of every answer that does not say them itself: no other site reads, frames or keeps it."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks whose word on where a request came from is believed."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, said: str) -> "Proxies":
        """`said`: networks, separated by commas. Raises: ValueError when one is none."""
        return cls(tuple(ipaddress.ip_network(each.strip()) for each in said.split(",") if each.strip()))

    def trusts(self, address: str | None) -> bool:
        """Whether `address` is in one of the networks; what is no address is not."""
        try:
            found = ipaddress.ip_address(address or "")
        except ValueError:
            return False
        return any(found in each for each in self.networks)

    def client(self, peer: str | None, forwarded: Sequence[str]) -> str | None:
        """The client's address: the last that no trusted proxy has vouched for; the peer's without one."""
        seen, at = [each.strip() for line in forwarded for each in line.split(",")], peer
        while seen and self.trusts(at):
            said = seen.pop()
            if not _is_address(said):
                break
            at = said
        return at

    def is_secure(self, peer: str | None, scheme: str, forwarded: str | None) -> bool:
        """Whether the client speaks HTTPS: to us, or to the proxy before us."""
        return scheme == "https" or (self.trusts(peer) and forwarded == "https")


def is_own_page(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that our own page sent the request; one that says nothing is not believed."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and bool(headers.get("host")) and urlsplit(origin).netloc == headers.get("host")


def _is_address(said: str) -> bool:
    try:
        ipaddress.ip_address(said)
    except ValueError:
        return False
    return True
