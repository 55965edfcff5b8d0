"""The arguments of commands that read another store."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from authority_queries.errors import ConfigurationError

if TYPE_CHECKING:
    from authority_queries.importing.documents import Source

_VARIABLE: Final = "AUTHORITY_SOURCE_URL"


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the source, its mapping and its tenant."""
    parser.add_argument(
        "source",
        metavar="KIND[:LOCATION]",
        help="the other store, such as keycloak:realm.json or mongodb:dump/. Without a "
        f"location, {_VARIABLE} has the file, folder or URL, with its password",
    )
    parser.add_argument(
        "--mapping",
        type=Path,
        metavar="FILE",
        help="a file that says which field of the source becomes which",
    )
    parser.add_argument(
        "--tenant",
        metavar="CODE",
        help="only this tenant's documents; those that name no tenant belong to it",
    )


def add_since(parser: argparse.ArgumentParser) -> None:
    """Add the time since which documents are read."""
    parser.add_argument(
        "--since",
        type=time,
        metavar="TIME",
        help="only documents that were created or changed at or after this time, such "
        "as 2026-11-28T12:00Z, if the source knows it",
    )


@contextmanager
def open_named(arguments: argparse.Namespace) -> Iterator["Source"]:
    """Open the source of the arguments. Raises ConfigurationError, SourceError."""
    # Imported here because stale generated modules cannot be imported.
    from authority_queries.importing.sources import (  # noqa: PLC0415 -- see above
        KINDS,
        SourceOptions,
        open_source,
    )

    kind, _, location = arguments.source.partition(":")
    location = location or os.environ.get(_VARIABLE, "")
    if not location and kind in KINDS:
        message = f"name the location of the source: {kind}:LOCATION, or {_VARIABLE}"
        raise ConfigurationError(message)
    source = open_source(
        kind,
        SourceOptions(
            location=SecretStr(location),
            mapping=arguments.mapping,
            tenant=arguments.tenant,
            since=getattr(arguments, "since", None),
        ),
    )
    try:
        yield source
    finally:
        source.close()


def time(text: str) -> datetime:
    """Return a time, in UTC if it names no zone. argparse names this function."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
