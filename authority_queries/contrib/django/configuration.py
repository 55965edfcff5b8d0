"""Settings of a project, and requests of Django as those of contrib.oauth."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.module_loading import import_string

from authority_queries.contrib.oauth import Provider, Request
from authority_queries.contrib.oauth.certificates import read_certificate

_NAME: Final = "session"


def provider_for(request: HttpRequest) -> Provider:
    """Return the provider of a request.

    The setting AUTHORITY_PROVIDER is the dotted path of a function that returns it, for
    example by `request.get_host()`.
    """
    path: object = getattr(settings, "AUTHORITY_PROVIDER", None)
    if not isinstance(path, str):
        message = "AUTHORITY_PROVIDER must be the dotted path of a function"
        raise ImproperlyConfigured(message)
    find: Callable[[HttpRequest], Provider] = import_string(path)
    return find(request)


def cookie_name(provider: Provider) -> str:
    """Return the setting AUTHORITY_COOKIE, or `__Host-session`.

    A browser takes that name over TLS only. A plain http issuer has `session`.
    """
    name = f"__Host-{_NAME}" if is_tls(provider) else _NAME
    return str(getattr(settings, "AUTHORITY_COOKIE", name))


def is_tls(provider: Provider) -> bool:
    """Whether the issuer's cookies must be `Secure`."""
    return provider.settings.issuer.startswith("https:")


def address_of(request: HttpRequest) -> IPv4Address | IPv6Address:
    """Return the address of the browser, which the proxy or a middleware has set."""
    try:
        return ip_address(request.META["REMOTE_ADDR"])
    except ValueError:  # empty behind a Unix socket
        message = "REMOTE_ADDR must be an address: set it in a middleware"
        raise ImproperlyConfigured(message) from None


def read(request: HttpRequest, issuer: str) -> Request:
    """Return a request with the scheme and host of an URL.

    The setting AUTHORITY_CERTIFICATE_HEADER is the header in which the proxy passes the
    client's TLS certificate. The proxy must remove it from clients' own requests.
    """
    parts = urlsplit(issuer)
    name: str | None = getattr(settings, "AUTHORITY_CERTIFICATE_HEADER", None)
    value = None if name is None else request.headers.get(name)
    return Request(
        method=request.method or "GET",
        url=f"{parts.scheme}://{parts.netloc}{request.path}",
        parameters=parse_qsl(request.META.get("QUERY_STRING", "")),
        headers=list(request.headers.items()),
        certificate=read_certificate(value) if value else None,
    )
