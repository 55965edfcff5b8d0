"""Issuers and resource servers on FastAPI."""

from authority_queries.contrib.fastapi.problems import add_problem_handlers
from authority_queries.contrib.fastapi.provider_routes import provider_routes
from authority_queries.contrib.fastapi.requests import (
    address_of,
    read_form,
    read_request,
    respond,
)
from authority_queries.contrib.fastapi.resource_server import ResourceServer

__all__ = [
    "ResourceServer",
    "add_problem_handlers",
    "address_of",
    "provider_routes",
    "read_form",
    "read_request",
    "respond",
]
