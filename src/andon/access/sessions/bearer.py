"""Access tokens: short-lived JWTs that name a session (RFC 7519, RFC 8725; typ `at+jwt` of RFC 9068)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import jwt

from andon.access.sessions.keys import SigningKey
from andon.kernel.errors import Unauthenticated

_ISSUER, _AUDIENCE, _TYPE = "andon", "andon-api", "at+jwt"
_ALGORITHM = "EdDSA"
_REQUIRED = ("iss", "aud", "sub", "sid", "iat", "exp")
_SKEW = timedelta(seconds=60)  # between the clocks of two processes


class AccessTokens:
    """Writes and reads them. keys: the newest first."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self._newest = keys[0]
        self._public = {each.kid: each.private.public_key() for each in keys}

    def write(self, *, session_id: str, user_id: str, at: datetime, until: datetime) -> str:
        """A token for one session."""
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "iat": int(at.timestamp()),
            "exp": int(until.timestamp()),
        }
        headers = {"kid": self._newest.kid, "typ": _TYPE}
        return jwt.encode(claims, self._newest.private, algorithm=_ALGORITHM, headers=headers)

    def session_of(self, text: str, now: datetime) -> tuple[str, str]:
        """Session and person of a token that is right at `now`; whether the session stands is not asked.

        Raises:
            Unauthenticated: it is not ours, or not now.
        """
        try:
            header = jwt.get_unverified_header(text)
            key = self._public.get(str(header.get("kid")))
            if key is None or header.get("typ") != _TYPE:
                raise _refused()
            claims = jwt.decode(
                text,
                key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                # Time is read from our own clock, below.
                options={"require": list(_REQUIRED), "verify_exp": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise _refused() from error
        issued, expires = claims["iat"], claims["exp"]
        if not isinstance(issued, int) or not isinstance(expires, int):
            raise _refused()
        seconds = now.timestamp()
        if expires <= seconds or issued > seconds + _SKEW.total_seconds():
            raise Unauthenticated("token-expired", "the access token has run out", hint="refresh it")
        return str(claims["sid"]), str(claims["sub"])


def _refused() -> Unauthenticated:
    return Unauthenticated("bad-token", "this is no access token of this Andon", hint="andon login")
