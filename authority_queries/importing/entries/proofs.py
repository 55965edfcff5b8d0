"""Values that differ each time, although the secret is the same: salted hashes."""

from collections.abc import Callable, Mapping
from typing import Self, TypeAlias

from pydantic import ModelWrapValidatorHandler, PrivateAttr, model_validator

from authority_queries.importing.entries.base import Entry

# Tells whether a value, such as a hash, is of the same secret.
Proof: TypeAlias = Callable[[object], bool]


class SaltedHash(str):
    """A hash of a secret that the source has in plain text."""

    __slots__ = ("proves",)
    proves: Proof

    def __new__(cls, value: str, proves: Proof) -> Self:
        """Return the hash with a function that knows the secret."""
        made = super().__new__(cls, value)
        made.proves = proves
        return made


class SealedOctets(bytes):
    """The ciphertext of a secret that the source has in plain text."""

    proves: Proof

    def __new__(cls, value: bytes, proves: Proof) -> Self:
        """Return the ciphertext with a function that knows the secret."""
        made = super().__new__(cls, value)
        made.proves = proves
        return made


class ProvenEntry(Entry):
    """An entry that remembers the proofs of its hashes. No output has them."""

    _proofs: Mapping[str, Proof] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_proofs(
        cls, given: object, handler: ModelWrapValidatorHandler[Self]
    ) -> Self:
        entry = handler(given)
        if isinstance(given, Mapping):
            entry._proofs = {
                name: value.proves
                for name, value in given.items()
                if isinstance(value, SaltedHash | SealedOctets)
            }
        return entry

    def proves(self, field: str, value: object) -> bool:
        """Return whether a value is of the same secret as that of the field."""
        proof = self._proofs.get(field)
        return proof is not None and proof(value)
