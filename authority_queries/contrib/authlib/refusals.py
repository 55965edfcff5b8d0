"""Refuses hooks of an application that are never called."""

from collections.abc import Iterator, Mapping
from typing import Final

from authority_queries.errors import ConfigurationError

_KNOWN: Final = ("authlib.", "authority_queries.")
_MODELS: Final = (
    "inherit from StoredCodes, StoredRefreshTokens or StoredDevices, which call the "
    "hooks of Authlib's grants"
)
# Names that a class of this package ignores, and what to do instead.
_IGNORED: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "StoreGrant": (
        (
            "AUTHORIZATION_CODE_LENGTH",
            "INCLUDE_NEW_REFRESH_TOKEN",
            "TOKEN_RESPONSE_HEADER",
            "authenticate_refresh_token",
            "authenticate_user",
            "delete_authorization_code",
            "generate_authorization_code",
            "generate_token",
            "issue_token",
            "query_device_credential",
            "query_user_grant",
            "revoke_old_credential",
            "save_authorization_code",
            "save_token",
            "should_slow_down",
            "validate_device_credential",
        ),
        _MODELS,
    ),
    "StoredCodes": (
        ("AUTHORIZATION_CODE_LENGTH",),
        "delete it: codes are strings of the store",
    ),
    "StoredDevices": (
        ("query_user_grant", "should_slow_down"),
        "delete it: the database counts and answers the polls",
    ),
    "DeviceAuthorizationEndpoint": (
        (
            "EXPIRES_IN",
            "INTERVAL",
            "USER_CODE_TYPE",
            "generate_device_code",
            "generate_user_code",
            "get_verification_uri",
            "save_device_credential",
        ),
        "delete it: codes are those of the store, and ProviderSettings has the URL",
    ),
    "UserInfoEndpoint": (
        ("generate_user_info", "get_issuer", "resolve_private_key"),
        "set ProviderSettings.claims, or register Authlib's UserInfoEndpoint",
    ),
}


def refuse_ignored(kind: type) -> None:
    """Raise ConfigurationError if a class overrides a hook that is never called."""
    for base in kind.__mro__:
        if base.__module__.startswith(_KNOWN):
            names, advice = _IGNORED.get(base.__name__, ((), ""))
            for name in _overridden(kind, names):
                message = f"{name} is never called: {advice}"
                raise ConfigurationError(f"{kind.__name__}: {message}")


def _overridden(kind: type, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the names that a class of the application has defined."""
    for base in kind.__mro__:
        if not base.__module__.startswith((*_KNOWN, "builtins")):
            yield from (name for name in names if name in vars(base))
