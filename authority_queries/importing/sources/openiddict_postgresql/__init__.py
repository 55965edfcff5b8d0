"""OpenIddict and ASP.NET Core Identity in the tables of Entity Framework Core.

Tables and columns are found by their names in any spelling: "OpenIddictTokens" or
open_iddict_tokens.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from authority_queries.errors import SourceError
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.openiddict_postgresql.grants import Grants
from authority_queries.importing.sources.openiddict_postgresql.identity import Identity
from authority_queries.importing.sources.tables.database import Database
from authority_queries.importing.sources.tables.source import (
    Reading,
    TablesSource,
    tenant_of,
)

_KIND: Final = "openiddict-postgresql"


def open_source(options: SourceOptions) -> TablesSource:
    """Open the tables. Raises SourceError, ConfigurationError."""
    tenant = tenant_of(options, _KIND)
    database = Database(options.location.get_secret_value())
    try:
        return TablesSource(_KIND, database, list(_readings(database, options, tenant)))
    except BaseException:
        database.close()
        raise


def _readings(
    database: Database, options: SourceOptions, tenant: str
) -> Iterator[Reading]:
    """Yield the collections, each after those that it refers to."""
    now = datetime.now(UTC)
    grants = Grants(database, tenant, now)
    identity = Identity(database, options, tenant, now)
    if not grants.are_there and not identity.is_there:
        message = (
            "the database has neither a table OpenIddictApplications nor a table "
            "AspNetUsers that the login may see, in any spelling and schema"
        )
        raise SourceError(message)
    yield from grants.clients()
    yield from identity.people()
    yield from grants.tokens()
