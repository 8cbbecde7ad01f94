"""Checks Ed25519 signatures (RFC 8032, section 5.1.7) with the standard library alone.

It exists so that an auditor can verify an export with nothing installed but Python. It only verifies:
there is no secret here that timing could betray, and nothing in Andon signs with it (docs/adr/0009). Strict:
a point or a number that is not written in its one canonical form is refused.
"""

import hashlib
from typing import NamedTuple

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_SIGNATURE_BYTES, _KEY_BYTES = 64, 32


class _Point(NamedTuple):
    """Extended homogeneous coordinates, RFC 8032 section 5.1.4: x = X/Z, y = Y/Z, T = XY/Z."""

    x: int
    y: int
    z: int
    t: int


_NEUTRAL = _Point(0, 1, 1, 0)


def verify(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` of `message` was made with the private half of `key`."""
    if len(key) != _KEY_BYTES or len(signature) != _SIGNATURE_BYTES:
        return False
    public = _decoded(key)
    s = int.from_bytes(signature[32:], "little")
    if public is None or s >= _ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % _ORDER
    # R = sB - kA, without the cofactor, as other libraries do. Compared as it is encoded, so that another
    # form of R fails too.
    return _encoded(_two_products(s, _BASE, k, _negative(public))) == signature[:32]


def _decoded(encoded: bytes) -> _Point | None:
    """RFC 8032, section 5.1.3; None where it is no point or another form of one."""
    y = int.from_bytes(encoded, "little")
    is_odd, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if v * x * x % _P != u:
        x = x * _ROOT_OF_MINUS_ONE % _P
        if v * x * x % _P != u:
            return None
    if x == 0 and is_odd:
        return None
    if x & 1 != is_odd:
        x = _P - x
    return _Point(x, y, 1, x * y % _P)


def _encoded(point: _Point) -> bytes:
    inverse = pow(point.z, -1, _P)
    x, y = point.x * inverse % _P, point.y * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _negative(point: _Point) -> _Point:
    return _Point(_P - point.x, point.y, point.z, _P - point.t)


def _sum(one: _Point, other: _Point) -> _Point:
    a = (one.y - one.x) * (other.y - other.x) % _P
    b = (one.y + one.x) * (other.y + other.x) % _P
    c = 2 * one.t * other.t * _D % _P
    d = 2 * one.z * other.z % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return _Point(e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _double(point: _Point) -> _Point:
    a, b = point.x * point.x % _P, point.y * point.y % _P
    c = 2 * point.z * point.z % _P
    h = a + b
    e = h - (point.x + point.y) ** 2 % _P
    g = a - b
    f = c + g
    return _Point(e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _two_products(a: int, one: _Point, b: int, other: _Point) -> _Point:
    """a * one + b * other, both doubled together (Shamir's way)."""
    both = _sum(one, other)
    result = _NEUTRAL
    for bit in range(max(a.bit_length(), b.bit_length()) - 1, -1, -1):
        result = _double(result)
        match (a >> bit & 1, b >> bit & 1):
            case (1, 1):
                result = _sum(result, both)
            case (1, 0):
                result = _sum(result, one)
            case (0, 1):
                result = _sum(result, other)
    return result


def _base() -> _Point:
    base = _decoded((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    assert base is not None
    return base


_BASE = _base()
