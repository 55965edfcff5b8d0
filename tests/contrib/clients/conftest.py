"""OAuthLib's settings for tests."""

import pytest


@pytest.fixture(autouse=True)
def _oauthlib_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    # Else OAuthLib raises a warning when an issuer grants fewer scopes.
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")
