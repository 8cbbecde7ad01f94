"""Whose address it is, for what is counted by address."""

from ipaddress import IPv6Address, ip_address

_GROUPS_OF_64_BITS = 19  # characters of an exploded address: 2001:0db8:0000:0000


def origin_of(source: str) -> str:
    """What one machine has of addresses: of IPv6 its whole /64, of IPv4 one; what is no address stays."""
    try:
        address = ip_address(source.partition("%")[0])  # without the zone of a link
    except ValueError:
        return source
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or address.exploded[:_GROUPS_OF_64_BITS])
