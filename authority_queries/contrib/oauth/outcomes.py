"""The error of OAuth for each outcome of a call. docs/oauth.md has the reasons."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from authority_queries.records import (
    ClientTokenIssuanceOutcome,
    CodeIssuanceOutcome,
    DeviceApprovalOutcome,
    DeviceAuthorizationRequestOutcome,
    DevicePollOutcome,
    RedemptionOutcome,
    TokenExchangeOutcome,
)

ErrorCode: TypeAlias = Literal[
    "access_denied",
    "authorization_pending",
    "consent_required",
    "expired_token",
    "insufficient_scope",
    "insufficient_user_authentication",
    "invalid_authorization_details",
    "invalid_client",
    "invalid_client_metadata",
    "invalid_dpop_proof",
    "invalid_grant",
    "invalid_redirect_uri",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "invalid_token",
    "login_required",
    "request_not_supported",
    "request_uri_not_supported",
    "slow_down",
    "unauthorized_client",
    "unmet_authentication_requirements",
    "unsupported_grant_type",
    "unsupported_response_type",
]

# RFC 6749 section 5.2, RFC 8707 section 2, RFC 9396 section 5. None: the answer has
# tokens. `already_redeemed` and `recently_redeemed` have them if the server derives
# their strings from the presented token.
REDEMPTION: Final[Mapping[RedemptionOutcome, ErrorCode | None]] = {
    "redeemed": None,
    "refreshed": None,
    "already_redeemed": "invalid_grant",
    "recently_redeemed": "invalid_grant",
    "rotation_required": "invalid_grant",
    "reused": "invalid_grant",
    "invalid": "invalid_grant",
    "grant_not_allowed": "unauthorized_client",
    "invalid_scope": "invalid_scope",
    "invalid_target": "invalid_target",
    "invalid_authorization_details": "invalid_authorization_details",
}
CLIENT_CREDENTIALS: Final[Mapping[ClientTokenIssuanceOutcome, ErrorCode | None]] = {
    "issued": None,
    "client_inactive": "invalid_client",
    "tenant_inactive": "invalid_client",
    "client_public": "unauthorized_client",
    "client_not_authorized": "unauthorized_client",
    "grant_not_allowed": "unauthorized_client",
    "service_account_inactive": "invalid_grant",
    "invalid_scope": "invalid_scope",
    "invalid_target": "invalid_target",
}
# RFC 8693 section 2.2.2.
EXCHANGE: Final[Mapping[TokenExchangeOutcome, ErrorCode | None]] = {
    "issued": None,
    "client_inactive": "invalid_client",
    "tenant_inactive": "invalid_client",
    "client_public": "unauthorized_client",
    "grant_not_allowed": "unauthorized_client",
    "invalid_scope": "invalid_scope",
    "invalid_target": "invalid_target",
    "invalid_authorization_details": "invalid_authorization_details",
    "invalid_subject_token": "invalid_request",
    "invalid_actor_token": "invalid_request",
    "binding_required": "invalid_request",
    "too_many_exchanges": "invalid_request",
}
# RFC 8628 section 3.5.
POLL: Final[Mapping[DevicePollOutcome, ErrorCode | None]] = {
    "approved": None,
    "authorization_pending": "authorization_pending",
    "slow_down": "slow_down",
    "access_denied": "access_denied",
    "expired_token": "expired_token",
    "invalid": "invalid_grant",
}
# RFC 8628 section 3.2.
DEVICE_REQUEST: Final[Mapping[DeviceAuthorizationRequestOutcome, ErrorCode | None]] = {
    "created": None,
    "client_inactive": "invalid_client",
    "client_metadata_expired": "invalid_client",
    "tenant_inactive": "invalid_client",
    "grant_not_allowed": "unauthorized_client",
}
# RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6, RFC 9470 section 5.
# The outcomes of ERROR_PAGES cause no redirect.
AUTHORIZATION: Final[Mapping[CodeIssuanceOutcome, ErrorCode | None]] = {
    "issued": None,
    "tenant_inactive": "invalid_client",
    "client_inactive": "invalid_client",
    "client_metadata_expired": "invalid_client",
    "redirect_uri_not_registered": "invalid_request",
    "grant_not_allowed": "unauthorized_client",
    "user_inactive": "access_denied",
    "login_required": "login_required",
    "unmet_authentication_requirements": "unmet_authentication_requirements",
    "pkce_required": "invalid_request",
    "consent_required": "consent_required",
}
ERROR_PAGES: Final[frozenset[CodeIssuanceOutcome]] = frozenset(
    {
        "tenant_inactive",
        "client_inactive",
        "client_metadata_expired",
        "redirect_uri_not_registered",
    }
)
# For the page on which a person approves a device.
DEVICE_APPROVAL: Final[Mapping[DeviceApprovalOutcome, ErrorCode | None]] = {
    "approved": None,
    "invalid": "invalid_grant",
    "tenant_inactive": "invalid_client",
    "client_inactive": "invalid_client",
    "user_inactive": "access_denied",
    "login_required": "login_required",
    "unmet_authentication_requirements": "unmet_authentication_requirements",
    "consent_required": "consent_required",
    "invalid_scope": "invalid_scope",
    "invalid_target": "invalid_target",
    "invalid_authorization_details": "invalid_authorization_details",
}
