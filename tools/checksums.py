"""Writes schema/checksums.txt. Refuses a released migration that has changed."""

import sys

from authority_queries.resources import CHECKSUMS
from authority_queries.service.checksums import checksum_lines, renewed


def main() -> int:
    """Renew the lines of migrations that are not released. Return 1 if one may not."""
    old = CHECKSUMS.read_text(encoding="utf-8") if CHECKSUMS.exists() else ""
    new, broken = renewed(old, checksum_lines())
    for name in broken:
        print(f"{name} is released: write a new migration instead", file=sys.stderr)
    if not broken:
        CHECKSUMS.write_text(new, encoding="utf-8")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
