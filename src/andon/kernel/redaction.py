"""Takes secrets out of what is about to be written down: log lines, tracebacks, problems, timeline texts.

Two nets, for one alone has holes: values whose key says that they are secret, and texts that look like a
secret wherever they stand. It is the last net, not the first: nothing should hand a secret to a log. A
password that is an ordinary word in the middle of a sentence is not found by anybody.

Every pattern runs in time linear in the text: repeats are bounded, or possessive. Pure; the log's processor
is in `logging.py`.
"""

import base64
import binascii
import functools
import itertools
import re
from collections.abc import Callable, Mapping, Set
from datetime import date, timedelta
from typing import Any

MASK = "[redacted]"

_DEEPEST = 8
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = frozenset(
    {
        *("password", "passwords", "passwd", "pwd", "passphrase", "secret", "secrets", "token", "tokens"),
        *("authorization", "cookie", "cookies", "credential", "credentials", "otp", "totp", "jwt", "csrf"),
        "apikey",
    }
)
_SECRET_PAIRS = frozenset(
    {
        *(("api", "key"), ("key", "material"), ("bind", "pw")),
        *(
            (kind, "key")
            for kind in ("private", "secret", "signing", "encryption", "access", "session", "aes")
        ),
    }
)
# What is known of a secret is none: token_id, password_changed_at, secret_name, password_file.
_ABOUT = frozenset(
    {
        *(
            "id",
            "ids",
            "name",
            "names",
            "at",
            "by",
            "age",
            "days",
            "count",
            "total",
            "length",
            "kind",
            "type",
        ),
        *("file", "path", "policy", "rule", "rules", "profile", "code", "error", "hint", "status", "state"),
        *("scope", "scopes", "limit", "expiry", "expires", "url", "uri", "fingerprint", "version", "format"),
    }
)

# A label at the end of a longer one counts too: bind_password, X-Api-Key. What stands before it is not
# matched, which would take time quadratic in the length of a long word.
_LABEL = (
    r"(?:pass(?:words?|wd|phrase)|pwd|secrets?|tokens?|credentials?|authorization|cookies?|csrf|jwt"
    r"|(?<![a-z])t?otp|api[_-]?key|(?:private|signing|encryption|access|session)[_-]?key|key[_-]material"
    r"|one[_-]time(?:[_-]\w{1,20})?)"
)
# One that is not closed ends with its line.
_QUOTED = r"""(?:"(?:[^"\\\r\n]|\\.)*+"?|'(?:[^'\\\r\n]|\\.)*+'?)"""
_NOTHING = r"(?:None|True|False|null|true|false)\b"

_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
)
# A port and a path may stand where a password could: http://host:80/a@b has none.
_URL_PASSWORD = re.compile(r"(://[^\s:/@?#\"'<>]{0,256}:)(?!\d{1,5}(?:[/?#\s]|\Z))[^\s\"'<>]{1,1024}@")
_URL_TOKEN = re.compile(r"(://)[^\s:/@?#\"'<>]{16,1024}@")
_ANDON = re.compile(r"andon_(?:[a-z0-9]{1,20}_){1,3}[0-9A-Za-z]{20,}+")
_JWT = re.compile(r"(?<![A-Za-z0-9])eyJ[\w-]{4,2048}(?:\.[\w-]*+){1,4}")
_BEARER = re.compile(r"\b(bearer\s{1,4})(?=\S{20}|\S{0,20}\d)(?=\S{8})[^\s\"',;]++", re.IGNORECASE)
_BASIC = re.compile(r"\b(basic\s{1,4})([A-Za-z0-9+/_-]{4,2048}={0,2})", re.IGNORECASE)
_SCHEME = re.compile(
    r"(authorization\s{0,4}[:=]\s{0,4})(?:basic|bearer|digest|negotiate|ntlm|token|apikey)\s[^\r\n\"']*+",
    re.IGNORECASE,
)
_COOKIE = re.compile(r"(cookie\s{0,4}[:=]\s{0,4})[^\s\"'=]{1,256}=[^\r\n\"']*+", re.IGNORECASE)
# ('authorization', 'Bearer ...'): headers as pairs. Of other labels this would be a list of words.
_PAIR = re.compile(
    rf"""((?:authorization|cookie|api-key|-token)["']\s{{0,4}},\s{{0,4}}b?){_QUOTED}""",
    re.IGNORECASE | re.DOTALL,
)
_ESCAPED = re.compile(rf"""({_LABEL}\\+["']\s{{0,4}}:\s{{0,4}}\\+(["']))(?:(?!\\+\2).)*+""", re.IGNORECASE)
_ASSIGNED_QUOTED = re.compile(rf"""({_LABEL}["']?\s{{0,4}}[:=]\s{{0,4}}b?){_QUOTED}""", re.IGNORECASE)
_KEYED = re.compile(
    rf"""({_LABEL}["']\s{{0,4}}:\s{{0,4}})(?!{_NOTHING})[^\s\"',}}\]\[{{(]++""", re.IGNORECASE
)
_ASSIGNED = re.compile(rf"({_LABEL}\s{{0,4}}=(?!=)\s{{0,4}})(?!{_NOTHING})[^\s&\"']++", re.IGNORECASE)
# "password: hunter2", but not "password: too short": what is all letters may be a sentence.
_TOLD = re.compile(
    rf"({_LABEL}\s{{0,4}}:\s{{0,4}})(?=\S{{4}})(?=[^\s0-9_+/=@#$%^&*~<>|\\]{{0,256}}"
    rf"[0-9_+/=@#$%^&*~<>|\\])[^\s\"']++",
    re.IGNORECASE,
)
# A quick look for a label with something behind it, in text that is lower case already.
_IS_LABELLED = re.compile(
    r"(?:pass[wp]|pwd|secret|token|credential|authorization|cookie|csrf|jwt|otp|key|one[_-]time)"
    r"[\w-]{0,24}\\*[\"']?\s{0,4}[:=,]"
)


def clean(text: str) -> str:
    """`text` with everything that looks like a secret replaced by `[redacted]`.

    Cleaning twice changes nothing more. What is not a secret is kept to the letter.
    """
    lowered = text.lower()
    for mark, pattern, replacement in _SHAPES:
        if mark in lowered:
            text = pattern.sub(replacement, text)
    if _IS_LABELLED.search(lowered):
        for pattern, replacement in _LABELLED:
            text = pattern.sub(replacement, text)
    return text


def clean_value(value: Any, *, key: str = "") -> Any:
    """`value` without secrets, as deep as it goes. Under a `key` that says secret, only the mask is left.

    Mappings and sequences come back as new ones; what is no JSON value comes back as its cleaned `repr`.
    """
    return _cleaned(value, key, _DEEPEST)


@functools.lru_cache(maxsize=4096)
def is_secret_key(key: str) -> bool:
    """Whether what stands under `key` is secret: `bind_password`, `X-Api-Key`; not `token_id`."""
    words = tuple(each.lower() for each in _WORDS.findall(key))
    pairs = set(itertools.pairwise(words))
    if ("one", "time") in pairs:
        return True
    if not words or words[-1] in _ABOUT:
        return False
    return not _SECRET_WORDS.isdisjoint(words) or not _SECRET_PAIRS.isdisjoint(pairs)


def _cleaned(value: Any, key: str, depth: int) -> Any:
    if value is None or value is True or value is False:
        return value
    if key and is_secret_key(key):
        return MASK if value != "" else value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int | float | date | timedelta):
        return value
    if depth > 0 and isinstance(value, Mapping):
        return {_key(name): _cleaned(each, str(name), depth - 1) for name, each in value.items()}
    if depth > 0 and isinstance(value, list | tuple | Set):
        return [_cleaned(each, "", depth - 1) for each in value]
    return clean(repr(value))


def _key(name: Any) -> Any:
    return clean(name) if isinstance(name, str) else name


def _quoted(found: re.Match[str]) -> str:
    """In the quotes that it stood in, so that JSON stays JSON."""
    quote = found[0][len(found[1])]
    return f"{found[1]}{quote}{MASK}{quote}"


def _basic(found: re.Match[str]) -> str:
    """Only what is a name and a password in base64: "basic authentication" is an ordinary word."""
    try:
        content = base64.b64decode(
            found[2].rstrip("=") + "=" * (-len(found[2].rstrip("=")) % 4), altchars=b"-_"
        )
    except (binascii.Error, ValueError):
        return found[0]
    is_pair = b":" in content and all(each >= 0x20 for each in content)
    return found[1] + MASK if is_pair else found[0]


_KEPT = rf"\1{MASK}"
_Replacement = str | Callable[[re.Match[str]], str]
# In this order; each with what must be in the lower-case text, which is found a hundred times faster.
_SHAPES: tuple[tuple[str, re.Pattern[str], _Replacement], ...] = (
    ("private key", _PEM, MASK),
    ("://", _URL_PASSWORD, rf"{_KEPT}@"),
    ("://", _URL_TOKEN, rf"{_KEPT}@"),
    ("andon_", _ANDON, MASK),
    ("eyj", _JWT, MASK),
    ("authorization", _SCHEME, _KEPT),
    ("bearer", _BEARER, _KEPT),
    ("basic", _BASIC, _basic),
    ("cookie", _COOKIE, _KEPT),
)
_LABELLED: tuple[tuple[re.Pattern[str], _Replacement], ...] = (
    (_PAIR, _quoted),
    (_ESCAPED, _KEPT),
    (_ASSIGNED_QUOTED, _quoted),
    (_KEYED, _KEPT),
    (_ASSIGNED, _KEPT),
    (_TOLD, _KEPT),
)
