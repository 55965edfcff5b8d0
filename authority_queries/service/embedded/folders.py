"""Creates and checks the folders of the embedded server.

The permissions of existing folders are never changed, and folders of other users are
never used. Root checks each part of a path: a part that another user may replace could
redirect root's writes.
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
    """Create a temporary folder. The server's user may enter it."""
    with tempfile.TemporaryDirectory(prefix="authority-", dir=parent) as folder:
        if os.geteuid() == 0:
            os.chmod(folder, 0o711)  # noqa: S103 -- others may enter, not list
        yield Path(folder)


def data_folder(data_dir: Path, account: Account) -> Path:
    """Return the data folder without links, and create it for the server's user.

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
            f"its owner is {_name(status.st_uid)}, and the server runs as "
            f"{account.name}",
        )
    return folder


def trusted_folder(path: Path, account: Account) -> Path:
    """Return the folder without links, and create its missing parts, as root.

    Root must own each part of the path. Other users must not be able to write in it,
    unless it has the sticky bit, as /tmp has. The server's user must be able to enter
    it. Raises ConfigurationError, OSError.
    """
    folder, left, links = Path("/"), list(reversed(path.parts[1:])), 0
    while left:
        _check(path, folder, account)
        entry = folder / left.pop()
        try:
            status = entry.lstat()
        except FileNotFoundError:
            os.mkdir(entry)
            os.chmod(entry, 0o755)  # noqa: S103 -- whatever the umask is
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
        raise _refused(path, f"{folder} is not a folder")
    if status.st_uid != 0:
        raise _refused(path, f"the owner of {folder} is {_name(status.st_uid)}")
    if mode & writers and not mode & stat.S_ISVTX:
        raise _refused(path, f"users other than root may write in {folder}")
    if not mode & stat.S_IXOTH:
        raise _refused(path, f"the server's user {account.name} may not enter {folder}")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _refused(path: Path, why: str) -> ConfigurationError:
    allowed = "a folder that you own"
    if os.geteuid() == 0:
        allowed = (
            "a folder whose parents only root may change and everybody may enter, "
            f"such as {STATE_FOLDER}"
        )
    message = (
        f"the embedded server cannot use {path}: {why}; "
        f"allowed for data_dir (AUTHORITY_DATA_DIR): {allowed}"
    )
    return ConfigurationError(message)
