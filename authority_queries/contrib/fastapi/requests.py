"""Starlette's requests and responses as those of contrib.oauth."""

from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response

from authority_queries.contrib.oauth import Answer, Request
from authority_queries.contrib.oauth.certificates import read_certificate

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200


async def read_request(
    request: StarletteRequest, issuer: str, certificate_header: str | None = None
) -> Request:
    """Return the request, with the scheme and host of the issuer."""
    parts = urlsplit(issuer)
    body = await request.body() if request.method in {"POST", "PUT"} else b""
    parameters = list(request.query_params.multi_items())
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST":
        text = body.decode(errors="replace") if kind == _FORM else ""
        parameters = parse_qsl(
            text, keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    certificate = None
    if certificate_header is not None:
        value = request.headers.get(certificate_header)
        certificate = read_certificate(value) if value else None
    return Request(
        method=request.method,
        url=f"{parts.scheme}://{parts.netloc}{request.url.path}",
        parameters=parameters,
        headers=request.headers.items(),
        certificate=certificate,
        body=body,
    )


def respond(answer: Answer) -> Response:
    """Return the response of an answer."""
    headers = dict(answer.headers)
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    return JSONResponse(answer.body, status_code=answer.status, headers=headers)
