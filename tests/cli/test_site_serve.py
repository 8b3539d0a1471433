"""`guestwire site serve`, before it serves; that it does is shown end to end."""

from pathlib import Path


def test_a_service_has_to_know_its_name_and_its_site(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    plant = tmp_path / "plant"
    assert run("site", "init", str(plant), "--tls").exit_code == 0
    assert run("site", "serve", str(plant)).exit_code == 2
    assert run("site", "serve", str(plant), "--name", "a", "--listen", "nowhere").exit_code == 2
    (tmp_path / "empty").mkdir()
    assert run("site", "serve", str(tmp_path / "empty"), "--name", "a", "--listen", "127.0.0.1:0").exit_code == 5
    assert run("site", "init", str(tmp_path / "plain")).exit_code == 0
    assert run("site", "serve", str(tmp_path / "plain"), "--name", "a", "--listen", "127.0.0.1:0").exit_code == 5
