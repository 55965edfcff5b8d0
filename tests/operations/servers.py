"""What the tests of several servers share."""

from psycopg.conninfo import make_conninfo

from authority_queries import Settings
from authority_queries.service.migrations import yoyo_url
from tests.cluster import Cluster


def settings_of(cluster: Cluster, **more: str) -> Settings:
    """Return the settings of a superuser's services on this server."""
    return Settings(database_url=yoyo_url(make_conninfo(cluster.conninfo, **more)))
