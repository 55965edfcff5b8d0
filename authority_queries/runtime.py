"""What generated modules are built on. Nothing else needs to import it."""

from authority_queries import _conversions as checks
from authority_queries._async.query_file import AsyncQueryFile
from authority_queries._calls import AsyncCall, AsyncStream, Call, Stream
from authority_queries._cases import by_case
from authority_queries._json_types import JsonArray, JsonObject, JsonValue
from authority_queries._parameters import Parameters
from authority_queries._sync.query_file import QueryFile

__all__ = [
    "AsyncCall",
    "AsyncQueryFile",
    "AsyncStream",
    "Call",
    "JsonArray",
    "JsonObject",
    "JsonValue",
    "Parameters",
    "QueryFile",
    "Stream",
    "by_case",
    "checks",
]
