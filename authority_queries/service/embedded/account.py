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
    """Whom the server runs as: the caller, or a system user where root calls."""

    name: str
    uid: int
    gid: int

    def run(
        self, command: Sequence[str | Path], *, folder: Path, text: str = ""
    ) -> None:
        """Run a command as this user, in this folder, to its end.

        It gets the rights of the user's own group only, and none of the caller's
        environment, which may hold secrets. An interrupt does not reach the command:
        it is waited for. Raises UnavailableError with what a failed one said.
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
        """Give what makes a child process run as this user, in no other group."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account() -> Account:
    """Give whom the server runs as. As root, make the system user at the first time.

    Raises ConfigurationError.
    """
    if os.geteuid() == 0:
        entry = _system_user()
        if 0 in (entry.pw_uid, entry.pw_gid):
            message = f"the user {SYSTEM_USER} has root's rights: take them from it"
            raise ConfigurationError(message)
    else:
        entry = _own_entry()
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def caller_name() -> str:
    """Give the name of the user who calls, as the server will see it."""
    return _own_entry().pw_name


def _own_entry() -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(os.geteuid())
    except KeyError as error:
        message = (
            f"the embedded server needs a user with a name, and uid {os.geteuid()} "
            "has none: run it as another one, or set AUTHORITY_DATABASE_URL"
        )
        raise ConfigurationError(message) from error


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        failure = _make_system_user()
    try:
        return pwd.getpwnam(SYSTEM_USER)  # another run may have been faster
    except KeyError as error:
        message = (
            f"as root the embedded server runs as the user {SYSTEM_USER}, which cannot "
            f"be made ({failure}): make it, run as another user than root, or set "
            "AUTHORITY_DATABASE_URL"
        )
        raise ConfigurationError(message) from error


def _make_system_user() -> str:
    program = shutil.which(_MAKE[0])
    if program is None:
        return "there is no useradd"
    done = subprocess.run(  # noqa: S603 -- nothing of it is a caller's
        [program, *_MAKE[1:]], check=False, capture_output=True, text=True
    )
    return done.stderr.strip()


def _environment(data_dir: Path) -> dict[str, str]:
    # C.UTF-8 has initdb make a database that folds the case of all letters. Where no
    # locale is set, as in a bare container, it would know ASCII's only.
    kept = {key: os.environ[key] for key in ("PATH", "TZ") if key in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "PGDATA": str(data_dir)}
