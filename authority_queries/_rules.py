"""What the checks of several columns allow, in words, and which argument is meant."""

from collections.abc import Sequence
from typing import Final, NamedTuple


class Rule(NamedTuple):
    """What a constraint allows. `argument` is empty where it concerns several."""

    allows: str
    argument: str = ""


_ONE_SUBJECT: Final = Rule("it is of a user or of a service account, not of both")
_RULES: Final = {
    "authorizations_consent_id_user_id_check": Rule(
        "only a user's authorization rests on a consent", "consent_id"
    ),
    "authorizations_user_id_service_account_id_check": _ONE_SUBJECT,
    "client_secrets_valid_until_check": Rule(
        "valid_until must not be before valid_from", "valid_until"
    ),
    "device_authorizations_expires_at_check": Rule(
        "a device's request lives more than 0 and at most 30 minutes", "lifetime"
    ),
    "licenses_valid_until_check": Rule(
        "valid_until must be after valid_from", "valid_until"
    ),
    "pushed_requests_expires_at_check": Rule(
        "a pushed request lives more than 0 and at most 10 minutes", "lifetime"
    ),
    "pushed_requests_parameters_check": Rule(
        "parameters must have a scope of RFC 6749 section 3.3, if any, and neither "
        "request_uri, client_secret nor client_assertion",
        "parameters",
    ),
    "revocations_category_expires_at_check": Rule(
        "an entry for a token or an authorization must have an expires_at", "expires_at"
    ),
    "revocations_expires_at_check": Rule(
        "expires_at must be after effective_at", "expires_at"
    ),
    "tokens_actor_check": Rule("actor must have a sub", "actor"),
    "tokens_authenticated_at_check": Rule(
        "authenticated_at must not be ahead of the clock", "authenticated_at"
    ),
    "tokens_type_authorization_id_check": Rule(
        "a token that is redeemed must belong to an authorization", "authorization_id"
    ),
    "tokens_type_expires_at_check": Rule(
        "an authorization code lives at most 10 minutes", "lifetime"
    ),
    "tokens_type_redirect_uri_code_challenge_check": Rule(
        "only an authorization code has a redirect_uri and a code_challenge"
    ),
    "tokens_user_id_service_account_id_check": _ONE_SUBJECT,
    "used_jtis_expires_at_check": Rule(
        "expires_at must be ahead of the clock, and at most 24 hours", "expires_at"
    ),
}
_MOMENTS: Final = Rule("a moment must be from 1900-01-01 to before 9000-01-01, UTC")
_DURATIONS: Final = Rule("a duration must be from 0 to 36525 days")


def rule_of(constraint: str) -> Rule | None:
    """Give the words for a check constraint, or None when its name says enough."""
    if constraint.endswith("_moments_check"):
        return _MOMENTS
    if constraint.endswith("_durations_check"):
        return _DURATIONS
    return _RULES.get(constraint)


def argument_of(what: str, arguments: Sequence[str]) -> str:
    """Give the argument that a constraint's columns name: the first, if they are more.

    `what` is the constraint's name between table and kind: `type_expires_at`.
    """
    named = f"_{what}_"
    found = [name for name in arguments if f"_{name}_" in named]
    return min(found, key=lambda name: named.index(f"_{name}_"), default="")
