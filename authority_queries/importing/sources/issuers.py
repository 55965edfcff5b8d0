"""Issuers of well-known providers, whose accounts other systems link to users."""

from collections.abc import Mapping
from typing import Final

# By the names that Keycloak, Auth0 and Kratos have for the kind of a provider. Only
# those whose user ids are the `sub` of the provider's ID tokens.
_ISSUERS: Final[Mapping[str, str]] = {
    "google": "https://accounts.google.com",
    "google-oauth2": "https://accounts.google.com",
    "apple": "https://appleid.apple.com",
    "gitlab": "https://gitlab.com",
    "linkedin-openid-connect": "https://www.linkedin.com/oauth",
    "line": "https://access.line.me",
    "twitch": "https://id.twitch.tv/oauth2",
}


def known_issuer(provider: str) -> str | None:
    """Return the issuer of a well-known kind of provider, or None."""
    return _ISSUERS.get(provider)
