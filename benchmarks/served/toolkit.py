"""django-oauth-toolkit's own views in Django."""

import secrets
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from benchmarks.compared.toolkit import configure
from benchmarks.compared.toolkit import prepare as prepare_tables
from benchmarks.compared.workload import CLIENTS
from benchmarks.served.held import ACCESS, LIFETIME, SCOPE, Held, database


def prepare(database: str, tokens: int, refresh: int) -> Held:
    """Create and fill the database, in a process of its own."""
    prepare_tables(database, tokens)
    from oauth2_provider.models import AccessToken, Application, RefreshToken

    application, secret = _application(Application, is_hashed=False)
    hashed, hashed_secret = _application(Application, is_hashed=True)
    access = []
    for _ in range(ACCESS + refresh):
        token = _new_token(AccessToken, application)
        token.save()
        access.append(token)
    successors = [
        RefreshToken(
            user_id=1,
            application=application,
            token=secrets.token_urlsafe(32),
            access_token=token,
            token_family=uuid.uuid4(),
        )
        for token in access[ACCESS:]
    ]
    for successor in successors:
        successor.save()
    return Held(
        client=(application.client_id, secret),
        hashed=(hashed.client_id, hashed_secret),
        access=[token.token for token in access[:ACCESS]],
        refresh=[token.token for token in successors],
    )


def app() -> Callable[..., Any]:
    """Return the application, with the middleware of `django-admin startproject`."""
    configure(
        database(),
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="benchmarks.served.toolkit_urls",
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
    )
    from django.core.wsgi import get_wsgi_application

    made: Callable[..., Any] = get_wsgi_application()
    return made


def _application(model: Any, *, is_hashed: bool) -> tuple[Any, str]:
    secret = secrets.token_urlsafe(32)
    made = model(
        id=CLIENTS + 1 + is_hashed,
        client_type="confidential",
        authorization_grant_type="client-credentials",
        client_secret=secret,
        hash_client_secret=is_hashed,
    )
    made.save()
    return made, secret


def _new_token(model: Any, application: Any) -> Any:
    from django.utils import timezone

    return model(
        user_id=1,
        application=application,
        token=secrets.token_urlsafe(32),
        expires=timezone.now() + timedelta(seconds=LIFETIME),
        scope=SCOPE,
    )
