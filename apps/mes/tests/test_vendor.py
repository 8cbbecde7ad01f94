"""The vendor contract: the kit's seven dialects, each kind of mistake, and files of any bytes whatever."""

import json
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from andon_mes.cli import cli
from andon_mes.kernel.errors import InvalidInput
from andon_mes.vendor import kit, store
from andon_mes.vendor.check import check
from andon_mes.vendor.documents import as_document, contract_of
from andon_mes.vendor.model import Kind, Weight
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

SAMPLES = list(kit.samples())


@pytest.fixture(scope="module")
def contract(template):
    engine = sa.create_engine(f"sqlite:///{template}")
    with engine.connect() as connection:
        found = store.contract(connection)
    engine.dispose()
    return found


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.name)
def test_each_file_of_the_kit_becomes_what_its_index_says(sample, contract):
    found = check(sample.content, contract, sample.kind, zone=sample.zone)
    assert [each.code for each in found.findings] == list(sample.expected)
    assert found.is_accepted == sample.is_accepted
    assert (found.document is not None) == sample.is_accepted


def test_the_index_names_every_file_and_all_seven_processes(contract):
    assert {each.name for each in SAMPLES} | {kit.INDEX} == set(kit.files())
    said = {
        json.loads(each.content.decode("utf-8-sig"))["process_code"] for each in SAMPLES if each.is_accepted
    }
    assert said == set(contract.codes())


async def test_what_the_check_accepts_the_mes_books(plant, contract):
    _, serials = await plant.released_lot(1)
    route = ["start", *contract.codes()]
    for sample in sorted(
        (each for each in SAMPLES if each.is_accepted and each.name != "out-of-limits.json"),
        key=lambda each: route.index("start" if each.kind is Kind.START else _process(each, contract)),
    ):
        document = check(sample.content, contract, sample.kind, zone=sample.zone).document
        answer = await plant.post(f"/api/v1/process/{sample.kind}", document | {"serial_number": serials[0]})
        assert answer.status_code in {200, 201}, (sample.name, answer.text)
        if not document.get("is_pass", True):  # it is repeated, and passes
            assert (await plant.pass_process(serials[0], document["process_code"])).status_code == 200
    assert (await plant.serial(serials[0]))["status"] == "COMPLETED"


def _process(sample, contract):
    return check(sample.content, contract, sample.kind, zone=sample.zone).document["process_code"]


def test_the_published_contract_is_json_schema_and_comes_back_as_it_was(contract):
    document = json.loads(json.dumps(as_document(contract)))
    assert contract_of(document) == contract
    assert len(document["processes"]) == 7
    for each in document["processes"]:
        for kind in ("start", "complete"):
            Draft202012Validator.check_schema(each[kind])


@pytest.mark.parametrize(
    "document", [None, [], {}, {"version": 2}, {"version": 1}, {"version": 1, "processes": [1]}]
)
def test_what_is_no_contract_is_refused(document):
    with pytest.raises(InvalidInput):
        contract_of(document)


GOOD = {
    "serial_number": "FN-KR-251110D-001-0001",
    "process_code": "LMA",
    "operator_id": "OP-1",
    "is_pass": True,
    "timestamp": "2025-11-10T14:30:00+09:00",
}


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"serial_number": None}, "WRONG_TYPE", "serial_number"),
        ({"serial_number": "short"}, "WRONG_LENGTH", "serial_number"),
        ({"operator_id": ""}, "WRONG_LENGTH", "operator_id"),
        ({"is_pass": "true"}, "WRONG_TYPE", "is_pass"),
        ({"is_pass": 1}, "WRONG_TYPE", "is_pass"),
        ({"timestamp": 1762752600}, "WRONG_TYPE", "timestamp"),
        ({"timestamp": "2025-11-10T14:30:00"}, "TIME_WITHOUT_ZONE", "timestamp"),
        ({"timestamp": "2025-13-10T14:30:00Z"}, "TIME_UNREADABLE", "timestamp"),
        ({"cycle_time": -1}, "NOT_ALLOWED", "cycle_time"),
        ({"process_code": "LMAA"}, "PROCESS_UNKNOWN", "process_code"),
        ({"defect_code": "D002"}, "DEFECT_ON_PASS", "defect_code"),
        ({"is_pass": False, "defect_code": "D001"}, "DEFECT_CODE_UNKNOWN", "defect_code"),
        ({"is_pass": False, "defect_code": None}, "DEFECT_CODE_UNKNOWN", "defect_code"),
        ({"process_specific_data": []}, "WRONG_TYPE", "process_specific_data"),
        ({"components": [{"component_serial": "B1"}]}, "MISSING", "components.0.component"),
        ({"station": "A", "workstation": "A"}, "DOUBLE_NAME", "workstation"),
        ({"process_specific_data": {"torque": "1.2"}}, "WRONG_TYPE", "process_specific_data.torque"),
        (
            {"process_specific_data": {"torque_unit": "mm"}},
            "NOT_ALLOWED",
            "process_specific_data.torque_unit",
        ),
    ],
)
def test_a_mistake_is_named_with_its_field(change, code, field, contract):
    found = check(json.dumps(GOOD | change).encode(), contract, Kind.COMPLETE)
    errors = [each for each in found.findings if each.weight is Weight.ERROR]
    assert (errors[0].code, errors[0].field) == (code, field)
    assert errors[0].what.en
    assert errors[0].fix.ko


@pytest.mark.parametrize("name", ["serial_number", "process_code", "operator_id", "is_pass", "timestamp"])
def test_what_is_required_is_missed(name, contract):
    document = {key: value for key, value in GOOD.items() if key != name}
    found = check(json.dumps(document).encode(), contract, Kind.COMPLETE)
    assert [(each.code, each.field) for each in found.findings] == [("MISSING", name)]


def test_a_plants_own_schema_of_measurements_is_part_of_the_contract(contract):
    own = {
        "type": "object",
        "required": ["lma_model"],
        "properties": {"lma_model": {"enum": ["LMA-1", "LMA-2"]}},
    }
    document = as_document(contract)
    document["processes"][1]["measurements"] = own
    stricter = contract_of(document)
    missing = check(json.dumps(GOOD).encode(), stricter, Kind.COMPLETE)
    assert missing.is_accepted, "no measurements at all are not forced by their form"
    wrong = check(
        json.dumps(GOOD | {"process_specific_data": {"lma_model": "X"}}).encode(), stricter, Kind.COMPLETE
    )
    assert [(each.code, each.field) for each in wrong.findings] == [
        ("NOT_ALLOWED", "process_specific_data.lma_model")
    ]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=12), each, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(
    change=st.dictionaries(
        st.sampled_from([*GOOD, "cycle_time", "process_specific_data", "defect_code", "x"]), _JSON
    )
)
def test_any_document_is_checked_without_a_fault(change, contract):
    found = check(json.dumps(GOOD | change).encode(), contract, Kind.COMPLETE)
    assert found.is_accepted == (found.document is not None)


@settings(max_examples=60)
@given(content=st.binary(max_size=60))
def test_any_bytes_are_checked_without_a_fault(content, contract):
    found = check(content, contract, Kind.START)
    assert found.findings
    assert not found.is_accepted


async def test_the_contract_is_published(plant, contract):
    answer = await plant.get("/api/v1/vendor-contract")
    assert contract_of(answer.json()["data"]) == contract


def test_a_vendor_checks_at_home_with_the_contract_as_a_file(contract, tmp_path):
    (tmp_path / "contract.json").write_text(json.dumps(as_document(contract)))
    run = CliRunner()
    made = run.invoke(cli, ["vendor-kit", str(tmp_path / "kit")])
    assert made.exit_code == 0, made.output
    (tmp_path / "kit" / "good").mkdir()
    good = (tmp_path / "kit" / "pack.json").rename(tmp_path / "kit" / "good" / "pack.json")
    options = ["--contract", str(tmp_path / "contract.json"), "--json"]
    passed = run.invoke(cli, ["vendor-check", str(good.parent), *options])
    assert (passed.exit_code, json.loads(passed.output)[0]["accepted"]) == (0, True)
    refused = run.invoke(cli, ["vendor-check", str(tmp_path / "kit"), *options])
    assert refused.exit_code == 1
    in_words = run.invoke(
        cli, ["vendor-check", str(tmp_path / "kit" / "print-cp949.json"), "--lang", "ko", *options[:2]]
    )
    assert "UTF-8로 저장하세요" in in_words.output


def test_a_start_file_is_checked_as_one_by_its_name_unless_it_says_what_came_of_the_part(contract, tmp_path):
    (tmp_path / "contract.json").write_text(json.dumps(as_document(contract)))
    options = ["--contract", str(tmp_path / "contract.json")]
    start, renamed = tmp_path / "start.json", tmp_path / "START_PACK.json"
    start.write_bytes(kit.files()["start.json"])
    renamed.write_bytes(kit.files()["pack.json"])
    for arguments, exit_code in (
        ([str(start)], 0),
        ([str(renamed)], 0),
        ([str(start), "--kind", "complete"], 1),
    ):
        assert CliRunner().invoke(cli, ["vendor-check", *arguments, *options]).exit_code == exit_code


def test_a_folder_without_files_says_so(contract, tmp_path):
    (tmp_path / "contract.json").write_text(json.dumps(as_document(contract)))
    (tmp_path / "empty").mkdir()
    found = CliRunner().invoke(
        cli, ["vendor-check", str(tmp_path / "empty"), "--contract", str(tmp_path / "contract.json")]
    )
    assert (found.exit_code, "There is no .json in" in found.output) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing.json", "--contract", "nothing.json"],
        ["kit.toml", "--contract", "kit.toml"],
        ["nothing.json", "--zone", "Mars/Base"],
    ],
)
def test_what_cannot_be_checked_is_said_in_a_sentence(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kit.toml").write_bytes(kit.files()["kit.toml"])
    found = CliRunner().invoke(cli, ["vendor-check", *arguments])
    assert found.exit_code == 2
    assert "Traceback" not in found.output
    assert list(tmp_path.iterdir()) == [tmp_path / "kit.toml"], "nothing was made"


def test_the_examples_of_the_published_document_are_accepted(contract):
    text = (Path(__file__).parents[1] / "VENDORS.md").read_text()
    examples = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    for kind, example in zip([Kind.COMPLETE, Kind.START], examples, strict=True):
        assert check(example.encode(), contract, kind).findings == ()
