import secrets
from uuid import UUID, uuid4

import pytest

from authority_queries import Encrypted, Keyring
from authority_queries.errors import DecryptionError, InvalidArgumentError

TENANT = uuid4()
ROW: tuple[str | UUID, ...] = ("signing_keys", TENANT, "kid", "ES256")
SECRET = b"-----BEGIN PRIVATE KEY-----"
OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)


def keyring() -> Keyring:
    return Keyring(current="new", keys={"new": NEW, "old": OLD})


def test_a_secret_is_decrypted_for_its_row_only() -> None:
    encrypted = keyring().encrypt(SECRET, bound_to=ROW)
    assert encrypted.key_id == "new"
    assert keyring().decrypt(encrypted, bound_to=ROW) == SECRET
    assert encrypted.ciphertext[0] == 1
    assert SECRET not in encrypted.ciphertext


@pytest.mark.parametrize(
    "other",
    [
        ("one_time_tokens", TENANT, "kid", "ES256"),
        ("signing_keys", uuid4(), "kid", "ES256"),
        ("signing_keys", TENANT, "kid2", "ES256"),
        ("signing_keys", TENANT, "kidE", "S256"),
        ("signing_keys", TENANT, "kid"),
    ],
)
def test_a_ciphertext_is_of_no_use_in_another_row(
    other: tuple[str | UUID, ...],
) -> None:
    encrypted = keyring().encrypt(SECRET, bound_to=ROW)
    with pytest.raises(DecryptionError, match="not of this row"):
        keyring().decrypt(encrypted, bound_to=other)


def test_every_changed_octet_is_refused() -> None:
    encrypted = keyring().encrypt(SECRET, bound_to=ROW)
    for position in range(len(encrypted.ciphertext)):
        changed = bytearray(encrypted.ciphertext)
        changed[position] ^= 1
        with pytest.raises((DecryptionError, InvalidArgumentError)):
            keyring().decrypt(
                Encrypted(ciphertext=bytes(changed), key_id="new"), bound_to=ROW
            )


def test_the_same_secret_has_another_ciphertext_each_time() -> None:
    ring = keyring()
    ciphertexts = {ring.encrypt(SECRET, bound_to=ROW).ciphertext for _ in range(100)}
    assert len(ciphertexts) == 100


def test_a_new_key_decrypts_nothing_old_without_the_old_key() -> None:
    before = Keyring(current="old", keys={"old": OLD})
    encrypted = before.encrypt(SECRET, bound_to=ROW)
    moved = keyring().reencrypt(encrypted, bound_to=ROW)
    assert moved.key_id == "new"
    after = Keyring(current="new", keys={"new": NEW})
    assert after.decrypt(moved, bound_to=ROW) == SECRET
    with pytest.raises(DecryptionError, match="no key with the id 'old'"):
        after.decrypt(encrypted, bound_to=ROW)
    # The id belongs to the ciphertext: another name for the same key is refused.
    renamed = Keyring(current="other", keys={"other": OLD})
    with pytest.raises(DecryptionError):
        renamed.decrypt(
            Encrypted(ciphertext=encrypted.ciphertext, key_id="other"), bound_to=ROW
        )


def test_neither_repr_nor_errors_show_secrets() -> None:
    ring = keyring()
    encrypted = ring.encrypt(SECRET, bound_to=ROW)
    assert repr(ring) == "Keyring(current='new', keys=['new', 'old'])"
    assert repr(encrypted) == "Encrypted(key_id='new')"
    short = b"a key of 19 octets!"
    with pytest.raises(InvalidArgumentError) as caught:
        Keyring(current="short", keys={"short": short})
    assert str(caught.value) == "keys must have 32 octets"


@pytest.mark.parametrize("plain", [SECRET, b"\x30\x2e" + bytes(40), bytes(20), b""])
def test_what_is_not_encrypted_is_refused(plain: bytes) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^ciphertext must "):
        Encrypted(ciphertext=plain + bytes(14) if plain else plain, key_id="new")


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^current must be the id of one"):
        Keyring(current="missing", keys={"new": NEW})
    with pytest.raises(InvalidArgumentError, match=r"^secret must be bytes, not str"):
        keyring().encrypt("text", bound_to=ROW)  # type: ignore[arg-type] # on purpose
    with pytest.raises(InvalidArgumentError, match=r"^bound_to must be a tuple"):
        keyring().encrypt(SECRET, bound_to=())
