"""Holders of offline keys, for tests: their keys in memory, without a medium and a passphrase."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from andon.releases.ceremony import holders, signing
from andon.releases.ceremony.holders import PrivateKey, PublicKey
from andon.releases.ceremony.request import Request, Signatures


@dataclass(frozen=True)
class Holder:
    """A person with a key. medium: the file beside which it remembers what it signed."""

    signer: PrivateKey
    medium: Path

    @property
    def public(self) -> PublicKey:
        """What the server is given."""
        return self.signer.public_key

    def sign(self, request: Request) -> Signatures:
        """Sign as `andon keys sign` does."""
        return signing.sign(request, self.signer, self.medium)


def a_holder(folder: Path, name: str) -> Holder:
    """A holder with a fresh key, whose medium is `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    return Holder(holders.generate(name), folder / f"{name}{holders.KEY}")


def some_holders(folder: Path, names: Iterable[str] = ("kim", "lee", "park")) -> list[Holder]:
    """Three people, as the root of a plant has."""
    return [a_holder(folder, each) for each in names]
