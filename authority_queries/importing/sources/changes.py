"""Finds the documents that changed since a time."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue

from authority_queries.importing.conversions import ConversionError, utc_moment


def is_since(
    document: Mapping[str, JsonValue], since: datetime | None, *names: str
) -> bool:
    """Return whether a document was created or changed at or after a time.

    `names` are those of its times, the last change first. Without one it counts.
    """
    given = next((document[name] for name in names if document.get(name)), None)
    if since is None or given is None:
        return True
    try:
        return utc_moment(given) >= since
    except ConversionError:
        return True
