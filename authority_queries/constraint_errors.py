"""The errors of the schema's checks and SQLSTATEs, and the test for secret arguments.

`authority_queries` registers them with the engine when it is imported.
"""

from typing import Final

from authority_queries.engine.errors import AuthorityError
from authority_queries.engine.vocabulary import VOCABULARY, Rule
from authority_queries.errors import (
    ConfigurationError,
    LimitReachedError,
    TenantActiveError,
    TenantInactiveError,
    TenantNotTerminatedError,
)
from authority_queries.secrets.token_strings import contains_token

_ONE_SUBJECT: Final = Rule("at most one of user_id and service_account_id may be set")
_RULES: Final = {
    "authorizations_consent_id_user_id_check": Rule(
        "consent_id requires a user_id", "consent_id"
    ),
    "authorizations_user_id_service_account_id_check": _ONE_SUBJECT,
    "client_secrets_client_uuid_limit": Rule(
        "a client has at most 100 secrets: expire and prune old ones",
        "client_uuid",
        error=LimitReachedError,
    ),
    "client_secrets_valid_until_check": Rule(
        "valid_until must not be before valid_from", "valid_until"
    ),
    "client_registrations_source_metadata_fetched_at_check": Rule(
        "metadata_fetched_at is required for a metadata_document, and for no other "
        "source",
        "metadata_fetched_at",
    ),
    "clients_client_type_token_endpoint_auth_method_check": Rule(
        "a public client has the token_endpoint_auth_method none, and no other has it",
        "token_endpoint_auth_method",
    ),
    "clients_json_web_key_set_jwks_uri_check": Rule(
        "at most one of json_web_key_set and jwks_uri may be set", "jwks_uri"
    ),
    "clients_permissions_check": Rule(
        "permissions must be at most 500 texts of at most 512 characters, without gt: "
        "and rst:, which are grant_types and response_types",
        "permissions",
    ),
    "device_authorizations_expires_at_check": Rule(
        "lifetime must be more than 0 and at most 30 minutes", "lifetime"
    ),
    "license_usage_totals_used_check": Rule(
        "the use exceeds the licence's limit for this metric and period",
        error=LimitReachedError,
    ),
    "licenses_valid_until_check": Rule(
        "valid_until must be after valid_from", "valid_until"
    ),
    "one_time_tokens_expires_at_check": Rule(
        "lifetime must be more than 0 and at most 30 minutes with a code, 1 hour for a "
        "sign_in, 24 hours for a password_reset, 7 days for an email_verification, 30 "
        "days for an invitation",
        "lifetime",
    ),
    "one_time_tokens_purpose_user_id_check": Rule(
        "user_id is required for a password_reset", "user_id"
    ),
    "pushed_requests_expires_at_check": Rule(
        "lifetime must be more than 0 and at most 10 minutes", "lifetime"
    ),
    "pushed_requests_parameters_check": Rule(
        "parameters must not have request_uri, client_secret or client_assertion; a "
        "scope must match RFC 6749 section 3.3, and a resource RFC 8707 section 2",
        "parameters",
    ),
    "revocations_category_expires_at_check": Rule(
        "expires_at is required for a token or an authorization", "expires_at"
    ),
    "revocations_expires_at_check": Rule(
        "expires_at must be after effective_at", "expires_at"
    ),
    "signing_keys_private_key_check": Rule(
        "private_key must be encrypted by Keyring", "private_key"
    ),
    "signing_keys_public_jwk_check": Rule(
        "public_jwk must have this kid and alg, the use sig, the kty of the alg, and "
        "no member of a private key",
        "public_jwk",
    ),
    "totp_credentials_user_id_limit": Rule(
        "a user has at most 100 TOTP secrets", "user_id", error=LimitReachedError
    ),
    "tokens_actor_check": Rule("actor must have a sub", "actor"),
    "tokens_authenticated_at_check": Rule(
        "authenticated_at must not be in the future", "authenticated_at"
    ),
    "tokens_type_authorization_id_check": Rule(
        "authorization_id is required for a code or a refresh token", "authorization_id"
    ),
    "tokens_type_expires_at_check": Rule(
        "lifetime of an authorization code must be at most 10 minutes", "lifetime"
    ),
    "tokens_type_redirect_uri_code_challenge_check": Rule(
        "only an authorization code may have a redirect_uri and a code_challenge"
    ),
    "tokens_user_id_service_account_id_check": _ONE_SUBJECT,
    "user_roles_user_id_limit": Rule(
        "a user has at most 100 roles", "user_id", error=LimitReachedError
    ),
    "users_email_email_verified_check": Rule(
        "email_verified requires an email", "email"
    ),
    "users_subject_id_check": Rule(
        "subject_id must be 1 to 255 characters of printable ASCII, and no space may "
        "begin or end it",
        "subject_id",
    ),
    "used_jtis_expires_at_check": Rule(
        "expires_at must be in the future, by at most 24 hours", "expires_at"
    ),
    "webauthn_credentials_user_id_limit": Rule(
        "a user has at most 100 WebAuthn credentials",
        "user_id",
        error=LimitReachedError,
    ),
}
_RULES_BY_ENDING: Final = {
    "_moments_check": Rule("a time must be from 1900-01-01 and before 9000-01-01, UTC"),
    "_authorization_details_check": Rule(
        "authorization_details must be a list of objects with a type each (RFC 9396 "
        "section 2)",
        "authorization_details",
    ),
    "_durations_check": Rule("a duration must be from 0 to 36,525 days"),
}


def _tenant_inactive(statement: str) -> AuthorityError:
    message = f"{statement}: the tenant is unknown, suspended or terminated"
    return TenantInactiveError(message)


def _role_bypasses_policies(_statement: str) -> AuthorityError:
    return ConfigurationError(
        "row-level security does not restrict this connection's role: log in as a "
        "member of authority_app, not as owner, maintenance or superuser"
    )


def _wrong_isolation(statement: str) -> AuthorityError:
    return ConfigurationError(
        f"{statement}: transaction_isolation must be read committed: set no "
        "isolation_level on the connection, and begin no other transaction on it"
    )


def _tenant_not_terminated(statement: str) -> AuthorityError:
    message = f"{statement}: the tenant is not terminated: terminate it first"
    return TenantNotTerminatedError(message)


def _tenant_active(statement: str) -> AuthorityError:
    message = f"{statement}: the tenant is active: hold or suspend it first"
    return TenantActiveError(message)


VOCABULARY.register(
    rules=_RULES,
    rules_by_ending=_RULES_BY_ENDING,
    refusals={
        "TN001": _tenant_inactive,
        "TN002": _role_bypasses_policies,
        "TN003": _wrong_isolation,
        "TN004": _tenant_not_terminated,
        "TN005": _tenant_active,
    },
    is_secret=contains_token,
)
