"""Who uses a data folder of the embedded server."""

from pathlib import Path

from authority_queries.service.embedded.users import Users


def test_who_has_gone_is_the_last_one_only_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    user = Users(tmp_path, "file")
    user.join()
    assert [user.leave(), user.leave()] == [True, False]
