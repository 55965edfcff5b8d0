"""Opens a source with its mapping file."""

from collections.abc import Callable

from authority_queries.errors import ConfigurationError
from authority_queries.importing.mapping.compiling import Mapped, load_mapping
from authority_queries.importing.mapping.source import MappedSource, RawReader
from authority_queries.importing.sources import SourceOptions


def open_mapped(
    kind: str, options: SourceOptions, open_reader: Callable[[Mapped], RawReader]
) -> MappedSource:
    """Return the source of this kind. Raises ConfigurationError, SourceError."""
    if options.mapping is None:
        message = f"source {kind} needs a mapping: use --mapping FILE.toml"
        raise ConfigurationError(message)
    mapped = load_mapping(options.mapping)
    return MappedSource(kind, open_reader(mapped), mapped, options)
