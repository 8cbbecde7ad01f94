"""DNs that mean the same are spelled the same, and groups give the grants of the mapping and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.utils.dn import escape_rdn

from andon.access.directory.groups import grants_of, normal_dn
from andon.access.directory.model import GroupRole
from andon.access.model import Grant, Scope

OPS = "cn=ops,ou=groups,dc=plant,dc=example"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("CN=Ops,OU=Groups,DC=Plant,DC=Example", OPS),
        ("cn = ops , ou=groups ,dc=plant, dc=example", OPS),
        ("cn=ops;ou=groups;dc=plant;dc=example", OPS),
        ("cn=Kim\\, Minji,dc=x", "cn=Kim\\2c Minji,dc=x"),
        ('cn="Kim, Minji",dc=x', "cn=Kim\\, Minji,dc=x"),
        ("cn=\\ec\\9a\\b4\\ec\\98\\81,dc=x", "cn=운영,dc=x"),
        ("cn=a+uid=b,dc=x", "uid=B+cn=A,dc=x"),
        ("cn=two  spaces,dc=x", "cn=two spaces,dc=x"),
        ("cn=a\\\\,dc=x", "cn=a\\5c,dc=x"),
    ],
)
def test_two_spellings_of_one_dn_are_one(left: str, right: str) -> None:
    assert normal_dn(left) == normal_dn(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("cn=a\\,dc=x", "cn=a,dc=x"),
        ("cn=ops\\,ou=groups,dc=x", "cn=ops,ou=groups,dc=x"),
        ("cn=a\\+uid=b,dc=x", "cn=a+uid=b,dc=x"),
        ("cn=ops,dc=x", "uid=ops,dc=x"),
        ("cn=\\22a\\22,dc=x", "cn=a,dc=x"),
    ],
)
def test_two_dns_are_two(left: str, right: str) -> None:
    assert normal_dn(left) != normal_dn(right)


VALUE = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@given(st.lists(VALUE, min_size=1, max_size=4))
def test_normal_is_normal(values: list[str]) -> None:
    once = normal_dn(",".join(f"cn={escape_rdn(each)}" for each in values))
    assert normal_dn(once) == once


@given(VALUE, VALUE)
def test_no_value_can_pass_for_another_group(value: str, other: str) -> None:
    """Whoever may name a group cannot name it so that it reads as a different one."""
    dn = f"cn={escape_rdn(value)},ou=free,dc=plant"
    assert normal_dn(dn).endswith(",ou=free,dc=plant")
    same = " ".join(value.casefold().split()) == " ".join(other.casefold().split())
    assert (normal_dn(dn) == normal_dn(f"cn={escape_rdn(other)},ou=free,dc=plant")) == same


@given(st.text(max_size=40))
def test_text_that_is_no_dn_breaks_nothing(text: str) -> None:
    normal_dn(text)
    grants_of([text], [GroupRole(text, "viewer")])


def test_a_group_gives_its_role_on_its_scope() -> None:
    mapping = [
        GroupRole("CN=Ops,OU=Groups,DC=plant,DC=example", "operator", line="line-1"),
        GroupRole("ops", "viewer"),
        GroupRole("Engineers", "engineer", environment="staging", unit="mes"),
    ]
    assert grants_of([OPS], mapping) == (Grant("operator", Scope(line="line-1")), Grant("viewer"))
    assert grants_of(["cn=engineers,ou=else,dc=x"], mapping) == (Grant("engineer", Scope("staging", "mes")),)


def test_no_group_is_no_grant_and_a_grant_is_given_once() -> None:
    mapping = [GroupRole("ops", "viewer"), GroupRole(OPS, "viewer")]
    assert grants_of([], mapping) == ()
    assert grants_of([OPS], mapping) == (Grant("viewer"),)
    assert grants_of([OPS], []) == ()


@pytest.mark.parametrize(
    "group",
    ["cn=ops-more,ou=groups,dc=plant", "ou=ops,dc=plant", "cn=x,cn=ops,dc=plant", "cn=x\\,cn=ops,dc=y"],
)
def test_a_name_is_the_groups_own_and_whole(group: str) -> None:
    assert grants_of([group], [GroupRole("ops", "viewer")]) == ()


@pytest.mark.parametrize("group", ["cn=ops,ou=other,dc=plant,dc=example", "cn=ops,ou=groups,dc=plant"])
def test_a_dn_in_the_mapping_is_that_group_only(group: str) -> None:
    assert grants_of([group], [GroupRole(OPS, "admin")]) == ()


def test_an_empty_group_in_the_mapping_is_nobodys() -> None:
    assert grants_of([OPS, "", "ou=x"], [GroupRole("", "admin")]) == ()
