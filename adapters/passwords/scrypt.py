"""scrypt over the standard library, in threads of its own so that nothing else waits for it."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from application.ports import Overloaded

LOG2_N: Final = 15
BLOCK: Final = 8
LANES: Final = 1
"""32 MiB and about a tenth of a second for each try: what OWASP asks for with one lane."""
_MEMORY_MOST: Final = 64 * 1024 * 1024
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_TOKEN_BYTES: Final = 32
_NAME: Final = "scrypt"
_LOG2_N_MOST: Final = 15
_RETRY_AFTER_S: Final = 2


@dataclass(frozen=True, slots=True)
class _Kept:
    """A stored hash with the parameters it was made with."""

    log2_n: int
    block: int
    lanes: int
    salt: bytes
    hashed: bytes

    def written(self) -> str:
        """Return it as text: `scrypt$15$8$1$SALT$HASH`, both in base64."""
        parts = (self.salt, self.hashed)
        salt, hashed = (base64.b64encode(each).decode("ascii") for each in parts)
        return f"{_NAME}${self.log2_n}${self.block}${self.lanes}${salt}${hashed}"

    def hash_of(self, password: str) -> bytes:
        """Return what this password hashes to under the same parameters."""
        return _hash(password, self.salt, self.log2_n, self.block, self.lanes)


class ScryptPasswords:
    """Implements `Passwords`.

    at_once: tries that are worked on beside each other, each in 32 MiB. waiting_most: of those that
    wait for their turn; whoever comes then is sent away.
    """

    def __init__(self, *, log2_n: int = LOG2_N, at_once: int = 2, waiting_most: int = 8) -> None:
        """Take the cost; nothing is started before the first password."""
        self._log2_n = log2_n
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="passwords")
        self._most = at_once + waiting_most
        self._under_way = 0
        # Nobody's password: it is tried against when there is no account, and takes as long.
        self._nobodys = self._made(secrets.token_urlsafe(_TOKEN_BYTES))

    async def secret_of(self, password: str) -> str:
        """Return the hash to keep; raise Overloaded when too many wait already."""
        kept = self._blank()
        hashed = await self._in_thread(kept, password)
        return _Kept(kept.log2_n, kept.block, kept.lanes, kept.salt, hashed).written()

    async def matches(self, password: str, secret: str | None) -> bool:
        """Tell whether it is the password; as slow for nobody's (None). Raises Overloaded."""
        kept = _read(secret) if secret is not None else None
        hashed = await self._in_thread(kept or self._nobodys, password)
        return hmac.compare_digest(hashed, (kept or self._nobodys).hashed) and kept is not None

    def token(self) -> str:
        """Return 256 random bits as text."""
        return secrets.token_urlsafe(_TOKEN_BYTES)

    def close(self) -> None:
        """Let the threads go once they have ended what they do."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, kept: _Kept, password: str) -> bytes:
        if self._under_way >= self._most:
            raise Overloaded(_RETRY_AFTER_S)
        self._under_way += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, kept.hash_of, password)
        finally:
            self._under_way -= 1

    def _blank(self) -> _Kept:
        return _Kept(self._log2_n, BLOCK, LANES, secrets.token_bytes(_SALT_BYTES), b"")

    def _made(self, text: str) -> _Kept:
        """Return a hash that no password has: its bytes were drawn, not computed from `text`."""
        drawn = hashlib.sha256(text.encode()).digest()
        return _Kept(self._log2_n, BLOCK, LANES, secrets.token_bytes(_SALT_BYTES), drawn)


def _hash(password: str, salt: bytes, log2_n: int, block: int, lanes: int) -> bytes:
    # Typed on another keyboard, the same letters may come as other code points.
    typed = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(
        typed,
        salt=salt,
        n=1 << log2_n,
        r=block,
        p=lanes,
        maxmem=_MEMORY_MOST,
        dklen=_HASH_BYTES,
    )


def _read(secret: str) -> _Kept | None:
    """Return a stored hash, None for a text that is none or that would cost more than ours."""
    parts = secret.split("$")
    try:
        name, log2_n, block, lanes, salt, hashed = parts
        kept = _Kept(
            int(log2_n),
            int(block),
            int(lanes),
            base64.b64decode(salt, validate=True),
            base64.b64decode(hashed, validate=True),
        )
    except (ValueError, binascii.Error):
        return None
    sound = name == _NAME and 0 < kept.log2_n <= _LOG2_N_MOST
    return kept if sound and (kept.block, kept.lanes) == (BLOCK, LANES) else None
