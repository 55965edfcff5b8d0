# mypy: ignore-errors
# It stands in for models of Django.
"""The models of Authlib's suite for Django, as rows of the store."""

from authority_queries.contrib import authlib as kit
from authority_queries.contrib.authlib import django

from . import flask_models as base
from .flask_models import CodeGrantMixin, RefreshTokenGrant, RevocationEndpoint

__all__ = ["CodeGrantMixin", "RefreshTokenGrant", "RevocationEndpoint"]


class Manager:
    def __init__(self, find):
        self.find = find

    def get(self, **by):
        found = self.find(**by)
        if found is None:
            raise LookupError
        return found


class User(base.User):
    DoesNotExist = LookupError

    def set_password(self, password):
        self.password = password

    def check_password(self, password):
        return self.password == password

    def save(self):
        self.write()

    @property
    def pk(self):
        return self.id


class Client(base.Client):
    def save(self):
        self.set_client_metadata(
            {
                "redirect_uris": [
                    uri for uri in [getattr(self, "default_redirect_uri", "")] if uri
                ],
                "scope": self.scope_of_row,
                "grant_types": getattr(self, "grant_type", "").split(),
                "response_types": getattr(self, "response_type", "").split(),
                "token_endpoint_auth_method": getattr(
                    self, "token_endpoint_auth_method", "client_secret_basic"
                ),
            }
        )
        self.write()

    def __init__(self, scope="", **columns):
        super().__init__(**columns)
        self.scope_of_row = scope


class OAuth2Token(base.Token):
    def save(self):
        self.write()


class OAuth2Code:
    """The grants store codes by themselves."""


User.objects = Manager(lambda **by: base.User.query.filter_by(**by).first())


def adopted_server():
    server = django.AuthorizationServer(base.issuer)
    base.issuer.adopt(server)
    return server


class BearerTokenValidator(kit.BearerTokenValidator):
    """The suite makes it when it is imported, before there is an issuer."""

    def __init__(self, token_model):
        super().__init__(None)

    _verifier = property(lambda self: base.issuer, lambda self, value: None)
