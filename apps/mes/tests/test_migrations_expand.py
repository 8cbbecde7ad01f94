"""The manifest says that migrations only add; these hold them to it."""

import ast
import tomllib
from pathlib import Path

import pytest
from andon_mes.store import migrations

_HERE = Path(__file__).parents[1]
_STEPS = sorted((Path(migrations.__file__).parent / "versions").glob("0*.py"))
_TAKES_AWAY = {"drop_table", "drop_column", "drop_index", "drop_constraint", "alter_column", "rename_table"}


def _calls(step):
    tree = ast.parse(step.read_text())
    up = next(each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "upgrade")
    return [node for node in ast.walk(up) if isinstance(node, ast.Call)]


def test_the_manifest_calls_the_migrations_what_they_are():
    manifest = tomllib.loads((_HERE / "andon.toml").read_text())
    assert manifest["run"]["migration"] == "expand"


@pytest.mark.parametrize("step", _STEPS, ids=lambda each: each.stem)
def test_a_migration_takes_nothing_away_from_the_release_before(step):
    named = {each.func.attr for each in _calls(step) if isinstance(each.func, ast.Attribute)}
    assert not named & _TAKES_AWAY


@pytest.mark.parametrize("step", _STEPS, ids=lambda each: each.stem)
def test_a_new_column_of_an_old_table_may_be_left_out_by_the_release_before(step):
    for call in _calls(step):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_column":
            column = call.args[1]
            assert isinstance(column, ast.Call)
            options = {each.arg: each.value for each in column.keywords}
            can_be_null = isinstance(options.get("nullable"), ast.Constant) and options["nullable"].value
            assert can_be_null or "server_default" in options, ast.unparse(column)
