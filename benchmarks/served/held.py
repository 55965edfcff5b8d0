"""What a client of a compared application has, and how a server finds its database."""

import os
from typing import Final, NamedTuple

_DATABASE: Final = "BENCHMARK_DATABASE"
_PORT: Final = "BENCHMARK_PORT"
SCOPE: Final = "profile"
# So many access tokens are introspected in turn.
ACCESS: Final = 200
LIFETIME: Final = 86400  # seconds


class Held(NamedTuple):
    """Secrets of a client, live access tokens, and refresh tokens that nobody used.

    `hashed` is a client whose secret is stored as that of a person would be.
    """

    client: tuple[str, str]
    hashed: tuple[str, str] | None
    access: list[str]
    refresh: list[str]


def environment(database: str, port: int) -> dict[str, str]:
    """Return the environment variables of a server."""
    return {**os.environ, _DATABASE: database, _PORT: str(port)}


def database() -> str:
    """Return the database of this server."""
    return os.environ[_DATABASE]


def host() -> str:
    """Return the host name and the port of this server."""
    return f"127.0.0.1:{os.environ[_PORT]}"
