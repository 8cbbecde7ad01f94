"""What a viewer is offered, and where a sign-in may lead."""

import pytest

from andon.access.model import Grant, Permission, Principal, PrincipalKind, Role, Scope, Where
from andon.access.rights import BUILTIN
from andon.api.callers import Caller
from andon.board.viewer import Viewer, local, roles_with
from andon.timeline.origin import Origin


def viewer(*grants: Grant, login: str = "minseo", roles=BUILTIN, limits=None) -> Viewer:
    principal = Principal(
        PrincipalKind.PERSON, login, login.title(), grants, user_id=f"us-{login}", session=f"se-{login}",
        roles=dict(roles), limits=limits,
    )  # fmt: skip
    return Viewer(Caller(principal, Origin(), {"production"}))


def test_an_engineer_is_offered_promoting_outside_production_only():
    seen = viewer(Grant("engineer"))
    assert seen.may("rollouts.promote", "staging", "mes")
    assert not seen.may("rollouts.promote", "production", "mes")
    assert seen.why_not("en", "rollouts.promote", "staging") == ""
    assert seen.why_not("en", "rollouts.promote", "production", "mes") == (
        "You lack the right “Promote early” for mes · production"
    )
    assert seen.why_not("ko", "cord.release", "*") == "모든 환경에 대한 ‘안돈 코드 해제’ 권한이 없습니다"


def test_nobody_may_anything_and_has_no_menu():
    nobody = Viewer()
    assert not nobody.may("floor.view")
    assert (nobody.menu(), nobody.name, list(nobody.roles)) == ([], "", [])


@pytest.mark.parametrize(
    ("role", "pages"),
    [
        ("viewer", ["/", "/fleet", "/timeline", "/signatures", "/policies"]),
        ("auditor", ["/", "/fleet", "/timeline", "/signatures", "/users", "/policies", "/registry"]),
        ("gone", []),
    ],
)
def test_the_menu_has_what_one_may_see(role, pages):
    assert [path for path, _ in viewer(Grant(role)).menu()] == pages


def test_the_menu_leaves_out_people_where_they_are_seen_in_one_place_only():
    narrow = viewer(Grant("admin", Scope("staging", "mes")))
    assert [path for path, _ in narrow.menu()] == ["/", "/fleet", "/timeline", "/signatures", "/policies"]
    assert narrow.why_not("en", "users.manage", "*", "*") == (
        "You lack the right “Manage people, roles and tokens” for every environment"
    )


def test_a_page_of_an_admin_is_never_a_viewers():
    assert viewer(Grant("admin")).key(personal=False) != viewer(Grant("viewer")).key(personal=False)
    assert Viewer().key(personal=False) != viewer(Grant("viewer")).key(personal=False)


@pytest.mark.parametrize(
    "other",
    [
        viewer(Grant("viewer", Scope("staging"))),
        viewer(Grant("viewer", Scope(unit="mes"))),
        viewer(Grant("viewer"), limits=(Grant("viewer", Scope("staging")),)),
        viewer(Grant("viewer"), roles={"viewer": Role("viewer", {Permission.LOGS_VIEW: Where.ANYWHERE})}),
    ],
)
def test_another_scope_limit_or_meaning_of_a_role_is_another_page(other):
    assert other.key(personal=False) != viewer(Grant("viewer")).key(personal=False)


@pytest.mark.asvs("14.2.2")
def test_the_same_rights_share_a_page_unless_it_is_personal():
    one, other = viewer(Grant("viewer")), viewer(Grant("viewer"), login="jiwoo")
    assert one.key(personal=False) == other.key(personal=False)
    assert one.key(personal=True) != other.key(personal=True)


@pytest.mark.asvs("1.2.2", "3.7.2")
@pytest.mark.parametrize(
    "path",
    [
        "https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "\\\\elsewhere",
        "javascript:alert(1)",
        "/\t/elsewhere.example", "/\n/elsewhere", "elsewhere", "", None, "/login?next=/", "/api/v1/me",
        "/static/board.js",
        "/" + "a" * 600, "///x", "/ok\x00",
    ],
)  # fmt: skip
def test_a_sign_in_leads_nowhere_else(path):
    assert local(path) == "/"


@pytest.mark.parametrize(
    "path", ["/", "/timeline?kind=cord.pulled&unit=mes", "/users/%EA%B9%80", "/rollouts/ro-1"]
)
def test_a_sign_in_comes_back_to_a_page(path):
    assert local(path) == path


def test_roles_that_include_a_right_are_named():
    assert roles_with(None, "rollouts.approve") == ["approver", "admin"]
