"""The memory of a verifier with a cache: answers, feeds and flights, without a wait."""
