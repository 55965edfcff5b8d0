"""django-oauth-toolkit in PostgreSQL, with the users and groups of Django."""

from authority_queries.importing.sources.django_oauth_toolkit.source import open_source

__all__ = ["open_source"]
