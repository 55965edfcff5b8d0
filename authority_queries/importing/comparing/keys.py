"""The keys of all rows on both sides, in files, so that memory stays bounded."""

import json
import secrets
import struct
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from typing import BinaryIO, Final, Self

from authority_queries.importing.comparing.rows import Key
from authority_queries.importing.comparing.rules import RULE_NAMES, RuleName

_PARTS: Final = 64
_RECORD: Final = struct.Struct(">12sIbH")  # digest, group, rule, length of the label
_MOST_OCTETS: Final = 512  # of a label


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """A key that only one side has, with what this side noted."""

    group: int
    label: str
    rule: RuleName | None
    is_here: bool


class KeyBook:
    """Notes keys of both sides, and finds those that only one side has.

    A key becomes a digest in one of 64 pairs of temporary files, so that only one pair
    is in memory at a time. A record has 19 octets and its label. The digests have 96
    bits under a random key, so that nobody can choose two keys with one digest.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._secret = secrets.token_bytes(32)
        self._source: list[BinaryIO] = []
        self._here: list[BinaryIO] = []
        self.source_counts: Counter[int] = Counter()
        self.here_counts: Counter[int] = Counter()

    def __enter__(self) -> Self:
        for files in (self._source, self._here):
            for _ in range(_PARTS):
                files.append(self._stack.enter_context(tempfile.TemporaryFile()))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def note_source(
        self, group: int, key: Key, label: str, rule: RuleName | None
    ) -> None:
        """Note the key of an entry of the source. Repeated keys count once.

        `rule` explains why the row may be missing here.
        """
        self._note(self._source, group, key, label, rule)

    def note_here(
        self, group: int, key: Key, label: str, rule: RuleName | None
    ) -> None:
        """Note the key of a row. `rule` explains why the source may not have it."""
        self._note(self._here, group, key, label, rule)

    def unmatched(self) -> Iterator[Unmatched]:
        """Yield the keys that only one side has, and count the keys of both."""
        for source_file, here_file in zip(self._source, self._here, strict=True):
            source, here = _read(source_file), _read(here_file)
            self.source_counts.update(group for group, _ in source)
            self.here_counts.update(group for group, _ in here)
            for side, other, is_here in ((source, here, False), (here, source, True)):
                for key, (label, rule) in side.items():
                    if key not in other:
                        yield Unmatched(
                            group=key[0], label=label, rule=rule, is_here=is_here
                        )

    def _note(
        self,
        files: list[BinaryIO],
        group: int,
        key: Key,
        label: str,
        rule: RuleName | None,
    ) -> None:
        text = json.dumps([group, *key]).encode()
        digest = blake2b(text, digest_size=12, key=self._secret).digest()
        octets = label.encode("utf-8", "replace")[:_MOST_OCTETS]
        number = -1 if rule is None else RULE_NAMES.index(rule)
        record = _RECORD.pack(digest, group, number, len(octets)) + octets
        files[digest[0] % _PARTS].write(record)


def _read(file: BinaryIO) -> dict[tuple[int, bytes], tuple[str, RuleName | None]]:
    file.seek(0)
    found: dict[tuple[int, bytes], tuple[str, RuleName | None]] = {}
    while head := file.read(_RECORD.size):
        digest, group, number, length = _RECORD.unpack(head)
        label = file.read(length).decode("utf-8", "ignore")
        rule = None if number < 0 else RULE_NAMES[number]
        found.setdefault((group, digest), (label, rule))
    return found
