"""Key sets of clients' jwks_uri, cached in this process."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from time import monotonic
from typing import Final, cast

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.certificates import certificate_thumbprint_of
from authority_queries.engine.json_types import JsonObject, JsonValue

SET_OCTETS: Final = 32768
_SHORTEST: Final = timedelta(minutes=5)
_LONGEST: Final = timedelta(hours=1)
_PAUSE: Final = 60.0  # seconds between two requests to one URL
_MOST_SETS: Final = 500
_MOST_KEYS: Final = 20
_MODULUS: Final = range(342, 1367)  # characters of 2048 to 8192 bits
# With the thumbprint of a certificate (RFC 8705 section 2.2) in place of its chain.
_MEMBERS: Final = ("kty", "kid", "alg", "crv", "x", "y", "n", "e", "use", "x5t#S256")


class KeysMissingError(ProtocolError):
    """The keys of a client are missing. Fetch them outside a unit, then try again."""

    def __init__(self, client_id: str, url: str) -> None:
        message = "the client is unknown or did not authenticate"
        super().__init__("invalid_client", message)
        self.client_id = client_id
        self.url = url


@dataclass(frozen=True, slots=True)
class _Kept:
    keys: JsonObject | None
    until: float
    asked_at: float


class KeptKeys:
    """Key sets by URL, the most recently used ones."""

    def __init__(self) -> None:
        self._sets: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()

    def find(self, url: str) -> JsonObject | None:
        """Return the keys of a URL, or None if they must be fetched."""
        with self._lock:
            kept = self._sets.get(url)
            if kept is None or kept.until <= monotonic():
                return None
            self._sets.move_to_end(url)
            return kept.keys

    def is_due(self, url: str) -> bool:
        """Return whether the URL may be fetched: at most once a minute."""
        with self._lock:
            kept = self._sets.get(url)
            return kept is None or monotonic() - kept.asked_at >= _PAUSE

    def keep(self, url: str, keys: JsonObject, max_age: timedelta) -> None:
        """Keep a key set for as long as its server allows, within bounds."""
        lifetime = min(max(max_age, _SHORTEST), _LONGEST).total_seconds()
        self._put(url, _Kept(keys, monotonic() + lifetime, monotonic()))

    def keep_failure(self, url: str) -> None:
        """Note that the URL did not answer. Keys that are still fresh stay."""
        with self._lock:
            kept = self._sets.get(url)
        keys, until = (None, 0.0) if kept is None else (kept.keys, kept.until)
        self._put(url, _Kept(keys, until, monotonic()))

    def _put(self, url: str, kept: _Kept) -> None:
        with self._lock:
            self._sets[url] = kept
            self._sets.move_to_end(url)
            while len(self._sets) > _MOST_SETS:
                self._sets.popitem(last=False)


def has_key(keys: JsonObject, kid: str | None) -> bool:
    """Return whether a set of `usable_keys` has the key of a JWT with this kid."""
    found = cast("list[JsonObject]", keys["keys"])
    if kid is None:
        return len(found) == 1
    return any(key["kid"] == kid for key in found)


def usable_keys(document: JsonObject) -> JsonObject:
    """Return the public signing keys of a set, each with a kid. Raises ValueError.

    Unknown kinds of keys are ignored (RFC 7517 section 5).
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError("the answer is not a key set")
    if len(listed) > _MOST_KEYS:
        raise ValueError(f"the key set has more than {_MOST_KEYS} keys")
    return {"keys": [key for each in listed if (key := _usable(each)) is not None]}


def _usable(jwk: JsonValue) -> JsonObject | None:
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
        return None
    if jwk.get("kty") == "RSA" and len(str(jwk.get("n"))) not in _MODULUS:
        return None
    try:
        key = import_key(cast("dict[str, str | list[str]]", jwk))
        if not isinstance(key, ECKey | RSAKey | OKPKey):
            return None
        key.ensure_kid()
        found: dict[str, JsonValue] = dict(key.as_dict(private=False))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    found["x5t#S256"] = certificate_thumbprint_of(jwk)
    return {name: found[name] for name in _MEMBERS if found.get(name) is not None}
