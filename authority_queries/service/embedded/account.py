"""The system user that the embedded server runs as."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from authority_queries.errors import ConfigurationError, UnavailableError

SYSTEM_USER: Final = "authority_postgres"
_MAKE: Final = (
    "useradd",
    "--system",
    "--user-group",
    "--no-create-home",
    "--home-dir=/nonexistent",
    "--shell=/usr/sbin/nologin",
    SYSTEM_USER,
)


@dataclass(frozen=True)
class Account:
    """The user that the server runs as: the caller, or a system user for root."""

    name: str
    uid: int
    gid: int

    def run(
        self, command: Sequence[str | Path], *, folder: Path, text: str = ""
    ) -> None:
        """Run a command as this user in this folder, and wait for its end.

        The command has only the rights of the user's own group. It does not get the
        caller's environment, which may have secrets. An interrupt does not reach the
        command, and is raised after it ends. Raises UnavailableError with the output of
        a failed command.
        """
        with subprocess.Popen(  # noqa: S603 -- commands of this package
            command,
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **self.as_other_user(),
        ) as process:
            try:
                _, said = process.communicate(text)
            except BaseException:
                process.wait()
                raise
        if process.returncode:
            message = f"{Path(command[0]).name}: {said.strip()}"
            raise UnavailableError(message)

    def as_other_user(self) -> dict[str, Any]:
        """Return Popen's arguments to run as this user, without other groups."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account() -> Account:
    """Return the user that the server runs as. Root creates it if it is missing.

    Raises ConfigurationError.
    """
    if os.geteuid() == 0:
        entry = _system_user()
        if 0 in (entry.pw_uid, entry.pw_gid):
            message = f"the user {SYSTEM_USER} must not have root's uid or gid"
            raise ConfigurationError(message)
    else:
        entry = _own_entry()
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def caller_name() -> str:
    """Return the name of the calling user, as the server's peer authentication does."""
    return _own_entry().pw_name


def _own_entry() -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(os.geteuid())
    except KeyError as error:
        message = (
            f"the embedded server needs a user with a name, and uid {os.geteuid()} "
            "has none: run it as another user, or set AUTHORITY_DATABASE_URL"
        )
        raise ConfigurationError(message) from error


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        failure = _make_system_user()
    try:
        return pwd.getpwnam(SYSTEM_USER)  # another run may have created it
    except KeyError as error:
        message = (
            f"as root the embedded server runs as the user {SYSTEM_USER}, which cannot "
            f"be created ({failure}): create it, do not run as root, or set "
            "AUTHORITY_DATABASE_URL"
        )
        raise ConfigurationError(message) from error


def _make_system_user() -> str:
    program = shutil.which(_MAKE[0])
    if program is None:
        return "useradd is missing"
    done = subprocess.run(  # noqa: S603 -- no argument comes from a caller
        [program, *_MAKE[1:]], check=False, capture_output=True, text=True
    )
    return done.stderr.strip()


def _environment(data_dir: Path) -> dict[str, str]:
    # With C.UTF-8 initdb creates a database that folds the case of all letters. Without
    # a locale, as in a bare container, it would fold only ASCII's.
    kept = {key: os.environ[key] for key in ("PATH", "TZ") if key in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "PGDATA": str(data_dir)}
