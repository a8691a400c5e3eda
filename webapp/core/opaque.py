"""Opaque words and ids, which clients hand back and which tell them nothing; made with this installation's key.

Words (`close`) are signed and encrypted. A keyed tag of the text is both its signature and the start of the key stream
that hides it (the construction of RFC 5297's SIV, with HMAC-SHA-256 in place of AES). So the same text gives the same
word, and nothing else of it shows.
Ids (`disguise`) become other ids of the same length.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from django.conf import settings

TAG_BYTES = 16
BLOCK_BYTES = 64
"""Texts are padded with blanks to a multiple of this, so that lengths tell nothing either."""
ROUNDS = 8
"""Rounds of the Feistel network behind `disguise`; four are enough even against chosen inputs in both directions."""


def close(kind: str, text: str) -> str:
    """The text as an opaque word that is safe in an address. Words of one `kind` are not valid for another."""
    content = text.encode()
    content += b" " * (-len(content) % BLOCK_BYTES)
    tag = _hmac(kind, "tag", content)[:TAG_BYTES]
    return base64.urlsafe_b64encode(tag + _xor(content, _stream(kind, tag, len(content)))).decode()


def open_word(kind: str, word: str) -> str:
    """The text behind a word of `close`, without trailing blanks. Raises ValueError for any other word."""
    try:
        sealed = base64.b64decode(word.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not a word of ours") from error
    tag, hidden = sealed[:TAG_BYTES], sealed[TAG_BYTES:]
    content = _xor(hidden, _stream(kind, tag, len(hidden)))
    if not hmac.compare_digest(tag, _hmac(kind, "tag", content)[:TAG_BYTES]):
        raise ValueError("not a word of ours")
    return content.decode().rstrip(" ")


def disguise(kind: str, content: bytes) -> bytes:
    """Replace bytes of an even length by others of the same length, one to one: a Feistel network over HMAC-SHA-256."""
    left, right = content[: len(content) // 2], content[len(content) // 2 :]
    for number in range(ROUNDS):
        left, right = right, _xor(left, _hmac(kind, f"round {number}", right)[: len(left)])
    return left + right


def reveal(kind: str, disguised: bytes) -> bytes:
    """The content behind bytes of `disguise`. Any other bytes give some content, too."""
    left, right = disguised[: len(disguised) // 2], disguised[len(disguised) // 2 :]
    for number in reversed(range(ROUNDS)):
        left, right = _xor(right, _hmac(kind, f"round {number}", left)[: len(right)]), left
    return left + right


def _stream(kind: str, tag: bytes, length: int) -> bytes:
    blocks = range(-(-length // hashlib.sha256().digest_size))
    return b"".join(_hmac(kind, "stream", tag + number.to_bytes(4, "big")) for number in blocks)[:length]


def _xor(first: bytes, second: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(first, second, strict=True))


def _hmac(kind: str, use: str, content: bytes) -> bytes:
    key = hmac.digest(settings.SECRET_KEY.encode(), f"opaque {kind} {use}".encode(), "sha256")
    return hmac.digest(key, content, "sha256")
