"""`authority psql`: runs psql on the database in use."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries.errors import ConfigurationError, UnavailableError
from authority_queries.service.settings import Settings

_ONLY_AS_ARGUMENTS: Final = {"sslpassword", "oauth_client_secret"}


def run_psql(settings: Settings, conninfo: str, arguments: Sequence[str]) -> int:
    """Run psql and return its exit code.

    Raises UnavailableError if psql is missing, and ConfigurationError for a secret that
    psql accepts only as an argument.
    """
    if settings.uses_embedded:
        # Imported here because it needs fcntl, which not every system has.
        from authority_queries.service.embedded import embedded_program  # noqa: PLC0415 -- see above

        program: str | None = embedded_program("psql")
    else:
        program = shutil.which("psql")
    if program is None:
        message = "psql is missing: install it, or add its folder to PATH"
        raise UnavailableError(message)
    parts = conninfo_to_dict(conninfo)
    password = parts.pop("password", None)  # `ps` shows arguments to every user
    if seen := sorted(_ONLY_AS_ARGUMENTS & parts.keys()):
        message = f"`ps` would show {', '.join(seen)}: put it into a service file"
        raise ConfigurationError(message)
    environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
    command = [program, make_conninfo("", **parts), *arguments]
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 -- the user's own arguments to the user's own psql
