"""Who and what may work: operator, equipment, recipe, where a station stands. Tables, then over HTTP."""

import itertools
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from andon_mes.processes.refusals import Refusal, Refuse, problem_of
from andon_mes.processes.workplace import (
    Demands,
    Equipment,
    Operator,
    Recipe,
    Workplace,
    is_at_least,
    refused_here,
)

T0 = datetime(2025, 11, 10, 3, tzinfo=UTC)
PAST, FUTURE = T0 - timedelta(seconds=1), T0 + timedelta(seconds=1)
QUALIFIED, KNOWN = Demands(qualification=True), Demands(known_operator=True)
HASHED = Demands(recipe=Recipe(configuration_hash="sha256:1"))
NEWEST = Demands(recipe=Recipe(minimum_version="2.10.0"))


def here(demands=None, **known):
    return Workplace(T0, demands or Demands(), **{"operator_id": "OP-1", "equipment_id": "E-1", **known})


PLACES = [
    ("nothing is demanded", here(), None),
    ("an unknown badge where every operator is known", here(KNOWN), Refusal.OPERATOR_UNKNOWN),
    ("a known badge", here(KNOWN, operator=Operator(is_qualified=False)), None),
    (
        "a badge that was taken back",
        here(KNOWN, operator=Operator(is_active=False)),
        Refusal.OPERATOR_UNKNOWN,
    ),
    ("an unknown badge where a qualification is needed", here(QUALIFIED), Refusal.OPERATOR_UNKNOWN),
    ("a qualified operator", here(QUALIFIED, operator=Operator()), None),
    ("one without", here(QUALIFIED, operator=Operator(is_qualified=False)), Refusal.OPERATOR_NOT_QUALIFIED),
    ("one that ran out", here(QUALIFIED, operator=Operator(valid_until=T0)), Refusal.OPERATOR_NOT_QUALIFIED),
    ("one that still holds", here(QUALIFIED, operator=Operator(valid_until=FUTURE)), None),
    ("nobody was named", here(QUALIFIED, operator_id=None), None),
    ("equipment must be registered", here(Demands(equipment=True)), Refusal.STATION_WRONG_PROCESS),
    (
        "equipment must be named",
        here(Demands(equipment=True), equipment_id=None),
        Refusal.STATION_WRONG_PROCESS,
    ),
    ("registered equipment of any process", here(Demands(equipment=True), equipment=Equipment()), None),
    ("of this process", here(equipment=Equipment("LMA")), None),
    ("of another process", here(equipment=Equipment("PACK")), Refusal.STATION_WRONG_PROCESS),
    ("taken out of use", here(equipment=Equipment(is_active=False)), Refusal.EQUIPMENT_DOWN),
    ("in repair", here(equipment=Equipment(state="USD_Repair")), Refusal.EQUIPMENT_DOWN),
    ("under maintenance", here(equipment=Equipment(state="SDT")), Refusal.EQUIPMENT_DOWN),
    ("not scheduled", here(equipment=Equipment(state="NST")), Refusal.EQUIPMENT_DOWN),
    ("standing by", here(equipment=Equipment(state="SBY_NoOperator")), None),
    ("calibrated", here(equipment=Equipment(calibration_due_at=FUTURE)), None),
    ("calibration over", here(equipment=Equipment(calibration_due_at=T0)), Refusal.CALIBRATION_EXPIRED),
    ("a station of this process", here(bound_to="LMA"), None),
    ("a station of another", here(bound_to="PACK"), Refusal.STATION_WRONG_PROCESS),
    ("the newest version", here(NEWEST, application_version="2.10.0"), None),
    ("an old version", here(NEWEST, application_version="2.9.9"), Refusal.RECIPE_MISMATCH),
    ("no version", here(NEWEST), Refusal.RECIPE_MISMATCH),
    ("the configuration", here(HASHED, configuration_hash="sha256:1"), None),
    ("another configuration", here(HASHED, configuration_hash="sha256:2"), Refusal.RECIPE_MISMATCH),
    ("no configuration", here(HASHED), Refusal.RECIPE_MISMATCH),
]


@pytest.mark.parametrize(
    ("workplace", "expected"), [case[1:] for case in PLACES], ids=[case[0] for case in PLACES]
)
def test_who_and_what_may_work(workplace, expected):
    refused = refused_here(workplace, "LMA")
    assert (refused and refused.code) == expected
    if refused is not None:
        words = problem_of(refused.code, refused.about)
        assert "LMA" in words.detail.en or "E-1" in words.detail.en or "OP-1" in words.detail.en
        assert "{" not in words.detail.en + words.detail.ko
        assert any("가" <= letter <= "힣" for letter in words.detail.ko)


@pytest.mark.parametrize(
    ("has", "minimum", "expected"),
    [
        (None, None, True),
        ("anything", None, True),
        ("1.0", "1.0.0", True),
        ("v1.2.0", "1.2", True),
        ("2.10.0", "2.9.0", True),
        ("2.9.0", "2.10.0", False),
        ("1.2.0-rc1", "1.2.0", False),
        ("1.2.0", "1.2.0-rc1", True),
        ("1.2.0-rc2", "1.2.0-rc1", True),
        ("1.2.0+build7", "1.2.0", True),
        ("0", "0.0", True),
        ("nightly", "1.0", False),
        ("", "1.0", False),
    ],
)
def test_versions_are_compared_as_versions(has, minimum, expected):
    assert is_at_least(has, minimum) is expected


def every_workplace():
    """Every mixture of demands, and of what is registered: 10,800 places."""
    operators = [
        None,
        Operator(is_active=False),
        Operator(is_qualified=False),
        Operator(valid_until=PAST),
        Operator(),
    ]
    machines = [
        None,
        Equipment("PACK"),
        Equipment(state="USD"),
        Equipment(calibration_due_at=PAST),
        Equipment("LMA"),
    ]
    recipes = [Recipe(), Recipe("2.0"), Recipe(None, "a")]
    flags = (False, True)
    for known, needed, machine_needed, recipe in itertools.product(flags, flags, flags, recipes):
        demands = Demands(known, needed, machine_needed, recipe)
        for operator, machine, bound, version, configured in itertools.product(
            operators, machines, (None, "LMA", "PACK"), (None, "1.9", "2.0"), (None, "a")
        ):
            yield here(
                demands,
                operator=operator,
                equipment=machine,
                bound_to=bound,
                application_version=version,
                configuration_hash=configured,
            )


def test_in_every_place_work_is_allowed_exactly_when_the_rule_says_so():
    """The rule once more, in another way."""
    for place in every_workplace():
        demands, who, what = place.demands, place.operator, place.equipment
        is_known = who is not None and who.is_active
        is_fit = is_known and who.is_qualified and who.valid_until is None
        may = (
            place.bound_to in {None, "LMA"}
            and (what in {None, Equipment("LMA")})
            and (what is not None or not demands.equipment)
            and (is_known or not demands.known_operator)
            and (is_fit or not demands.qualification)
            and (demands.recipe.minimum_version is None or place.application_version == "2.0")
            and (demands.recipe.configuration_hash in {None, place.configuration_hash})
        )
        assert (refused_here(place, "LMA") is None) == may, place


def configure(path, *statements):
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)


OPERATOR = (
    "insert into operators (id, badge, full_name, is_active, created_at, updated_at) "
    "values (1, 'OP-1', 'Kim', 1, '2025-01-01 00:00:00', '2025-01-01 00:00:00')"
)
MACHINE = (
    "insert into equipment (id, code, name, process_id, station, is_active, created_at, updated_at) "
    "values (1, 'E-1', 'Press', {process}, 'S-1', 1, '2025-01-01 00:00:00', '2025-01-01 00:00:00')"
)
QUALIFICATION = (
    "insert into qualifications (operator_id, process_id, granted_at) "
    "values (1, {process}, '2025-01-01 00:00:00')"
)
ENFORCED = (
    "insert into plant_settings (name, document, updated_at) "
    "values ('enforcement', '{\"known_operators\": true}', '2025-01-01 00:00:00')"
)
SPRING, LMA = 1, 2
OPTIONAL_FIRST = (
    """update product_models set route = '[{"process": "LMA", "optional": true}, {"process": "SPRING"}]'"""
)


@pytest.mark.parametrize(
    ("rows", "said", "expected"),
    [
        ([ENFORCED], {}, "OPERATOR_UNKNOWN"),
        ([ENFORCED, OPERATOR], {}, None),
        (["update processes set needs_qualification = 1", OPERATOR], {}, "OPERATOR_NOT_QUALIFIED"),
        (
            ["update processes set needs_qualification = 1", OPERATOR, QUALIFICATION.format(process=LMA)],
            {},
            "OPERATOR_NOT_QUALIFIED",
        ),
        (
            ["update processes set needs_qualification = 1", OPERATOR, QUALIFICATION.format(process=SPRING)],
            {},
            None,
        ),
        (["update processes set needs_equipment = 1"], {"equipment_id": "E-1"}, "STATION_WRONG_PROCESS"),
        (
            ["update processes set needs_equipment = 1", MACHINE.format(process=SPRING)],
            {"equipment_id": "E-1"},
            None,
        ),
        ([MACHINE.format(process=LMA)], {"equipment_id": "E-1"}, "STATION_WRONG_PROCESS"),
        ([MACHINE.format(process=LMA)], {"workstation": "S-1"}, "STATION_WRONG_PROCESS"),
        ([MACHINE.format(process=SPRING)], {"station": "S-1"}, None),
        (
            [MACHINE.format(process=SPRING), "update equipment set state = 'USD'"],
            {"equipment_id": "E-1"},
            "EQUIPMENT_DOWN",
        ),
        (
            [
                MACHINE.format(process="null"),
                "update equipment set calibration_due_at = '2025-11-09 00:00:00'",
            ],
            {"equipment_id": "E-1"},
            "CALIBRATION_EXPIRED",
        ),
        (['update processes set recipe = \'{"minimum_version": "2.0"}\''], {}, "RECIPE_MISMATCH"),
        (
            ['update processes set recipe = \'{"minimum_version": "2.0"}\''],
            {"application_version": "2.1"},
            None,
        ),
        (["update processes set held_reason = 'drift'"], {}, "PROCESS_HOLD"),
        (['update product_models set route = \'[{"process": "LMA"}]\''], {}, "STATION_WRONG_PROCESS"),
        (
            ['update product_models set route = \'[{"process": "LMA"}, {"process": "SPRING"}]\''],
            {},
            "ROUTE_PREVIOUS_NOT_PASSED",
        ),
        (
            [OPTIONAL_FIRST],
            {},
            None,
        ),
    ],
)
async def test_what_is_configured_is_enforced_at_start_and_told_by_validate(
    plant, database_path, rows, said, expected
):
    _, [serial] = await plant.released_lot(1)
    configure(database_path, *rows)
    asked = {"process_code": "SPRING", "operator_id": "OP-1", "units": [{"serial_number": serial}], **said}
    told = (await plant.post("/api/v1/process/validate", asked)).json()["data"]
    failed = [each for unit in told["units"] for each in unit["validations"] if each["result"] == "Failed"]
    assert [each["code"] for each in failed] == ([expected] if expected else [])
    answer = await plant.start(serial, "SPRING", **said)
    assert (answer.status_code, answer.json().get("code")) == ((409, expected) if expected else (201, None))


async def test_validate_answers_for_each_serial_in_order_and_writes_nothing(plant):
    _, serials = await plant.released_lot(2)
    await plant.start(serials[1], "SPRING")
    before = [await plant.serial(each) for each in serials]
    units = [{"serial_number": each} for each in [*serials, "FN-KR-991110D-001-0001"]]
    units.append({"serial_number": serials[0], "checksum": "ZZ"})
    answer = await plant.post("/api/v1/process/validate", {"process_code": "SPRING", "units": units})
    data = answer.json()["data"]
    assert (answer.status_code, data["result"]) == (200, "Failed")
    assert [each["result"] for each in data["units"]] == ["Passed", "Failed", "Failed", "Failed"]
    route = data["units"][1]["validations"][1]
    assert (route["validation"], route["code"]) == ("UnitRouteValidation", "ATTEMPT_OPEN_ELSEWHERE")
    assert route["message"] != route["message_ko"]
    assert [each["validations"][0].get("code") for each in data["units"][2:]] == [
        "SERIAL_UNKNOWN",
        "CHECKSUM_BAD",
    ]
    assert {each["result"] for each in data["units"][2]["validations"][1:]} == {"Skipped"}
    assert [await plant.serial(each) for each in serials] == before


async def test_a_component_that_is_required_is_asked_at_the_completion_of_its_process(plant, database_path):
    bom = '[{"component": "spring", "process": "SPRING", "kind": "LOT", "quantity": 2}]'
    configure(database_path, f"update product_models set bom = '{bom}'")
    _, [serial] = await plant.released_lot(1)
    assert (await plant.start(serial, "SPRING")).status_code == 201
    refused = await plant.complete(serial, "SPRING")
    assert refused.json()["code"] == "COMPONENT_MISSING"
    assert "spring" in refused.json()["detail_ko"]
    configure(
        database_path,
        "insert into component_uses (serial_id, component, component_lot, quantity, scanned_at) "
        "values (1, 'spring', 'L-1', 2, '2025-11-10 03:00:00')",
    )
    assert (await plant.complete(serial, "SPRING")).status_code == 200


def test_a_refusal_with_words_of_two_languages_says_each_in_its_own():
    refused = refused_here(here(bound_to="PACK"), "LMA")
    assert isinstance(refused, Refuse)
    words = problem_of(refused.code, refused.about).detail
    assert "set up for PACK" in words.en
    assert "공정용" in words.ko
