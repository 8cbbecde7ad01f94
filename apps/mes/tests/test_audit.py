"""GET audit: who changed what, by table, row, author and time, a page at a time."""


async def test_a_change_is_found_by_its_table_row_and_author(plant):
    lot = await plant.lot(1)
    await plant.patch(f"/api/v1/lots/{lot['lot_number']}", {"notes": "look here"})
    page = (await plant.get(f"/api/v1/audit?table=lots&record={lot['id']}&page_size=1")).json()["data"]
    assert page["total"] == 2
    [newest] = page["records"]
    assert (newest["action"], newest["old_data"]["notes"], newest["new_data"]["notes"]) == (
        "UPDATE",
        None,
        "look here",
    )
    who = newest["changed_by"]
    of_author = (await plant.get(f"/api/v1/audit?user={who}&table=lots")).json()["data"]
    assert of_author["total"] == 2
    assert (await plant.get("/api/v1/audit?user=nobody")).json()["data"]["records"] == []


async def test_since_is_within_and_until_is_not(plant):
    await plant.lot(1)
    [made] = (await plant.get("/api/v1/audit?table=lots")).json()["data"]["records"]
    at = made["changed_at"].replace("+", "%2B")
    for asked, total in (("since", 1), ("until", 0)):
        page = (await plant.get(f"/api/v1/audit?table=lots&{asked}={at}")).json()["data"]
        assert page["total"] == total, asked


async def test_what_is_asked_wrongly_is_refused(plant):
    for wrong in ("table=DROP", "page_size=101", "since=yesterday", "colour=red"):
        assert (await plant.get(f"/api/v1/audit?{wrong}")).status_code == 422, wrong
