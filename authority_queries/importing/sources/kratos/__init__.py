"""Ory Kratos: identities as its admin API returns them, with their credentials."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from authority_queries.errors import ConfigurationError
from authority_queries.importing.documents import Source, derive_id
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.changes import is_since
from authority_queries.importing.sources.file_source import FileSource, Item
from authority_queries.importing.sources.json_files import refuse_file, values
from authority_queries.importing.sources.kratos.identities import Identities
from authority_queries.importing.sources.totp import TotpSealer

_LISTS: Final = frozenset({"identities", "items"})


def open_source(options: SourceOptions) -> Source:
    """Open a file. Raises ConfigurationError, SourceError."""
    if options.tenant is None:
        message = "kratos names no tenant: name the tenant that gets the identities"
        raise ConfigurationError(message)
    location = Path(options.location.get_secret_value())
    read = partial(_identities, location, options, options.tenant)
    return FileSource(f"kratos:{location.name}", {"identities": read})


def _identities(location: Path, options: SourceOptions, tenant: str) -> Iterator[Item]:
    tenant_id = options.tenant_id or derive_id(tenant, "tenant", tenant)
    identities = Identities(
        tenant, TotpSealer(keyring=options.keyring, tenant_id=tenant_id)
    )
    for value in values(location, names=_LISTS):
        if not isinstance(value, dict) or not {"id", "traits"} <= value.keys():
            refuse_file(location, "is no list of identities: one has no id and traits")
        if is_since(value, options.since, "updated_at", "created_at"):
            yield Item(
                key=str(value["id"]),
                value=value,
                convert=identities.entries,
                skip=partial(identities.skip, value),
            )
