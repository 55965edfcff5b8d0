"""django-oauth-toolkit, by the methods of its OAuth2Validator that its views call.

Settings are Django's and the toolkit's defaults, with persistent connections
(CONN_MAX_AGE), which Django's pages recommend where a request would connect anew.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any, Final

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from benchmarks.compared.workload import (
    CLIENTS,
    PERMISSIONS,
    ROLES,
    SCOPES,
    USERS,
    Runs,
    check,
    each,
    picked,
)

_ROWS: Final = (
    """
    insert into auth_user (
        id, password, is_superuser, username, first_name, last_name, email, is_staff,
        is_active, date_joined
    )
    select
        n, repeat('x', 88), false, 'user' || n, '', '', 'user' || n || '@example.com',
        false, true, now()
    from generate_series(1, %(users)s) as n
    """,
    "insert into auth_group (id, name) values (1, 'first'), (2, 'second')",
    """
    insert into auth_group_permissions (group_id, permission_id)
    select id %% 2 + 1, id from auth_permission order by id limit %(permissions)s
    """,
    """
    insert into auth_user_groups (user_id, group_id)
    select auth_user.id, auth_group.id from auth_user, auth_group
    """,
    """
    insert into oauth2_provider_application (
        id, client_id, redirect_uris, post_logout_redirect_uris, client_type,
        authorization_grant_type, client_secret, hash_client_secret, name,
        skip_authorization, created, updated, algorithm, allowed_origins,
        registration_source
    )
    select
        n, 'client' || n, '', '', 'confidential', 'client-credentials', 'x', true, '',
        false, now(), now(), '', '', 'manual'
    from generate_series(1, %(clients)s) as n
    """,
    """
    insert into oauth2_provider_accesstoken (
        id, user_id, token, token_checksum, application_id, expires, scope, resource,
        created, updated
    )
    select
        n + 1, n %% %(users)s + 1, 'access' || n,
        encode(sha256(convert_to('access' || n, 'UTF8')), 'hex'),
        n %% %(clients)s + 1, now() + interval '1 day', 'openid profile', '[]',
        now(), now()
    from generate_series(0, %(tokens)s - 1) as n
    """,
    """
    insert into oauth2_provider_refreshtoken (
        id, user_id, token, token_checksum, application_id, access_token_id,
        token_family, resource, created, updated
    )
    select
        n + 1, n %% %(users)s + 1, 'refresh' || n,
        encode(sha256(convert_to('refresh' || n, 'UTF8')), 'hex'),
        n %% %(clients)s + 1, n + 1, gen_random_uuid(), '[]', now(), now()
    from generate_series(0, %(tokens)s - 1) as n
    where n %% 5 < 2
    """,
    """
    select
        setval('oauth2_provider_accesstoken_id_seq', %(tokens)s),
        setval('oauth2_provider_refreshtoken_id_seq', %(tokens)s)
    """,
)
_EXPIRED: Final = """
insert into oauth2_provider_accesstoken (
    token, token_checksum, application_id, expires, scope, resource, created, updated
)
select
    'old' || n, encode(sha256(uuid_send(gen_random_uuid())), 'hex'), 1,
    now() - interval '1 day', '', '[]', now(), now()
from generate_series(1, %s) as n
"""


def configure(database: str, **more: object) -> None:
    """Configure Django, with more settings for views."""
    parts = conninfo_to_dict(database)
    settings.configure(
        SECRET_KEY="not a secret",  # noqa: S106 -- it signs nothing
        USE_TZ=True,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "oauth2_provider",
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts["dbname"],
                "USER": parts["user"],
                "HOST": parts["host"],
                "PORT": parts["port"],
                "CONN_MAX_AGE": None,
            }
        },
        OAUTH2_PROVIDER={"SCOPES": dict.fromkeys(SCOPES, "")},
        **more,
    )
    django.setup()


def prepare(database: str, tokens: int) -> int:
    """Create the tables and the rows, in a process of its own."""
    configure(database)
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    given = {
        "users": USERS,
        "clients": CLIENTS,
        "tokens": tokens,
        "permissions": len(PERMISSIONS),
    }
    with connection.cursor() as cursor:
        for statement in _ROWS:
            cursor.execute(statement, given)
        cursor.execute("vacuum analyze")
    connection.close()
    return tokens


@contextmanager
def connected(database: str, tokens: int) -> Iterator[Runs]:
    """Connect, and yield the measured calls."""
    configure(database)
    from django.db import connection
    from oauth2_provider.models import clear_expired

    def expire(count: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_EXPIRED, [count])

    yield {
        "verify": each(_verify(tokens)),
        "issue": each(_issue()),
        "rotate": each(_rotate(tokens)),
        "sign in": each(_sign_in()),
        "expire": expire,
        "prune": lambda _: clear_expired(),
    }
    connection.close()


def _request(grant_type: str | None = None) -> Any:
    from oauthlib.common import Request

    request = Request("https://auth.example/token", "POST", {}, {})
    request.grant_type = grant_type
    request.scopes = list(SCOPES)
    return request


def _verify(tokens: int) -> Callable[[], object]:
    from oauth2_provider.oauth2_validators import OAuth2Validator

    validator = OAuth2Validator()
    strings = cycle([f"access{n}" for n in picked(tokens)])
    return lambda: check(
        validator.validate_bearer_token(next(strings), ["profile"], _request())
    )


def _issue() -> Callable[[], object]:
    from oauth2_provider.oauth2_validators import OAuth2Validator
    from oauthlib.oauth2.rfc6749.tokens import BearerToken

    validator = OAuth2Validator()
    issuer = BearerToken(validator, expires_in=3600)
    clients = cycle(range(1, CLIENTS + 1))

    def issue() -> None:
        request = _request("client_credentials")
        check(validator.validate_client_id(f"client{next(clients)}", request))
        token = issuer.create_token(request, refresh_token=False)
        validator.save_token(token, request)

    return issue


def _rotate(tokens: int) -> Callable[[], object]:
    from oauth2_provider.oauth2_validators import OAuth2Validator
    from oauthlib.oauth2.rfc6749.tokens import BearerToken

    validator = OAuth2Validator()
    issuer = BearerToken(validator, expires_in=3600)
    numbers = [n - n % 5 for n in picked(tokens)]
    held = [
        (f"refresh{number}", f"client{number % CLIENTS + 1}")
        for number in dict.fromkeys(numbers)
    ]

    def rotate() -> None:
        string, client_id = held.pop(0)
        request = _request("refresh_token")
        check(validator.validate_client_id(client_id, request))
        check(validator.validate_refresh_token(string, request.client, request))
        token = issuer.create_token(request, refresh_token=True)
        validator.save_token(token, request)
        held.append((token["refresh_token"], client_id))

    return rotate


def _sign_in() -> Callable[[], object]:
    from django.contrib.auth.models import User

    names = cycle(range(1, USERS, 5))

    def sign_in() -> None:
        user = User.objects.get(username=f"user{next(names)}")
        groups = list(user.groups.all())
        permissions = user.get_all_permissions()
        check(len(groups) == ROLES and len(permissions) == len(PERMISSIONS))

    return sign_in
