"""The project's own queries. A process reads them once, which takes a second."""

from collections.abc import Sequence
from functools import cache

from authority_queries.codegen.query import Query
from authority_queries.codegen.reading.folder import read_folder
from authority_queries.resources import QUERIES


@cache
def own_queries() -> Sequence[Query]:
    """Return every query of `queries/`."""
    return tuple(read_folder(QUERIES))
