"""Converts users and roles of ASP.NET Core Identity, from any of its stores."""

from authority_queries.importing.sources.aspnet_identity.credentials import (
    Seal,
    seal_of,
)
from authority_queries.importing.sources.aspnet_identity.roles import convert_role
from authority_queries.importing.sources.aspnet_identity.users import convert_user

__all__ = ["Seal", "convert_role", "convert_user", "seal_of"]
