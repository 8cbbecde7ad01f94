"""The pages over PostgreSQL: each is there, and the feed sees what changed."""

from andon_mes.dashboard import store
from andon_mes.dashboard.pages import PAGES

PAGE = {"Accept": "text/html"}


async def test_every_page_is_there_and_a_change_moves_its_mark(postgres_plant):
    plant = postgres_plant
    database = plant._mes().database
    before = await database.read(store.marks)
    lot, numbers = await plant.released_lot(2)
    await plant.pass_process(numbers[0], "SPRING")
    await plant.fail(numbers[1], "SPRING", "D001")
    after = await database.read(store.marks)
    assert {name for name in after if after[name] != before[name]} >= {"production", "defects"}
    paths = [each.address for each in PAGES if "{" not in each.address]
    paths += [f"/lots/{lot['lot_number']}", f"/serials/{numbers[1]}", "/defects/1", "/spc/SPRING"]
    paths += [f"/recall?number={lot['lot_number']}", "/reports?report=quality", "/reports?report=attempts"]
    for path in paths:
        answer = await plant.client.get(path, headers=PAGE)
        assert answer.status_code == 200, (path, answer.text[-500:])
