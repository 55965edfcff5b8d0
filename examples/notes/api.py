"""An API that accepts access tokens: people's notes, of all tenants."""

from collections import defaultdict
from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Body, Depends, FastAPI

from authority_queries.contrib.fastapi import ResourceServer
from authority_queries.records import VerifiedToken

SCOPES = ("notes.read", "notes.write")
FIRST_NOTE = "Only a token with the scope notes.read reads this note."
# A table in production. Users of two tenants share no key.
_NOTES = defaultdict[tuple[UUID, UUID | None], list[str]](lambda: [FIRST_NOTE])
_Text: TypeAlias = Annotated[str, Body(embed=True, min_length=1, max_length=500)]


def add_api(app: FastAPI, server: ResourceServer) -> None:
    """Add the routes. A token that lacks the scope or the resource is refused."""
    reader, writer = (Depends(server.token(scope)) for scope in SCOPES)

    @app.get("/api/notes")
    async def read(token: VerifiedToken = reader) -> list[str]:
        return _NOTES[token.tenant_id, token.user_id]

    @app.post("/api/notes")
    async def write(text: _Text, token: VerifiedToken = writer) -> list[str]:
        _NOTES[token.tenant_id, token.user_id].append(text)
        return _NOTES[token.tenant_id, token.user_id]
