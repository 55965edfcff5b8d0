"""MongoDB: a server, a dump, or exports.

With a mapping, documents of any form. Without one, those of OpenIddict and ASP.NET Core
Identity: collections are recognized by their names, or by their first document.
"""

from datetime import UTC, datetime

from authority_queries.errors import ConfigurationError
from authority_queries.importing.documents import Source
from authority_queries.importing.mapping.opening import open_mapped
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.mongodb.reading import open_reader
from authority_queries.importing.sources.mongodb.source import MongoSource


def open_source(options: SourceOptions) -> Source:
    """Open a database of MongoDB. Raises ConfigurationError, SourceError."""
    if options.mapping is not None:
        return open_mapped("mongodb", options, lambda _: open_reader(options.location))
    if options.since is not None:
        message = (
            "documents of OpenIddict and Identity have no time of their last change:"
            " import with --update instead of --since"
        )
        raise ConfigurationError(message)
    if options.tenant is None:
        message = (
            "OpenIddict has no tenants: name the one that its data become (--tenant)"
        )
        raise ConfigurationError(message)
    reader = open_reader(options.location)
    return MongoSource(reader, tenant=options.tenant, now=datetime.now(UTC))
