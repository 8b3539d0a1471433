"""`guestwire guest snapshot`."""

from fake_host import FakeFleet


def test_create_list_revert_delete(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert "before" in run("guest", "snapshot", "create", "h1/db", "before").stdout
    assert run("guest", "snapshot", "create", "h1/db", "after", "-o", "name").stdout == "before\nafter\n"
    refused = run("guest", "snapshot", "revert", "h1/db", "before")
    assert refused.exit_code == 2, "what was written since would be lost"
    assert run("guest", "snapshot", "revert", "h1/db", "before", "--yes").exit_code == 0
    assert run("guest", "snapshot", "delete", "h1/db", "before").exit_code == 0
    assert run("guest", "snapshot", "list", "h1/db", "-o", "name").stdout == "after\n"
    assert [call for call in fleet.hosts["h1"].calls if call == "snapshot-revert"] == ["snapshot-revert"]


def test_a_name_that_is_none(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("guest", "snapshot", "create", "h1/db", "two words").exit_code == 2
