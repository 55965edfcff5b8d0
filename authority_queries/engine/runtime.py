"""The names that generated modules import. Nothing else needs this module."""

from authority_queries.engine import checks
from authority_queries.engine._async.query_file import AsyncQueryFile
from authority_queries.engine._sync.query_file import QueryFile
from authority_queries.engine.calls import AsyncCall, AsyncStream, Call, Stream
from authority_queries.engine.cases import by_case
from authority_queries.engine.json_types import JsonArray, JsonObject, JsonValue
from authority_queries.engine.parameters import Parameters

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
