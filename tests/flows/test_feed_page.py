"""The SQL of docs/revocation_feed.md does what the page states."""

import re
from pathlib import Path
from typing import Final

import pytest

from authority_queries import Settings
from tests.flows.followers import PATIENCE, Dba, Feed, Follow

_DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
PAGE: Final = (_DOCS / "revocation_feed.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


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
    (moved_ahead,) = blocks("sql")
    dba.execute(moved_ahead.encode())
    with feed.followed(follow, settings, after=3) as queue:
        feed.publish("after the restore")
        assert queue.get(timeout=PATIENCE) == "after the restore"
