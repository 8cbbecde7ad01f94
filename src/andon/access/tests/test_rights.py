"""Every role, permission, scope and environment, against an oracle written from the specification."""

from itertools import product

import pytest

from andon.access.model import (
    EVERYWHERE,
    Grant,
    Permission,
    Place,
    Principal,
    PrincipalKind,
    Role,
    Scope,
    Where,
)
from andon.access.rights import (
    BUILTIN,
    anywhere,
    covers,
    is_admin,
    is_separated,
    is_within,
    permitted,
    roles_at,
)

# access.md, by hand: what each role adds. `~` marks what holds outside production only.
VIEWER = "floor.view timeline.view fleet.view"
OPERATOR = f"{VIEWER} logs.view cord.pull"
ENGINEER = (
    f"{OPERATOR} system.view pipelines.run pipelines.cancel rollouts.propose rollouts.control "
    "rollouts.abort rollouts.rollback instances.retry ~rollouts.deploy ~rollouts.promote ~cord.release "
    "~fleet.manage ~fleet.enrol"
)
APPROVER = ENGINEER.replace("~", "") + " rollouts.approve timeline.export"
GATEKEEPER = "floor.view gates.answer"
ALARM = "floor.view rollouts.alert"
ADMIN = (
    f"{APPROVER} gates.answer rollouts.alert policies.edit users.view users.manage secrets.manage "
    "fleet.check registry.collect"
)
AUDITOR = f"{VIEWER} logs.view system.view timeline.export users.view"
TABLE = {
    "viewer": VIEWER,
    "operator": OPERATOR,
    "engineer": ENGINEER,
    "approver": APPROVER,
    "gatekeeper": GATEKEEPER,
    "alarm": ALARM,
    "updater": "fleet.check",
    "admin": ADMIN,
    "auditor": AUDITOR,
}
ENVIRONMENTS, UNITS, LINES = ("staging", "production"), ("mes", "other"), ("l1", "l2")
SCOPES = [Scope(*each) for each in product(("*", *ENVIRONMENTS), ("*", "mes"), ("*", "l1"))]
PLACES = [
    Place(*each) for each in product((None, "*", *ENVIRONMENTS), (None, "*", *UNITS), (None, "*", *LINES))
]


def someone(*grants, limits=None, roles=None):
    return Principal(PrincipalKind.PERSON, "mina", "Mina", tuple(grants), limits=limits, roles=roles or {})


def lines_of(scope, wanted):
    """A grant for one line gives nothing where a line does not matter: silence is no line."""
    return [set()] if wanted is None and scope.line != EVERYWHERE else points(wanted, LINES)


def points(wanted, all_of_them):
    """The places meant: a list of alternatives (None) of which each is all that it names."""
    if wanted is None:
        return [{each} for each in all_of_them]
    return [set(all_of_them)] if wanted == EVERYWHERE else [{wanted}]


def oracle(role, permission, scope, place):
    """Allowed where, for some meaning of what does not matter, every point that is touched is given."""
    words = TABLE[role].split()
    is_anywhere, is_outside = permission.value in words, f"~{permission.value}" in words

    def given(environment, unit, line):
        in_scope = all(
            limit in ("*", there)
            for limit, there in zip(
                (scope.environment, scope.unit, scope.line), (environment, unit, line), strict=True
            )
        )
        return in_scope and (is_anywhere or (is_outside and environment != "production"))

    return any(
        bool(lines) and all(given(*each) for each in product(environments, units, lines))
        for environments in points(place.environment, (*ENVIRONMENTS, "another"))
        for units in points(place.unit, UNITS)
        for lines in lines_of(scope, place.line)
    )


def test_every_builtin_role_is_in_the_table_and_no_other():
    assert set(TABLE) == set(BUILTIN)
    assert all(role.is_builtin for role in BUILTIN.values())


@pytest.mark.parametrize("role", TABLE)
@pytest.mark.part11("11.10(g)")
def test_a_role_gives_what_the_specification_says_and_nothing_more(role):
    wrong = []
    for scope, permission in product(SCOPES, Permission):
        principal = someone(Grant(role, scope))
        for place in PLACES:
            expected = oracle(role, permission, scope, place)
            if permitted(principal, permission, place).is_allowed != expected:
                wrong.append((permission, scope, place, expected))
    assert not wrong[:5]


@pytest.mark.part11("11.10(d)", "11.10(g)")
def test_nobody_may_anything_without_a_grant():
    for permission, place in product(Permission, PLACES):
        answer = permitted(someone(), permission, place)
        assert not answer.is_allowed
        assert answer.grant is None
        assert answer.reason.startswith(f"mina lacks {permission}")


def test_a_role_that_is_gone_gives_nothing():
    assert not permitted(someone(Grant("former")), Permission.FLOOR_VIEW, Place()).is_allowed


def test_an_own_role_cannot_stand_for_a_builtin_one_that_is_missing_from_the_principal():
    own = {"packer": Role("packer", {Permission.CORD_PULL: Where.ANYWHERE})}
    principal = someone(Grant("packer"), Grant("viewer"), roles=own)
    assert permitted(principal, Permission.CORD_PULL, Place("production")).is_allowed
    assert permitted(principal, Permission.FLOOR_VIEW, Place()).is_allowed
    assert not permitted(principal, Permission.LOGS_VIEW, Place()).is_allowed


def test_other_environments_can_be_production_too():
    principal = someone(Grant("engineer"))
    place = Place("plant-2")
    assert permitted(principal, Permission.DEPLOY, place).is_allowed
    assert not permitted(principal, Permission.DEPLOY, place, ("production", "plant-2")).is_allowed


@pytest.mark.parametrize("role", TABLE)
@pytest.mark.parametrize("limit", TABLE)
def test_a_token_gives_what_its_owner_and_its_limits_both_give(role, limit):
    wide, narrow = Grant(role), Grant(limit, Scope("staging"))
    token = someone(wide, limits=(narrow,))
    for permission, place in product(Permission, PLACES):
        expected = all(permitted(someone(each), permission, place).is_allowed for each in (wide, narrow))
        assert permitted(token, permission, place).is_allowed == expected
    for permission in Permission:
        both = all(anywhere(someone(each), permission) for each in (wide, narrow))
        assert anywhere(token, permission) == both


def test_a_refused_token_is_named_as_the_reason():
    token = someone(Grant("admin"), limits=(Grant("viewer"),))
    assert "this token" in permitted(token, Permission.DEPLOY, Place("staging", "mes", "l1")).reason
    said = permitted(someone(), Permission.DEPLOY, Place(EVERYWHERE, EVERYWHERE)).reason
    assert said == "mina lacks rollouts.deploy in every environment"


def test_a_scope_covers_what_lies_in_it():
    assert covers(Scope(), Place(EVERYWHERE, EVERYWHERE, EVERYWHERE))
    assert covers(Scope("staging"), Place())
    assert not covers(Scope("staging"), Place(EVERYWHERE))


@pytest.mark.part11("11.10(d)", "11.10(g)")
@pytest.mark.parametrize("role", TABLE)
def test_a_grant_for_one_line_gives_nothing_where_no_line_is_named(role):
    one_line = Grant(role, Scope(line="l1"))
    for permission in Permission:
        for place in (Place(), Place("production", "mes"), Place("production", "mes", "l2"), Place(line="*")):
            assert not permitted(someone(one_line), permission, place).is_allowed
            assert not permitted(someone(Grant(role), limits=(one_line,)), permission, place).is_allowed
        assert not anywhere(someone(one_line), permission)
    own = next(iter(BUILTIN[role].permissions))
    assert permitted(someone(one_line), own, Place(line="l1")).is_allowed


def test_only_an_admin_without_a_limit_counts_as_one():
    assert is_admin([Grant("viewer"), Grant("admin")])
    assert not is_admin([Grant("admin", Scope("staging"))])
    assert not is_admin([Grant("approver")])


def test_what_is_within_somebodys_rights_is_allowed_to_them_everywhere_it_holds():
    for (mine, wanted), own, other in product(product(TABLE, TABLE), SCOPES[:6], SCOPES[:6]):
        if not is_within([Grant(wanted, other)], [Grant(mine, own)], BUILTIN):
            continue
        for permission, place in product(Permission, PLACES[::7]):
            if permitted(someone(Grant(wanted, other)), permission, place).is_allowed:
                assert permitted(someone(Grant(mine, own)), permission, place).is_allowed


def test_nobody_hands_on_more_than_they_have():
    assert is_within([], [], BUILTIN)
    assert is_within([Grant("viewer", Scope("staging"))], [Grant("operator")], BUILTIN)
    assert not is_within([Grant("viewer")], [Grant("operator", Scope("staging"))], BUILTIN)
    assert not is_within([Grant("approver")], [Grant("engineer")], BUILTIN)
    assert is_within([Grant("engineer")], [Grant("approver")], BUILTIN)


@pytest.mark.parametrize(
    ("approvers", "involved", "expected"),
    [
        ([], [], False),
        (["a"], [], True),
        (["a"], ["a"], False),
        (["a", "b"], ["a"], True),
        ([], ["a"], False),
        (["a", "b"], ["b", "a", "c"], False),
    ],
)
@pytest.mark.part11("11.10(g)")
def test_who_shipped_cannot_be_the_only_approver(approvers, involved, expected):
    assert is_separated(approvers, involved) is expected


def test_a_role_is_held_where_a_grant_of_it_reaches_and_no_other_stands_in():
    there = Place("production", "mes")
    grants = (Grant("approver", Scope("staging")), Grant("engineer"), Grant("qa-lead", Scope(unit="mes")))
    known = {"qa-lead": Role("qa-lead", {})}
    assert roles_at(someone(Grant("admin")), there) == {"admin"}
    assert roles_at(someone(*grants, roles=known), there) == {"engineer", "qa-lead"}
    assert roles_at(someone(*grants, roles=known), Place("staging", "mes")) == {
        "approver",
        "engineer",
        "qa-lead",
    }
    assert roles_at(someone(*grants, roles=known), Place("production", "line")) == {"engineer"}
    assert roles_at(someone(*grants), there) == {"engineer"}  # nobody has a role that is gone
    limited = someone(*grants, roles=known, limits=(Grant("engineer", Scope("staging")), Grant("qa-lead")))
    assert roles_at(limited, there) == {"qa-lead"}
