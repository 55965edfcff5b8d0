# mypy: ignore-errors
# It replaces a file without types.
"""Fixtures of Authlib's suite for Django, on the store."""

import os

import django
import pytest
from django.conf import settings

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django_settings"
django.setup()

from . import flask_models, models  # noqa: E402 -- after the setup


@pytest.fixture(autouse=True)
def env(monkeypatch):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "true")


@pytest.fixture(name="settings")
def settings_of_test():
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.AUTHLIB_OAUTH2_PROVIDER = {}
    return settings


@pytest.fixture(autouse=True)
def store(authority, authority_tenant):
    flask_models.db.open(authority, authority_tenant)


@pytest.fixture(autouse=True)
def server(settings, store):
    return models.adopted_server()


@pytest.fixture(autouse=True)
def user(store):
    user = models.User(username="foo")
    user.set_password("ok")
    user.save()
    return user


@pytest.fixture
def token(user):
    token = models.OAuth2Token(
        user_id=user.pk,
        client_id="client-id",
        access_token="a1",
        refresh_token="r1",
        scope="profile",
        expires_in=3600,
    )
    token.save()
    return token
