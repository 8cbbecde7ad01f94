"""Which grants a person's groups give, and how a DN is spelled so that two of them can be compared."""

from collections.abc import Iterable

from andon.access.directory.model import GroupRole
from andon.access.model import Grant, Scope

_SPECIAL = frozenset('\\,+"<>;=#')
_HEX = frozenset("0123456789abcdefABCDEF")


def grants_of(groups: Iterable[str], mapping: Iterable[GroupRole]) -> tuple[Grant, ...]:
    """The grants of somebody in `groups` (DNs), in the order of `mapping`, each once; no group, no grant."""
    dns = {normal_dn(each) for each in groups}
    names = {_own_name(each) for each in dns} - {""}
    found = [
        Grant(each.role, Scope(each.environment, each.unit, each.line))
        for each in mapping
        if _wanted(each.group) in (dns if "=" in each.group else names)
    ]
    return tuple(dict.fromkeys(found))


def normal_dn(dn: str) -> str:
    """One spelling of a DN: lower case, one space where there are many, one way of escaping (RFC 4514).

    Values are compared without regard to case, as nearly every naming attribute is (RFC 4519). Text that is
    no DN comes back in lower case.
    """
    parts = []
    for rdn in _split(dn, ",;"):
        pairs = sorted(_normal_pair(each) for each in _split(rdn, "+"))
        parts.append("+".join(pairs))
    return ",".join(parts)


def _wanted(group: str) -> str:
    return normal_dn(group) if "=" in group else _fold(group)


def _own_name(dn: str) -> str:
    """Value of the first `cn` of a normal DN; empty where its first part is none."""
    name, _, value = _split(_split(dn, ",")[0], "+")[0].partition("=")
    return _unescaped(value) if name == "cn" else ""


def _normal_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{name.strip().casefold()}{equals}{_escaped(_fold(_unescaped(_trimmed(value))))}"


def _split(text: str, separators: str) -> list[str]:
    """At each of `separators` that is neither escaped nor within quotes."""
    parts, start, is_quoted, index = [], 0, False, 0
    while index < len(text):
        if text[index] == "\\":
            index += 1
        elif text[index] == '"':
            is_quoted = not is_quoted
        elif text[index] in separators and not is_quoted:
            parts.append(text[start:index])
            start = index + 1
        index += 1
    return [*parts, text[start:]]


def _trimmed(value: str) -> str:
    """Without spaces around it; one that is escaped at the end is part of it."""
    cut = value.strip()
    trailing = len(cut) - len(cut.rstrip("\\"))
    cut = cut + " " if trailing % 2 else cut
    return cut[1:-1] if len(cut) > 1 and cut.startswith('"') and cut.endswith('"') else cut


def _unescaped(value: str) -> str:
    """`\\,` as `,` and `\\c3\\a9` as the letter of these UTF-8 bytes."""
    out, index = bytearray(), 0
    while index < len(value):
        pair = value[index + 1 : index + 3]
        if value[index] == "\\" and len(pair) == 2 and set(pair) <= _HEX:
            out.append(int(pair, 16))
            index += 3
        elif value[index] == "\\" and pair:
            out += pair[0].encode("utf-8", "replace")
            index += 2
        else:
            out += value[index].encode("utf-8", "replace")
            index += 1
    return out.decode("utf-8", "replace")


def _escaped(value: str) -> str:
    return "".join(f"\\{ord(each):02x}" if each in _SPECIAL or each < " " else each for each in value)


def _fold(value: str) -> str:
    return " ".join(value.casefold().split())
