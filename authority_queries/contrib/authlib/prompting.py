"""Finds out whether a page must ask for a sign-in or a consent."""

from typing import Literal

from authority_queries.contrib.authlib.models import EndUser
from authority_queries.contrib.oauth import AuthorizationRequest, Provider
from authority_queries.records import Consent, LiveSession


def find_prompt(
    provider: Provider, asked: AuthorizationRequest, user: EndUser | None
) -> Literal["login", "consent"] | None:
    """Return what to ask for, or None. The database decides again when it issues."""
    if user is None or not _is_signed_in(asked, user.session):
        return "login"
    with provider.unit() as store:
        client = store.clients.get_by_client_id(
            tenant_id=provider.tenant_id, client_id=asked.client_id
        )
        found = store.consents.get(
            tenant_id=provider.tenant_id,
            user_id=user.session.user_id,
            client_id=asked.client_id,
        )
    if "consent" in asked.prompts:
        return "consent"
    if client is None or client.consent_type in {"implicit", "external"}:
        return None
    is_covered = client.consent_type == "explicit" and _covers(found, asked)
    return None if is_covered else "consent"


def _is_signed_in(asked: AuthorizationRequest, session: LiveSession) -> bool:
    age, wanted = asked.required_age, asked.acr_values
    is_fresh = age is None or asked.received_at - session.authenticated_at <= age
    return is_fresh and (wanted is None or session.acr in wanted)


def _covers(consent: Consent | None, asked: AuthorizationRequest) -> bool:
    return (
        consent is not None
        and consent.revoked_at is None
        and set(consent.scopes).issuperset(asked.scopes)
        and set(consent.resources).issuperset(asked.resources)
        and all(
            detail in consent.authorization_details
            for detail in asked.authorization_details
        )
    )
