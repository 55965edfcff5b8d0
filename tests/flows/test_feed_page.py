"""Followers continue after the script of docs/revocation_feed.md."""

from pathlib import Path
from typing import Final

import pytest

from authority_queries import Settings
from tests.flows.followers import PATIENCE, Dba, Feed, Follow

_ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = (_ROOT / "schema" / "after_restore.sql").read_text()


@pytest.mark.parametrize("left", [0, 2])
def test_followers_go_on_after_a_restore(
    *,
    left: int,
    follow: Follow,
    settings: Settings,
    feed: Feed,
    dba: Dba,
) -> None:
    feed.publish("1", "2", "3")
    # A moment before the tenant's first entry, or after its second.
    dba.execute("delete from authority.revocations where sequence > %s", (left,))
    dba.execute("delete from authority.revocation_sequences")
    if left:
        dba.execute(
            "insert into authority.revocation_sequences values (%s, %s)",
            (feed.tenant_id, left),
        )
    dba.execute(without_commands(SCRIPT))
    with feed.followed(follow, settings, after=3) as queue:
        feed.publish("after the restore")
        seen = [queue.get(timeout=PATIENCE) for _ in range(2)]
    assert seen == [str(feed.tenant_id), "after the restore"]


def without_commands(script: str) -> bytes:
    """Return the SQL of a script without psql's commands."""
    lines = script.replace("\\gset", ";").splitlines()
    return "\n".join(line for line in lines if not line.startswith("\\")).encode()
