"""Random samples that are the same in each run."""

import heapq
from collections.abc import Iterator
from hashlib import blake2b
from itertools import count
from typing import Final

from authority_queries.importing.documents import Document

_OCTETS: Final = 16


class Sample:
    """The documents of a collection whose hash under the seed is lowest.

    Each document has the same chance. The sample does not depend on the order of the
    documents, and another document replaces at most one of it.
    """

    def __init__(self, size: int, *, seed: str, collection: str) -> None:
        self._size = size
        self._salt = f"{seed}\0{collection}\0".encode("utf-8", "surrogatepass")
        self._lowest: list[tuple[int, int, Document]] = []
        self._numbers = count()  # of documents with the same hash

    def offer(self, document: Document) -> None:
        """Keep the document if it is among the lowest."""
        name = f"{document.tenant}\0{document.id}".encode("utf-8", "surrogatepass")
        digest = blake2b(self._salt + name, digest_size=_OCTETS).digest()
        # The heap has the highest hash first, which the next lower one replaces.
        item = (-int.from_bytes(digest, "big"), next(self._numbers), document)
        if len(self._lowest) < self._size:
            heapq.heappush(self._lowest, item)
        elif self._lowest and item[0] > self._lowest[0][0]:
            heapq.heapreplace(self._lowest, item)

    def __len__(self) -> int:
        return len(self._lowest)

    def __iter__(self) -> Iterator[Document]:
        """Yield the documents in the order of the source."""
        for _, __, document in sorted(self._lowest, key=lambda item: item[1]):
            yield document
