"""What an authority makes is what browsers accept; what people bring is checked before it is kept."""

import ipaddress
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import strategies as st

from andon.access.ca import authority, certificates
from andon.access.ca.authority import Brought, Layout
from andon.access.ca.certificates import Issuer
from andon.access.ca.model import Kind
from andon.kernel import files
from andon.kernel.clock import ManualClock
from andon.kernel.errors import AndonError, Conflict, Damaged, Forbidden, InvalidInput, NotFound, Untrusted

NAMES = ["andon.plant.local", "10.20.0.5", "::1", "localhost"]
PRIVATE = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
def own(tmp_path: Path, clock: ManualClock) -> Path:
    folder = tmp_path / "ca"
    authority.create_authority(folder, clock, "Plant CA")
    return folder


def certificates_of(path: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(path.read_bytes())


def verified(folder: Path, name: str, at: datetime, *, file: Path | None = None) -> None:
    """As a browser would: by the roots in trust.crt."""
    leaf, *middle = certificates_of(file or Layout(folder).server)
    subject = (
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() or ":" in name else x509.DNSName(name)
    )
    builder = PolicyBuilder().store(Store(certificates_of(Layout(folder).trust))).time(at)
    builder.build_server_verifier(subject).verify(leaf, middle)


@pytest.mark.asvs("11.2.3", "11.6.1")
def test_a_root_is_p256_lives_ten_years_and_its_key_is_its_owners_alone(
    own: Path, clock: ManualClock
) -> None:
    layout = Layout(own)
    (root,) = certificates_of(layout.certificate)
    assert isinstance(root.public_key(), ec.EllipticCurvePublicKey)
    assert root.not_valid_after_utc == clock.now() + timedelta(days=3650)
    assert stat.S_IMODE(layout.key.stat().st_mode) == 0o600
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).critical
    assert layout.trust.read_bytes() == layout.certificate.read_bytes()


def test_a_server_certificate_verifies_for_its_names_and_no_other(own: Path, clock: ManualClock) -> None:
    made = authority.issue_server(own, clock, NAMES)
    assert made.names == tuple(NAMES)
    for name in NAMES:
        verified(own, name, clock.now())
    for name in ("other.plant.local", "10.20.0.6", "plant.local"):
        with pytest.raises(VerificationError):
            verified(own, name, clock.now())
    with pytest.raises(VerificationError):
        verified(own, NAMES[0], clock.now() + timedelta(days=91))


def test_a_client_certificate_names_its_agent_and_cannot_serve(own: Path, clock: ManualClock) -> None:
    made = authority.issue_client(own, clock, "line-1.station-7", days=30)
    assert (made.kind, made.names) == (Kind.CLIENT, ("andon:agent/line-1.station-7",))
    file = Layout(own).client("line-1.station-7")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    leaf, *middle = certificates_of(file)
    store = Store(certificates_of(Layout(own).certificate))
    seen = PolicyBuilder().store(store).time(clock.now()).build_client_verifier().verify(leaf, middle)
    assert [each.value for each in seen.subjects or []] == ["andon:agent/line-1.station-7"]
    assert not certificates.may_serve(leaf)
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_serials_differ_and_identifiers_chain(own: Path, clock: ManualClock) -> None:
    serials = {authority.issue_server(own, clock, NAMES).serial for _ in range(5)}
    assert len(serials) == 5
    (root,), (leaf, *_) = certificates_of(Layout(own).certificate), certificates_of(Layout(own).server)
    subject = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert issuer.key_identifier == subject.digest


def test_a_limited_root_does_not_count_outside_its_names(tmp_path: Path, clock: ManualClock) -> None:
    folder = tmp_path / "ca"
    authority.create_authority(folder, clock, permitted=["plant.local", "10.20.0.0/16"])
    authority.issue_server(folder, clock, ["andon.plant.local", "10.20.0.5"])
    verified(folder, "andon.plant.local", clock.now())
    authority.issue_server(folder, clock, ["bank.example"])
    with pytest.raises(VerificationError):
        verified(folder, "bank.example", clock.now())


def test_an_authority_is_never_overwritten(own: Path, clock: ManualClock) -> None:
    before = Layout(own).key.read_bytes()
    with pytest.raises(Conflict) as caught:
        authority.create_authority(own, clock)
    assert caught.value.code == "already-an-authority"
    assert Layout(own).key.read_bytes() == before


def test_a_creation_that_was_cut_short_is_done_again(own: Path, clock: ManualClock) -> None:
    Layout(own).certificate.unlink()  # it is written last
    authority.create_authority(own, clock)
    authority.issue_server(own, clock, NAMES)
    verified(own, "localhost", clock.now())


def test_it_is_renewed_in_the_last_third_of_its_life_and_keeps_its_names(
    own: Path, clock: ManualClock
) -> None:
    first = authority.issue_server(own, clock, NAMES, days=90)
    clock.advance(timedelta(days=59))
    assert authority.renew(own, clock) is None
    clock.advance(timedelta(days=2))
    second = authority.renew(own, clock)
    assert second is not None
    assert (second.names, second.serial != first.serial) == (first.names, True)
    assert second.expires_at > clock.now() + timedelta(days=89)
    verified(own, "andon.plant.local", clock.now())
    assert authority.renew(own, clock) is None


def test_renewal_keeps_the_length_of_the_life(own: Path, clock: ManualClock) -> None:
    first = authority.issue_server(own, clock, NAMES, days=90)
    for _ in range(5):
        clock.advance(timedelta(days=80))
        renewed = authority.renew(own, clock)
        assert renewed is not None
        assert renewed.expires_at - renewed.valid_from == first.expires_at - first.valid_from


def test_a_certificate_does_not_outlive_its_authority(own: Path, clock: ManualClock) -> None:
    clock.advance(timedelta(days=3640))
    made = authority.issue_server(own, clock, NAMES)
    assert made.expires_at == clock.now() + timedelta(days=10)
    assert authority.renew(own, clock) is None
    clock.advance(timedelta(days=11))
    with pytest.raises(Conflict, match="expired"):
        authority.issue_server(own, clock, NAMES)


@pytest.mark.parametrize("point", ["before", "after"])
def test_a_crash_leaves_a_key_that_belongs_to_its_certificate(
    own: Path, clock: ManualClock, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.issue_server(own, clock, NAMES)
    clock.advance(timedelta(days=80))
    write = files.write

    def dies(path: Path, content: bytes, *, mode: int = 0o644) -> None:
        if point == "after":
            write(path, content, mode=mode)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(files, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            authority.renew(own, clock)
    content = Layout(own).server.read_bytes()
    leaf = x509.load_pem_x509_certificates(content)[0]
    assert load_pem_private_key(content, None).public_key() == leaf.public_key()
    authority.renew(own, clock)
    verified(own, "localhost", clock.now())


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["with space"],
        ["*.plant.local"],
        ["10.0.0.300"],
        ["-x.local"],
        ["a" * 64 + ".local"],
        ["직행"],
        [""],
    ],
)
def test_what_is_no_name_is_refused(own: Path, clock: ManualClock, names: list[str]) -> None:
    with pytest.raises(InvalidInput):
        authority.issue_server(own, clock, names)
    assert not Layout(own).server.exists()


@pytest.mark.parametrize("name", ["../root", "", "a/b", "A", "x..y", "a" * 80])
def test_a_clients_name_cannot_leave_the_folder(own: Path, clock: ManualClock, name: str) -> None:
    with pytest.raises(InvalidInput):
        authority.issue_client(own, clock, name)


@pytest.mark.parametrize("days", [0, -1, 826])
def test_lives_are_bounded(own: Path, clock: ManualClock, days: int) -> None:
    with pytest.raises(InvalidInput):
        authority.issue_server(own, clock, NAMES, days=days)


def test_without_an_authority_there_is_a_clear_word(tmp_path: Path, own: Path, clock: ManualClock) -> None:
    with pytest.raises(NotFound) as caught:
        authority.issue_server(tmp_path / "none", clock, NAMES)
    assert caught.value.hint == "andon ca init"
    Layout(own).key.unlink()
    with pytest.raises(NotFound) as caught:
        authority.issue_server(own, clock, NAMES)
    assert caught.value.code == "no-authority-key"


def test_a_key_that_others_may_read_is_not_used(own: Path, clock: ManualClock) -> None:
    Layout(own).key.chmod(0o640)
    with pytest.raises(Forbidden):
        authority.issue_server(own, clock, NAMES)


def test_a_foreign_key_in_the_folder_is_damage(own: Path, clock: ManualClock) -> None:
    Layout(own).key.write_bytes(certificates.new_key().private_bytes(*PRIVATE))
    with pytest.raises(Damaged, match="does not belong"):
        authority.issue_server(own, clock, NAMES)


def test_the_overview_says_what_is_there(own: Path, clock: ManualClock) -> None:
    server = authority.issue_server(own, clock, NAMES)
    authority.issue_client(own, clock, "one")
    seen = authority.describe(own)
    assert seen.authority is not None
    assert (seen.authority.kind, seen.can_issue, seen.server) == (Kind.AUTHORITY, True, server)
    assert [each.names for each in seen.clients] == [("andon:agent/one",)]
    assert len(server.fingerprint) == 95
    assert authority.describe(own.parent / "none").authority is None


# What people bring.


class Plant:
    """The plant's own authorities: a root, one below it, and servers' certificates."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.folder, self.clock = folder, clock
        folder.mkdir()
        self.root_key = rsa.generate_private_key(65537, 2048)
        self.root = self._sign("Plant Root", self.root_key, None, is_authority=True)
        self.key = certificates.new_key()
        self.issuing = self._sign("Plant Issuing", self.key, (self.root, self.root_key), is_authority=True)

    def _sign(self, name, key, issuer, *, is_authority, days=1000, names=(), begins=None):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        above, above_key = issuer or (None, key)
        begins = begins or self.clock.now() - timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(above.subject if above else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + timedelta(days=days))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above_key.public_key()), False)
        )
        if is_authority:
            builder = builder.add_extension(
                x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
            )
        if names:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
            builder = builder.add_extension(alternatives, critical=False).add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
            )
        return builder.sign(above_key, hashes.SHA256())

    def server(self, **changes):
        key = certificates.new_key()
        terms = {"is_authority": False, "days": 300, "names": ("mes.plant.local",)} | changes
        return self._sign("mes", key, (self.issuing, self.key), **terms), key

    def write(self, name: str, *content, private=None) -> Path:
        path = self.folder / name
        pem = b"".join(each.public_bytes(Encoding.PEM) for each in content)
        path.write_bytes(pem + (private.private_bytes(*PRIVATE) if private else b""))
        return path

    def brought(self, certificate, key, *chain) -> Brought:
        return Brought(
            self.write("given.crt", certificate),
            self.write("given.key", private=key),
            self.write("chain", *chain),
        )


@pytest.fixture
def plant(tmp_path: Path, clock: ManualClock) -> Plant:
    return Plant(tmp_path / "plant", clock)


def test_the_plants_authority_issues_and_the_root_verifies(tmp_path: Path, plant: Plant, clock) -> None:
    folder = tmp_path / "imported"
    authority.import_authority(folder, clock, plant.brought(plant.issuing, plant.key, plant.root))
    authority.issue_server(folder, clock, NAMES)
    assert certificates_of(Layout(folder).trust) == [plant.root]
    assert len(certificates_of(Layout(folder).server)) == 2
    verified(folder, "andon.plant.local", clock.now())
    assert stat.S_IMODE(Layout(folder).key.stat().st_mode) == 0o600


def test_the_plants_server_certificate_is_served_beside_our_own_authority(
    own: Path, plant: Plant, clock
) -> None:
    root = certificates_of(Layout(own).certificate)[0]
    certificate, key = plant.server()
    authority.import_server(own, clock, plant.brought(certificate, key, plant.issuing, plant.root))
    verified(own, "mes.plant.local", clock.now())
    assert certificates_of(Layout(own).trust) == [root, plant.root]
    clock.advance(timedelta(days=290))
    assert authority.renew(own, clock) is None  # not ours to renew


def test_a_chain_may_stand_in_the_certificates_own_file(tmp_path: Path, plant: Plant, clock) -> None:
    certificate, key = plant.server()
    file = plant.write("all.pem", certificate, plant.issuing, plant.root)
    authority.import_server(tmp_path / "x", clock, Brought(file, plant.write("k.pem", private=key)))
    verified(tmp_path / "x", "mes.plant.local", clock.now())


def test_what_is_wrong_with_what_was_brought_is_named(tmp_path: Path, plant: Plant, clock) -> None:
    good, key = plant.server()
    other = certificates.new_key()
    expired, expired_key = plant.server(begins=clock.now() - timedelta(days=301))
    future, future_key = plant.server(begins=clock.now() + timedelta(days=1))
    nameless, nameless_key = plant.server(names=())
    stranger = Plant(tmp_path / "stranger", clock)
    foreign, foreign_key = stranger.server()
    below_leaf = plant._sign("below", other, (good, key), is_authority=False, names=("x.local",))
    chain = (plant.issuing, plant.root)
    cases = {
        "key-mismatch": (good, other, *chain),
        "certificate-expired": (expired, expired_key, *chain),
        "certificate-not-yet-valid": (future, future_key, *chain),
        "issuer-missing": (good, key, plant.root),
        "bad-signature": (foreign, foreign_key, *chain),
        "not-for-servers": (nameless, nameless_key, *chain),
        "not-an-authority": (below_leaf, other, good, *chain),
    }
    for code, given in cases.items():
        with pytest.raises(AndonError) as caught:
            authority.import_server(tmp_path / "new", clock, plant.brought(*given))
        assert caught.value.code == code
        assert not Layout(tmp_path / "new").server.exists()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"nonsense", "bad-key"),
        (ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw")), "encrypted-key"),
        (ed25519.Ed25519PrivateKey.generate().private_bytes(*PRIVATE), "unfit-key"),
        (rsa.generate_private_key(65537, 1024).private_bytes(*PRIVATE), "unfit-key"),
    ],
)  # fmt: skip
def test_a_key_that_clients_would_not_take_is_named(
    tmp_path: Path, plant: Plant, clock, content, code
) -> None:
    certificate, _ = plant.server()
    brought = plant.brought(certificate, certificates.new_key(), plant.issuing, plant.root)
    brought.key.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        authority.import_server(tmp_path / "new", clock, brought)
    assert caught.value.code == code
    assert str(brought.key) in caught.value.message


def test_a_file_that_is_not_there_or_no_certificate_is_named(tmp_path: Path, plant: Plant, clock) -> None:
    brought = plant.brought(plant.issuing, plant.key, plant.root)
    with pytest.raises(NotFound):
        authority.import_authority(tmp_path / "n", clock, replace(brought, certificate=tmp_path / "none"))
    with pytest.raises(InvalidInput) as caught:
        authority.import_authority(tmp_path / "n", clock, replace(brought, certificate=brought.key))
    assert caught.value.code == "bad-certificate"


def test_a_servers_certificate_is_no_authority(tmp_path: Path, plant: Plant, clock) -> None:
    certificate, key = plant.server()
    with pytest.raises(InvalidInput) as caught:
        authority.import_authority(
            tmp_path / "n", clock, plant.brought(certificate, key, plant.issuing, plant.root)
        )
    assert caught.value.code == "not-an-authority"


def test_a_root_with_a_forged_signature_is_refused(tmp_path: Path, plant: Plant, clock) -> None:
    forged = plant._sign("Plant Root", certificates.new_key(), (plant.root, plant.key), is_authority=True)
    with pytest.raises(Untrusted):
        authority.import_authority(tmp_path / "n", clock, plant.brought(plant.issuing, plant.key, forged))


@hypothesis.given(st.text(max_size=80))
def test_no_text_makes_a_name_that_is_none(text: str) -> None:
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    key = _KEY
    try:
        made = certificates.server(Issuer(_ROOT, key), key, [text], clock.now(), timedelta(days=1))
    except InvalidInput:
        return
    (name,) = certificates.look(made).names
    assert name == text.strip().lower().rstrip(".") or ipaddress.ip_address(name)


_KEY = certificates.new_key()
_ROOT = certificates.authority("root", _KEY, datetime(2026, 3, 1, tzinfo=UTC), ())
