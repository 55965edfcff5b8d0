"""What a user of contrib.oauth writes, for type checkers: decisions narrow by class.

mypy and pyright read the file. The functions are not called.
"""

from datetime import timedelta
from typing import assert_never, assert_type, get_args

import pytest

from authority_queries.contrib.oauth import (
    AskConsent,
    AuthorizationRequest,
    Decision,
    ErrorPage,
    Passed,
    Provider,
    Redirect,
    Refused,
    Request,
    SignIn,
)
from authority_queries.records import Client, LiveSession

pytestmark = pytest.mark.one_version


def _show(provider: Provider, request: Request) -> str:
    begun = provider.authorization.begin(request)
    if not isinstance(begun, AuthorizationRequest):
        return "not begun"
    match provider.authorization.decide(begun, None):
        case Redirect(url=url):
            return assert_type(url, str)
        case ErrorPage() as page:
            return page.description
        case SignIn() as sign_in:
            assert_type(sign_in.is_again, bool)
            return sign_in.client.client_id
        case AskConsent(client=client):
            return assert_type(client, Client).client_id
        case _ as never:
            assert_never(never)


def _enter(provider: Provider, shown: Passed | Refused) -> str | None:
    assert_type(provider.session("cookie"), LiveSession | None)
    if isinstance(shown, Refused):
        assert_type(shown.retry_after, timedelta | None)
        return None
    return assert_type(shown, Passed).username


def test_a_decision_is_one_of_four_classes() -> None:
    assert set(get_args(Decision)) == {Redirect, ErrorPage, SignIn, AskConsent}
    assert callable(_show)
    assert callable(_enter)
