"""Converts rows and documents of OpenIddict, from any of its stores.

A document may be of any version since 3.0: `Type` is the older name of `ClientType`.
Lists and objects are JSON, or text with JSON.
"""

from authority_queries.importing.sources.openiddict.applications import (
    convert_application,
    convert_scope,
)
from authority_queries.importing.sources.openiddict.authorizations import (
    NEVER,
    consent_id,
    convert_authorization,
    convert_consent,
    expiry_of,
    scopes_of_authorization,
)
from authority_queries.importing.sources.openiddict.tokens import convert_token

__all__ = [
    "NEVER",
    "consent_id",
    "convert_application",
    "convert_authorization",
    "convert_consent",
    "convert_scope",
    "convert_token",
    "expiry_of",
    "scopes_of_authorization",
]
