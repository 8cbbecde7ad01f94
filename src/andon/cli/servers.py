"""Which Andon the command line speaks to, and by what it knows that it is the right one."""

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from andon.kernel.errors import InvalidInput
from andon.settings import Settings

_OF_ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  where it listens, not where we ask
_TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made without reading the system's certificates
_HOMES_CA = Path("ca", "trust.crt")


@dataclass(frozen=True, slots=True)
class Server:
    """`command`: what stands before a command that means this server, for hints. `ca`: whom to trust."""

    url: str
    command: str = "andon"
    ca: Path | None = None

    def trust(self) -> ssl.SSLContext:
        """What to check its certificate with.

        Raises:
            InvalidInput: the CA file cannot be read.
        """
        if self.url.startswith("http:"):
            return _TRUSTS_NOBODY
        from andon.kernel import tls  # brings what a server needs, too: half as long again to start

        return tls.client_context(self.ca) if self.ca is not None else ssl.create_default_context()


def of(settings: Settings) -> Server:
    """The Andon that the settings name, else the one of their home.

    Raises:
        InvalidInput: the address is none, or would carry passwords over a network in the clear.
    """
    if settings.url:
        return Server(_checked(settings.url), f"andon --url {settings.url}", settings.ca)
    host = _OF_ALL_ADDRESSES.get(settings.host, settings.host)
    scheme = "https" if settings.tls.is_on else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"
    return Server(url, f"andon --home {settings.home}", settings.ca or _own_ca(settings.home))


def _own_ca(home: Path) -> Path | None:
    path = home / _HOMES_CA
    return path if path.exists() else None


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        raise InvalidInput(
            "bad-url", f"{url} is no address of an Andon", hint="--url https://andon.plant:8460"
        )
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise InvalidInput(
            "plain-http",
            f"{url} would send passwords over the network in the clear",
            hint=f"--url https://{parts.netloc}",
        )
    return f"{parts.scheme}://{parts.netloc}"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
