"""Other identity stores, one module each, and how to open them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Final
from uuid import UUID

from pydantic import SecretStr

from authority_queries.errors import ConfigurationError
from authority_queries.importing.documents import Source
from authority_queries.secrets.encryption import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """The options of a source.

    - `location`: a file, a folder or a URL. It may have a password.
    - `mapping`: a mapping file.
    - `tenant`: the code of the tenant of documents that name none.
    - `since`: yield only documents that were created or changed at or after this time.
      `open_source` of a source that cannot know raises ConfigurationError.
    - `keyring`: encrypts TOTP secrets. Without it they are dropped.
    - `tenant_id`: the id of the tenant, if it exists already. TOTP secrets are
      encrypted for one tenant.
    """

    location: SecretStr
    mapping: Path | None = None
    tenant: str | None = None
    since: datetime | None = None
    keyring: Keyring | None = field(default=None, repr=False)
    tenant_id: UUID | None = None


# The kind of a source, and the function `open(options) -> Source` of its module.
_MODULES: Final[Mapping[str, str]] = {
    "auth0": "auth0",
    "csv": "csv_files",
    "django-oauth-toolkit": "django_oauth_toolkit",
    "hydra": "hydra",
    "json": "json_documents",
    "json-lines": "json_lines",
    "jsonl": "jsonl",
    "keycloak": "keycloak",
    "kratos": "kratos",
    "mongodb": "mongodb",
    "openiddict-postgresql": "openiddict_postgresql",
}
KINDS: Final = tuple(sorted(_MODULES))


def open_source(kind: str, options: SourceOptions) -> Source:
    """Open a source of this kind. Raises ConfigurationError, SourceError."""
    module = _MODULES.get(kind)
    if module is None:
        kinds = ", ".join(KINDS)
        message = f"{kind!r} is no kind of source: write KIND:LOCATION. Kinds: {kinds}"
        raise ConfigurationError(message)
    # Imported here because its driver may not be installed.
    opener: Callable[[SourceOptions], Source] = import_module(
        f"authority_queries.importing.sources.{module}"
    ).open_source
    return opener(options)
