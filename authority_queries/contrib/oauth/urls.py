"""URLs: their normal form, and additions to their query."""

import re
from collections.abc import Mapping
from string import ascii_letters, digits
from typing import Final
from urllib.parse import urlencode, urlsplit

from authority_queries.engine.refusals import refusal

_PORTS: Final = {"https": ":443", "http": ":80"}
_ESCAPE: Final = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset(f"{ascii_letters}{digits}-._~")


def normal_url(url: str) -> str | None:
    """Return a URL for comparison, without its query and fragment.

    The scheme, the host, the port and the percent-encoding are normalized (RFC 3986
    sections 6.2.2 and 6.2.3). Returns None for a text that is no URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    host = parts.netloc.lower().removesuffix(_PORTS.get(parts.scheme, ""))
    path = _ESCAPE.sub(_normal_escape, parts.path or "/")
    return f"{parts.scheme}://{host}{path}"


def _normal_escape(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()


def add_query(uri: str, members: Mapping[str, str]) -> str:
    """Return a client's URI with members added to its query, which is kept."""
    if not members:
        return uri
    separator = "&" if urlsplit(uri).query else "" if uri.endswith("?") else "?"
    return f"{uri}{separator}{urlencode(members)}"


def origin_of(resource: str | None) -> str:
    """Return the scheme and host of a resource. Raises InvalidArgumentError."""
    parts = urlsplit(resource or "")
    if not parts.netloc:
        raise refusal("origin", "must be set if resource is not a URL")
    return f"{parts.scheme}://{parts.netloc}"


def is_origin(text: str) -> bool:
    """Return whether a text is a scheme and a host, and nothing else."""
    parts = urlsplit(text)
    return text == f"{parts.scheme}://{parts.netloc}" and parts.hostname is not None


def is_resource(text: str) -> bool:
    """Return whether a text is an absolute URI without a fragment (RFC 8707)."""
    parts = urlsplit(text)
    return bool(parts.scheme) and "#" not in text
