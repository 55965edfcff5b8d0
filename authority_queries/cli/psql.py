"""`authority psql`: the client of the server that is in use."""

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
    """Run psql and give its exit code.

    Raises UnavailableError where there is none, ConfigurationError for a secret that
    psql takes as an argument only.
    """
    if settings.uses_embedded:
        # Imported late because it needs locks that not every system has.
        from authority_queries.service.embedded import embedded_program  # noqa: PLC0415 -- because of that

        program: str | None = embedded_program("psql")
    else:
        program = shutil.which("psql")
    if program is None:
        message = "there is no psql on this machine's PATH"
        raise UnavailableError(message)
    parts = conninfo_to_dict(conninfo)
    password = parts.pop("password", None)  # not for every user's eyes, in `ps`
    if seen := sorted(_ONLY_AS_ARGUMENTS & parts.keys()):
        message = f"`ps` would show psql's {', '.join(seen)}: put it in a service file"
        raise ConfigurationError(message)
    environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
    command = [program, make_conninfo("", **parts), *arguments]
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 -- the user's own arguments to the user's own psql
