"""The issuers of the identity providers that a realm trusts."""

from authority_queries.importing.sources.issuers import known_issuer
from authority_queries.importing.sources.keycloak.realms import Realm


def issuer_of(alias: str, realm: Realm) -> str:
    """Return the issuer of a provider's accounts.

    That is the issuer or SAML entity of its configuration, or the well-known one of its
    kind. Otherwise it is the alias, after `keycloak:`.
    """
    for provider in realm.objects("identityProviders"):
        if provider.get("alias") == alias:
            config = provider.get("config")
            for name in ("issuer", "idpEntityId"):
                found = config.get(name) if isinstance(config, dict) else None
                if isinstance(found, str) and found:
                    return found
            return known_issuer(str(provider.get("providerId"))) or f"keycloak:{alias}"
    return known_issuer(alias) or f"keycloak:{alias}"
