"""Redirect URIs of other systems. This store compares them exactly."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from authority_queries.importing.documents import Dropped

_LOOPBACKS: Final = ("127.0.0.1", "::1")
_WILD: Final = "a URI with a wildcard: URIs are compared exactly, so list each"
_RELATIVE: Final = "a relative URI without a root"


def exact_uris(
    given: Iterable[str], field: str, dropped: list[Dropped], *, root: str = ""
) -> tuple[tuple[str, ...], list[str]]:
    """Return the URIs that can be compared exactly, and the others, which are listed.

    A relative URI is appended to the root.
    """
    exact: dict[str, None] = {}
    others: list[str] = []
    for uri in given:
        whole = root.rstrip("/") + uri if uri.startswith("/") else uri
        if "*" in uri:
            reason = _WILD
        elif not urlsplit(whole).scheme:
            reason = _RELATIVE
        else:
            exact[whole] = None
            continue
        others.append(uri)
        if (listed := Dropped(field=field, reason=reason)) not in dropped:
            dropped.append(listed)
    return tuple(exact), others


def is_native(uris: Iterable[str]) -> bool:
    """Return whether a public client is a native application (RFC 8252 section 7)."""
    return any(
        parts.scheme not in ("http", "https") or parts.hostname in _LOOPBACKS
        for parts in map(urlsplit, uris)
    )
