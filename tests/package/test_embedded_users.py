"""The count of a data folder's users."""

from pathlib import Path

from authority_queries.service.embedded.users import Users


def test_leaving_twice_is_the_last_leave_only_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    user = Users(tmp_path, "file")
    user.join()
    assert [user.leave(), user.leave()] == [True, False]
