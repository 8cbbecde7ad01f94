"""What callers show: credentials of devices, tokens of sign-ins, and what renews those.

Credentials and refresh tokens are 256 random bits, kept as their SHA-256 alone: they need no salt. A token
of a sign-in is a JWT, HS256 and nothing else, signed with a secret that the instances share.
"""

import contextlib
import hashlib
import os
import secrets
import stat
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from andon_mes.kernel.errors import Problem, Unidentified, Words

DEVICE_PREFIX = "mesd_"
_REFRESH_PREFIX = "mesr_"
_RANDOM_BYTES = 32
_LEAST_SECRET_BYTES = 32
_OURS = "andon-mes"
_ALGORITHM = "HS256"
_REQUIRED = ["aud", "exp", "iat", "iss", "jti", "sid", "sub"]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: whose it is, and of which sign-in."""

    username: str
    sign_in: str


class Tokens:
    """Makes and reads tokens of sign-ins. The secret is read, or made, when it is first needed."""

    def __init__(self, secret_file: Path | None, age: timedelta) -> None:
        self._secret_file = secret_file
        self.age = age

    def make(self, claims: Claims, now: datetime) -> str:
        """A token that holds for `age`."""
        import jwt

        said = {
            "iss": _OURS,
            "aud": _OURS,
            "sub": claims.username,
            "sid": claims.sign_in,
            "jti": uuid.uuid4().hex,
            "iat": int(now.timestamp()),
            "exp": int((now + self.age).timestamp()),
        }
        return jwt.encode(said, self.secret, _ALGORITHM)

    def read(self, token: str, now: datetime) -> Claims:
        """What a token says. Raises: Unidentified when it is not ours, or is over."""
        import jwt  # here: loading it costs a tenth of our start

        try:
            said = jwt.decode(
                token,
                self.secret,
                [_ALGORITHM],
                audience=_OURS,
                issuer=_OURS,
                # Times are held to our own clock, below.
                options={
                    "require": _REQUIRED,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            ends = datetime.fromtimestamp(int(said["exp"]), UTC)
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError) as error:
            raise unidentified(
                "TOKEN_INVALID",
                "The token is not one of this MES",
                "이 MES의 토큰이 아닙니다",
            ) from error
        if ends <= now:
            raise unidentified("TOKEN_EXPIRED", "The sign-in is over", "로그인이 만료되었습니다")
        return Claims(str(said["sub"]), str(said["sid"]))

    @cached_property
    def secret(self) -> bytes:
        """What tokens are signed with. Raises: SecretError when it cannot be used."""
        if self._secret_file is None:
            raise SecretError("ANDON_MES_SECRET_FILE names no file; with PostgreSQL it must")
        return _secret_in(self._secret_file)


class SecretError(Exception):
    """The file of the secret cannot be used; the text says why, and what to do."""


def unidentified(code: str, en: str, ko: str) -> Unidentified:
    """That it is not known who asks, with the reason."""
    return Unidentified(
        Problem(
            code,
            Words("It is not known who asks", "누구의 요청인지 알 수 없습니다"),
            Words(en, ko),
            Words(
                "Sign in with POST /api/v1/auth/login, or give the station a credential with "
                "andon-mes devices issue",
                "POST /api/v1/auth/login으로 로그인하거나 andon-mes devices issue로 "
                "설비에 자격 증명을 발급하세요",
            ),
        )
    )


def new_device_token() -> str:
    """A credential for a device; its prefix lets a scanner of secrets know it."""
    return DEVICE_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def new_refresh_token() -> str:
    """What renews a sign-in, once."""
    return _REFRESH_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def new_sign_in() -> str:
    """The name of a sign-in, which all its tokens share."""
    return str(uuid.uuid4())


def digest(token: str) -> str:
    """What is stored of a token, and what it is found by: 64 hexadecimal digits."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _secret_in(path: Path) -> bytes:
    """The secret of the file, which is made if absent; two instances that make it at once share one."""
    if not path.exists():
        _make(path)
    try:
        mode, secret = path.stat().st_mode, path.read_bytes().strip()
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise SecretError(f"{path} may be read by others; run chmod 600 {path}")
    if len(secret) < _LEAST_SECRET_BYTES:
        raise SecretError(f"{path} holds {len(secret)} bytes; the secret needs {_LEAST_SECRET_BYTES} or more")
    return secret


def _make(path: Path) -> None:
    own = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_urlsafe(2 * _RANDOM_BYTES).encode())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another instance was first: its secret is ours
            os.link(own, path)
        own.unlink()
    except OSError as error:
        raise SecretError(f"{path} cannot be made: {error.strerror}") from error
