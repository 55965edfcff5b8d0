"""Starlette's requests and responses as those of contrib.oauth."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response

from authority_queries.contrib.oauth import Answer, ProtocolError, Request
from authority_queries.contrib.oauth.certificates import read_certificate
from authority_queries.errors import ConfigurationError

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200
_MOST_OCTETS = 262144


async def read_request(
    request: StarletteRequest, issuer: str, certificate_header: str | None = None
) -> Request:
    """Return the request, with the scheme and host of the issuer.

    Raises ProtocolError, for example for a body of more than 256 KiB.
    """
    body = await _read_body(request) if request.method in {"POST", "PUT"} else b""
    if request.method == "POST":
        parameters = _fields(request, body)
    else:
        parameters = list(request.query_params.multi_items())
    return replace(
        read_head(request, issuer, certificate_header), parameters=parameters, body=body
    )


def read_head(
    request: StarletteRequest, issuer: str, certificate_header: str | None = None
) -> Request:
    """Return the request without its parameters and body. Raises ProtocolError."""
    parts = urlsplit(issuer)
    certificate = None
    if certificate_header is not None:
        values = request.headers.getlist(certificate_header)
        if len(values) > 1:  # one of them is the client's own
            message = "the header of the certificate is repeated"
            raise ProtocolError("invalid_request", message)
        certificate = read_certificate(values[0]) if values and values[0] else None
    return Request(
        method=request.method,
        url=f"{parts.scheme}://{parts.netloc}{request.url.path}",
        headers=request.headers.items(),
        certificate=certificate,
    )


async def read_form(request: StarletteRequest) -> dict[str, str]:
    """Return the fields of a form, without files.

    Raises ProtocolError for a repeated field, and for a body of more than 256 KiB.
    """
    pairs = _fields(request, await _read_body(request))
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ProtocolError("invalid_request", "a field is repeated")
    return fields


def address_of(request: StarletteRequest) -> IPv4Address | IPv6Address:
    """Return the address of the browser's host, which the throttle of sign-ins needs.

    Behind a proxy, start uvicorn with `--proxy-headers` and `--forwarded-allow-ips`.
    """
    host = request.client.host if request.client else ""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        message = (
            f"request.client must be the browser's address, not {host!r}. In a test, "
            "use TestClient(app, client=('192.0.2.1', 50000))"
        )
        raise ConfigurationError(message) from None


def _fields(request: StarletteRequest, body: bytes) -> list[tuple[str, str]]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    text = body.decode(errors="replace") if kind == _FORM else ""
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        message = "the form has too many fields"
        raise ProtocolError("invalid_request", message) from None


async def _read_body(request: StarletteRequest) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_OCTETS:
            raise ProtocolError("invalid_request", "the body is too long")
    return bytes(body)


def respond(answer: Answer) -> Response:
    """Return the response of an answer."""
    headers = dict(answer.headers)
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    return JSONResponse(answer.body, status_code=answer.status, headers=headers)
