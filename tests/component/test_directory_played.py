"""What Active Directory does and OpenLDAP does not, played by a server of this test that speaks the protocol.

A real Active Directory cannot be had here: its answers are taken from MS-ADTS and MS-ERREF.
"""

import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from ldap3.operation.bind import bind_response_operation
from ldap3.protocol.rfc4511 import (
    LDAPDN,
    AttributeDescription,
    ExtendedResponse,
    LDAPMessage,
    LDAPString,
    MessageID,
    PartialAttribute,
    PartialAttributeList,
    ProtocolOp,
    ResponseValue,
    ResultCode,
    SearchResultDone,
    SearchResultEntry,
    Vals,
)
from pyasn1.codec.ber import encoder

from andon.access.directory.ldap import LdapDirectory
from andon.access.directory.model import DirectorySettings
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Damaged, Forbidden, Unavailable

SERVICE, BASE = "cn=andon,dc=plant", "dc=plant"
ALICE, GUID = "CN=Alice,DC=plant", uuid4()
GROUPS = ["CN=Inner,DC=plant", "CN=Outer,DC=plant"]
BIND, SEARCH, EXTENDED = 0x60, 0x63, 0x77
IN_CHAIN, DOMAIN_SCOPE = b"1.2.840.113556.1.4.1941", b"1.2.840.113556.1.4.1339"
REFUSED = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {}, v3839"


@dataclass
class Played:
    """A domain controller as far as a sign-in sees it. Answers as set, and remembers what it was asked."""

    is_active_directory: bool = True
    bind: Callable[[str], tuple[int, str]] = lambda dn: (0, "")
    identity: bytes | None = b"u:PLANT\\alice"
    done: int = 0
    account_control: bytes = b"512"
    searches: list[bytes] = field(default_factory=list)  # as they came, controls included

    def answers(self, operation: bytes) -> list[tuple[str, object]]:
        kind, request, _ = an_element(operation)
        if kind == BIND:
            name = an_element(an_element(request)[2])[1]
            code, text = self.bind(name.decode())
            return [("bindResponse", bind_response_operation(code, "", text))]
        if kind == EXTENDED:
            return [("extendedResp", self._whoami())]
        if kind != SEARCH:
            return []
        if not an_element(request)[1]:
            capability = [b"1.2.840.113556.1.4.800"] if self.is_active_directory else []
            return [an_entry("", {"supportedCapabilities": capability}), a_done(0)]
        self.searches.append(operation)
        if b"member" in request:
            return [*(an_entry(each, {}) for each in GROUPS), a_done(self.done)]
        values = {
            "objectGUID": [GUID.bytes_le],
            "sAMAccountName": [b"alice"],
            "cn": ["앨리스".encode()],
            "userAccountControl": [self.account_control],
        }
        return [an_entry(ALICE, values), a_done(self.done)]

    def _whoami(self) -> ExtendedResponse:
        response = ExtendedResponse()
        response["resultCode"], response["matchedDN"] = ResultCode(0), LDAPDN("")
        response["diagnosticMessage"] = LDAPString("")
        if self.identity is not None:
            response["responseValue"] = ResponseValue(self.identity)
        return response


def an_element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first element, and what follows it (X.690, 8.1)."""
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start])
    return data[0], data[start : start + length], data[start + length :]


def an_entry(dn: str, values: dict[str, list[bytes]]) -> tuple[str, SearchResultEntry]:
    entry, attributes = SearchResultEntry(), PartialAttributeList()
    for index, (name, each) in enumerate(values.items()):
        part, held = PartialAttribute(), Vals()
        for place, value in enumerate(each):
            held[place] = value
        part["type"], part["vals"] = AttributeDescription(name), held
        attributes[index] = part
    entry["object"], entry["attributes"] = LDAPDN(dn), attributes
    return "searchResEntry", entry


def a_done(code: int) -> tuple[str, SearchResultDone]:
    done = SearchResultDone()
    done["resultCode"], done["matchedDN"] = ResultCode(code), LDAPDN("")
    done["diagnosticMessage"] = LDAPString("played")
    return "searchResDone", done


def serve(played: Played, connection: socket.socket) -> None:
    with connection, suppress(OSError):
        while data := connection.recv(65536):
            while data:
                _, message, data = an_element(data)
                _, number, operation = an_element(message)
                for kind, body in played.answers(operation):
                    answer = LDAPMessage()
                    answer["messageID"] = MessageID(int.from_bytes(number))
                    answer["protocolOp"] = ProtocolOp().setComponentByName(kind, body)
                    connection.sendall(encoder.encode(answer))


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def url(played: Played) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(played, server.accept()[0]), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"ldap://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.fixture
async def directory(url: str) -> AsyncIterator[LdapDirectory]:
    async def bind_password() -> str:
        return "service"

    settings = DirectorySettings(
        servers=(url,),
        start_tls=False,
        allow_plain=True,
        bind_dn=SERVICE,
        base_dn=BASE,
        user_filter="(&(objectCategory=person)(sAMAccountName={login}))",
        login_attribute="sAMAccountName",
        id_attribute="objectGUID",
        group_filter="(member={dn})",
    )
    opened = LdapDirectory(settings, bind_password=bind_password, clock=SystemClock())
    yield opened
    await opened.close()


async def test_active_directory_walks_the_groups_itself(played: Played, directory: LdapDirectory) -> None:
    person = await directory.authenticate("alice", "word")
    assert (person.id, person.display_name) == (str(GUID), "앨리스")
    assert person.groups == {each.lower() for each in GROUPS}
    assert [IN_CHAIN in each for each in played.searches] == [False, True]


async def test_active_directory_is_asked_for_its_own_entries_only(
    played: Played, directory: LdapDirectory
) -> None:
    await directory.authenticate("alice", "word")
    assert len(played.searches) == 2
    assert all(DOMAIN_SCOPE in each for each in played.searches)


async def test_other_servers_are_walked_step_by_step(played: Played, directory: LdapDirectory) -> None:
    played.is_active_directory = False
    person = await directory.authenticate("alice", "word")
    assert len(person.groups) == 2
    assert len(played.searches) == 3
    assert not any(IN_CHAIN in each or DOMAIN_SCOPE in each for each in played.searches)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("52e", "bad-credentials"),
        ("525", "bad-credentials"),
        ("775", "bad-credentials"),
        ("533", "account-disabled"),
        ("532", "account-disabled"),
        ("701", "account-disabled"),
        ("773", "account-disabled"),
    ],
)
async def test_only_who_knew_the_password_reads_that_the_account_is_disabled(
    played: Played, directory: LdapDirectory, data: str, code: str
) -> None:
    played.bind = lambda dn: (0, "") if dn == SERVICE else (49, REFUSED.format(data))
    with pytest.raises(Forbidden) as caught:
        await directory.authenticate("alice", "word")
    assert caught.value.code == code


async def test_a_disabled_account_of_active_directory_is_seen_when_it_is_looked_up_again(
    played: Played, directory: LdapDirectory
) -> None:
    person = await directory.authenticate("alice", "word")
    played.account_control = b"514"
    seen = await directory.find(person.id)
    assert seen is not None
    assert seen.is_disabled


@pytest.mark.parametrize("identity", [b"", None])
async def test_a_bind_that_the_server_takes_for_nobodys_is_no_success(
    played: Played, directory: LdapDirectory, identity: bytes | None
) -> None:
    played.identity = identity
    with pytest.raises(Damaged):
        await directory.authenticate("alice", "word")
    with pytest.raises(Damaged, match="anonymous"):
        await directory.probe()


@pytest.mark.asvs("16.5.3")
@pytest.mark.parametrize(("code", "kind"), [(8, Damaged), (13, Damaged), (51, Unavailable), (10, Damaged)])
async def test_a_bind_that_is_not_answered_by_yes_or_no_lets_nobody_in(
    played: Played, directory: LdapDirectory, code: int, kind: type[Exception]
) -> None:
    played.bind = lambda dn: (0, "") if dn == SERVICE else (code, "played")
    with pytest.raises(kind):
        await directory.authenticate("alice", "word")


@pytest.mark.asvs("16.5.3")
@pytest.mark.parametrize(
    ("code", "kind"), [(1, Damaged), (3, Unavailable), (10, Damaged), (50, Damaged), (52, Unavailable)]
)
async def test_a_search_that_ends_in_an_error_lets_nobody_in_whatever_came_before(
    played: Played, directory: LdapDirectory, code: int, kind: type[Exception]
) -> None:
    played.done = code
    with pytest.raises(kind):
        await directory.authenticate("alice", "word")
