"""Parts of the specifications that conformance suites ask for."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from authority_queries.contrib.oauth import ErrorPage, Provider, SignIn
from authority_queries.records import User
from authority_queries.testing import SampleTenant
from tests.contrib.flows import (
    asked,
    body,
    code_for,
    get,
    query_of,
    redeem,
)

pytestmark = [pytest.mark.one_version, pytest.mark.usefixtures("app")]


def variant(provider: Provider, **changed: object) -> Provider:
    """Return the issuer with other settings."""
    settings = replace(provider.settings, **changed)  # type: ignore[arg-type]  # any
    return Provider(provider.authorization._authority, provider.tenant_id, settings)


def test_classes_that_the_issuer_does_not_offer_are_not_required(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    code_for(provider, authority_tenant, ann, acr_values="1 2")
    offering = variant(provider, acr_values_supported=["urn:two"])
    cookie, _ = authority_tenant.session(ann)
    for values, kept in (("1 2", None), ("1 urn:two", ["urn:two"])):
        request = asked(offering, acr_values=values)
        assert request.acr_values == kept
        decision = offering.authorization.decide(request, cookie)
        assert isinstance(decision, SignIn) is (kept is not None)


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
def test_a_prompt_for_the_person_comes_before_consent(
    prompt: str, provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    cookie, _ = authority_tenant.session(ann)
    decision = provider.authorization.decide(asked(provider, prompt=prompt), cookie)
    assert isinstance(decision, SignIn)
    assert decision.is_again


def test_an_id_token_hint_names_the_person(
    provider: Provider,
    authority_tenant: SampleTenant,
    ann: User,
) -> None:
    code = code_for(provider, authority_tenant, ann)
    hint = str(body(provider.token.answer(redeem(code)))["id_token"])
    bob = authority_tenant.user("bob")
    provider.authorization.consent(asked(provider), bob.id)
    anns, _ = authority_tenant.session(ann)
    bobs, _ = authority_tenant.session(bob)
    silent = asked(provider, id_token_hint=hint, prompt="none")
    assert "code" in query_of(provider.authorization.decide(silent, anns))
    refused = query_of(provider.authorization.decide(silent, bobs))
    assert refused["error"] == "login_required"
    request = asked(provider, id_token_hint=hint)
    assert isinstance(provider.authorization.decide(request, bobs), SignIn)
    again, _ = authority_tenant.session(bob)
    refused = query_of(provider.authorization.decide(request, again))
    assert refused["error"] == "login_required"


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"request_uri": "https://app.example/request"}, "request_uri_not_supported"),
        ({"id_token_hint": "x.y.z"}, "invalid_request"),
    ],
)
def test_a_parameter_that_is_not_supported_is_refused(
    given: dict[str, str], refusal: str, provider: Provider
) -> None:
    request = get("/authorize", response_type="code", client_id="app", **given)
    assert query_of(provider.authorization.begin(request))["error"] == refusal


def test_parameters_are_added_to_the_query_of_a_redirect_uri(
    provider: Provider, authority_tenant: SampleTenant
) -> None:
    for number, (uri, known) in enumerate(
        {"https://x.example/?": {}, "https://x.example/?a=b": {"a": ["b"]}}.items()
    ):
        with authority_tenant.unit() as store:
            store.clients.create(
                tenant_id=authority_tenant.id,
                client_id=f"with-query-{number}",
                client_type="public",
                redirect_uris=[uri],
                post_logout_redirect_uris=[uri],
            )
        client_id = f"with-query-{number}"
        denied = provider.authorization.deny(
            asked(provider, client_id=client_id, redirect_uri=uri)
        )
        query = parse_qs(urlsplit(denied.url).query)
        assert query.items() >= {**known, "state": ["xyz"]}.items()
        ended = provider.logout.begin(
            get(
                "/end_session",
                client_id=client_id,
                post_logout_redirect_uri=uri,
                state="xyz",
            ),
            None,
        )
        assert not isinstance(ended, ErrorPage)
        assert ended.redirect is not None
        assert parse_qs(urlsplit(ended.redirect.url).query) == known | {
            "state": ["xyz"]
        }


def test_a_broken_request_for_a_sign_out_shows_a_page(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    code = code_for(provider, authority_tenant, ann)
    hint = str(body(provider.token.answer(redeem(code)))["id_token"])
    cookie, _ = authority_tenant.session(ann)
    repeated = get("/end_session")
    repeated = replace(repeated, parameters=[("state", "1"), ("state", "2")])
    of_another = get("/end_session", id_token_hint=hint, client_id="other")
    for request in (repeated, of_another):
        assert isinstance(provider.logout.begin(request, cookie), ErrorPage)
    assert provider.session(cookie) is not None


def test_the_metadata_is_complete(provider: Provider) -> None:
    found = body(provider.metadata())
    assert {"openid", "offline_access"} <= {*found["scopes_supported"]}  # type: ignore[misc]  # a list
    assert {"sub", "email_verified"} <= {*found["claims_supported"]}  # type: ignore[misc]  # a list
    for endpoint in ("token", "introspection", "revocation"):
        methods = found[f"{endpoint}_endpoint_auth_methods_supported"]
        assert isinstance(methods, list)
        assert "private_key_jwt" in methods
        assert ("none" in methods) is (endpoint != "introspection")
        assert found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
    assert found["request_uri_parameter_supported"] is False
    own = body(variant(provider, claims=lambda _, __: {}).metadata())
    assert "claims_supported" not in own
