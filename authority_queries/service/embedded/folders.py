"""The folders of the embedded server: none is widened, none of another user's is used.

Root looks at each part of the path. A part that another user may replace could lead
root's writes anywhere.
"""

import os
import pwd
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from authority_queries.errors import ConfigurationError
from authority_queries.service.embedded.account import Account
from authority_queries.service.settings import STATE_FOLDER

_LINKS: Final = 40


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a folder for data that nobody keeps. The server's user may enter it."""
    with tempfile.TemporaryDirectory(prefix="authority-", dir=parent) as folder:
        if os.geteuid() == 0:
            os.chmod(folder, 0o711)  # noqa: S103 -- to be entered, not to be read
        yield Path(folder)


def data_folder(data_dir: Path, account: Account) -> Path:
    """Give the data folder without links, made and owned by the server's user.

    Raises ConfigurationError, OSError.
    """
    if os.geteuid() == 0:
        folder = trusted_folder(data_dir.parent, account) / data_dir.name
    else:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        folder = data_dir.resolve()
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        status = folder.lstat()
    else:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
        return folder
    if not stat.S_ISDIR(status.st_mode):
        raise _refused(data_dir, "it is a link or a file")
    if status.st_uid != account.uid:
        raise _refused(
            data_dir,
            f"it belongs to {_name(status.st_uid)}, "
            f"and the server runs as {account.name}",
        )
    return folder


def trusted_folder(path: Path, account: Account) -> Path:
    """Give the folder without links, and make what is missing of it, as root.

    Each part of the path must be root's, and closed to other writers, or like /tmp,
    where each may replace only what is his. The server's user must be able to enter it.
    Raises ConfigurationError, OSError.
    """
    folder, left, links = Path("/"), list(reversed(path.parts[1:])), 0
    while left:
        _check(path, folder, account)
        entry = folder / left.pop()
        try:
            status = entry.lstat()
        except FileNotFoundError:
            os.mkdir(entry)
            os.chmod(entry, 0o755)  # noqa: S103 -- it is new, whatever the umask
            status = entry.lstat()
        if entry.name == "..":
            folder = folder.parent
        elif not stat.S_ISLNK(status.st_mode):
            folder = entry
        elif status.st_uid != 0 or (links := links + 1) > _LINKS:
            raise _refused(path, f"{entry} is a link of {_name(status.st_uid)}")
        else:
            target = entry.readlink()
            folder = Path("/") if target.is_absolute() else folder
            left += reversed(target.parts[target.is_absolute() :])
    _check(path, folder, account)
    return folder


def _check(path: Path, folder: Path, account: Account) -> None:
    status = folder.lstat()
    mode = status.st_mode
    writers = stat.S_IWOTH | (stat.S_IWGRP if status.st_gid else 0)
    if not stat.S_ISDIR(mode):
        raise _refused(path, f"{folder} is no folder")
    if status.st_uid != 0:
        raise _refused(path, f"root does not own {folder}: {_name(status.st_uid)} does")
    if mode & writers and not mode & stat.S_ISVTX:
        raise _refused(path, f"others than root may write in {folder}")
    if not mode & stat.S_IXOTH:
        raise _refused(
            path, f"{account.name}, whom the server runs as, may not enter {folder}"
        )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _refused(path: Path, why: str) -> ConfigurationError:
    allowed = "a folder that you own"
    if os.geteuid() == 0:
        allowed = (
            "a folder below ones that root alone may change and everybody may enter, "
            f"such as {STATE_FOLDER}"
        )
    message = (
        f"the embedded server's files cannot lie in {path}: {why}; "
        f"allowed for data_dir (AUTHORITY_DATA_DIR): {allowed}"
    )
    return ConfigurationError(message)
