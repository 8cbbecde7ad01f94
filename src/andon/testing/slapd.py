"""A real OpenLDAP server from Debian's package for tests, with its own data, ports and certificates."""

import contextlib
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from andon.kernel.clock import SystemClock
from andon.testing.ports import free_port

_HINT = "apt-get install slapd ldap-utils"
SUFFIX = "dc=plant,dc=example"
PEOPLE, GROUPS = f"ou=people,{SUFFIX}", f"ou=groups,{SUFFIX}"
ROOT_DN, ROOT_PASSWORD = f"cn=root,{SUFFIX}", "root-secret"
SERVICE_DN, SERVICE_PASSWORD = f"cn=andon,{SUFFIX}", "service-secret"

# Attributes of Active Directory under their own numbers, so that its entries can be played.
_SCHEMA = """
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.159 NAME 'accountExpires' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.1.1 NAME 'playedUser' AUXILIARY
  MAY ( objectGUID $ sAMAccountName $ userAccountControl $ accountExpires $ nsAccountLock ) )
"""

# bind_anon_cred makes a name without a password an anonymous success: a client must not step into it.
_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
{schema}
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload ppolicy
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
allow bind_anon_cred bind_anon_dn
sizelimit {size_limit}
threads 4
{tls}
database mdb
suffix {suffix}
rootdn {root_dn}
rootpw {root_password}
directory {folder}/data
maxsize 67108864
dbnosync
index objectClass,uid,entryUUID,member eq
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=hidden,{suffix}" by * none
access to * by dn.exact="{service_dn}" read by self read by * none
overlay memberof
overlay ppolicy
ppolicy_default "cn=policy,{suffix}"
"""

_TREE = f"""
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
dc: plant
o: Plant

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {GROUPS}
objectClass: organizationalUnit
ou: groups

dn: {SERVICE_DN}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: andon
userPassword: {SERVICE_PASSWORD}

dn: cn=policy,{SUFFIX}
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
"""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of a test."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, name: str = "Plant CA") -> "Authority":
        """A new one, which nobody trusts yet."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, subject, key, timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    def save(self, path: Path) -> Path:
        """Its certificate as PEM, to be trusted."""
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def issue(self, folder: Path, names: Sequence[str], *, ends_in: timedelta = timedelta(days=1)) -> None:
        """`server.pem` and `server.key` into `folder`, for these host names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        builder = _builder(subject, self.certificate.subject, key, ends_in)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_name(each) for each in names]), critical=False
        )
        signed = builder.sign(self.key, hashes.SHA256())
        (folder / "server.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        (folder / "server.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


@dataclass(slots=True)
class Slapd:
    """One server. `with` starts it with an empty tree of people and groups, and always ends it.

    has_tls: offers StartTLS and listens for LDAPS too.
    """

    folder: Path
    authority: Authority
    names: Sequence[str] = ("localhost", "127.0.0.1")
    certificate_ends_in: timedelta = timedelta(days=1)
    has_tls: bool = True
    size_limit: int = 2000
    extra: str = ""
    port: int = 0
    tls_port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        (self.folder / "data").mkdir(parents=True)
        self.authority.issue(self.folder, self.names, ends_in=self.certificate_ends_in)
        self.port, self.tls_port = free_port(), free_port()
        (self.folder / "slapd.conf").write_text(self._configuration())
        try:
            self.start()
            self.change(_TREE, adds=True)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Without TLS from the start."""
        return f"ldap://localhost:{self.port}"

    @property
    def tls_url(self) -> str:
        """With TLS from the start."""
        return f"ldaps://localhost:{self.tls_port}"

    def start(self) -> None:
        """Start it on its ports and wait until it listens."""
        urls = f"ldap://127.0.0.1:{self.port}"
        if self.has_tls:
            urls += f" ldaps://127.0.0.1:{self.tls_port}"
        log = (self.folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [_program("slapd"), "-f", str(self.folder / "slapd.conf"), "-h", urls, "-d", "none"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        _wait_until(self._listens)

    def stop(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """It takes connections, and answers nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def change(self, ldif: str, *, adds: bool = False, relaxes: bool = False) -> None:
        """Apply LDIF as the root of the tree. relaxes: also what only the server itself may write."""
        options = [*(["-a"] if adds else []), *(["-e", "relax"] if relaxes else [])]
        self._run("ldapmodify", *options, text=ldif)

    def add_person(self, login: str, password: str = "", *, name: str = "", extra: str = "") -> str:
        """A person; without a password where it is empty. Their DN."""
        dn = f"uid={login},{PEOPLE}"
        lines = [f"dn: {dn}", "objectClass: inetOrgPerson", "objectClass: shadowAccount"]
        lines += ["objectClass: playedUser", f"uid: {login}", f"cn: {name or login}", "sn: x"]
        lines += [f"userPassword: {password}"] if password else []
        self.change("\n".join([*lines, *textwrap.dedent(extra).strip().splitlines()]) + "\n", adds=True)
        return dn

    def add_group(self, name: str, members: Sequence[str]) -> str:
        """A group of these DNs. Its DN."""
        dn = f"cn={name},{GROUPS}"
        lines = [f"dn: {dn}", "objectClass: groupOfNames", f"cn: {name}", *(f"member: {m}" for m in members)]
        self.change("\n".join(lines) + "\n", adds=True)
        return dn

    def set(self, dn: str, attribute: str, value: str, *, relaxes: bool = False) -> None:
        """Give an entry's attribute this one value."""
        ldif = f"dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
        self.change(ldif, relaxes=relaxes)

    def rename(self, dn: str, rdn: str) -> str:
        """Give an entry another name in its place. Its new DN."""
        self.change(f"dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\n")
        return f"{rdn},{dn.partition(',')[2]}"

    def delete(self, dn: str) -> None:
        """Take an entry away."""
        self.change(f"dn: {dn}\nchangetype: delete\n")

    def delete_referral(self, dn: str) -> None:
        """Take away an entry that refers elsewhere, instead of being referred."""
        self._run("ldapdelete", "-MM", dn)

    def _listens(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"slapd ended: {(self.folder / 'log').read_text()[-2000:]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def _run(self, program: str, *options: str, text: str = "") -> None:
        command = [_program(program), "-x", "-H", f"ldap://127.0.0.1:{self.port}"]
        command += ["-D", ROOT_DN, "-w", ROOT_PASSWORD, *options]
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode()}")

    def _configuration(self) -> str:
        tls = "TLSCertificateFile {0}/server.pem\nTLSCertificateKeyFile {0}/server.key"
        text = _CONFIGURATION.format(
            schema=_SCHEMA,
            folder=self.folder,
            size_limit=self.size_limit,
            tls=tls.format(self.folder) if self.has_tls else "",
            suffix=SUFFIX,
            root_dn=ROOT_DN,
            root_password=ROOT_PASSWORD,
            service_dn=SERVICE_DN,
        )
        return text + self.extra


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, ends_in: timedelta
) -> x509.CertificateBuilder:
    now = SystemClock().now()
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(days=30)).not_valid_after(now + ends_in)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.defpath}:/usr/sbin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        raise FileNotFoundError(f"{name} is missing: {_HINT}")
    return found


def _wait_until(is_so: Callable[[], bool], *, seconds: float = 30) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + seconds
    while not is_so():
        if clock.monotonic() > deadline:
            raise TimeoutError("slapd does not listen")
        threading.Event().wait(0.02)
