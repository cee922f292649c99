"""Tokens that are signed with a public key's other half: RS256 and ES256, by PyJWT."""

from typing import Any

import jwt

from adapters.web.auth import LONGEST_TOKEN, ClaimRules, InvalidToken
from application.callers import Caller
from application.ports import Clock


class PublicKeyTokens:
    """Implements TokenVerifier for RS256 or ES256 with one public key in PEM.

    Raises ValueError for a key that is none, is of the other kind, or is too short.
    """

    def __init__(
        self, pem: str, algorithm: str, clock: Clock, rules: ClaimRules | None = None
    ) -> None:
        """Take the key; the algorithm is this one whatever a token says."""
        self._signatures = Signatures(algorithm)
        self._key = self._signatures.read_pem(pem)
        self._clock = clock
        self._rules = rules or ClaimRules()

    async def verify(self, token: str) -> Caller:
        """Return whom it speaks for; raise InvalidToken."""
        payload = self._signatures.payload(token, self._key)
        return self._rules.caller(payload, self._clock.now())


class Signatures:
    """One asymmetric algorithm by PyJWT: its keys, and what they prove."""

    def __init__(self, algorithm: str) -> None:
        """Take RS256 or ES256; raise ValueError for another."""
        if algorithm not in {"RS256", "ES256"}:
            message = "the algorithm of public keys must be RS256 or ES256"
            raise ValueError(message)
        self.algorithm = algorithm
        self._jws = jwt.PyJWS(algorithms=[algorithm], options={"enforce_minimum_key_length": True})

    def read_pem(self, pem: str) -> Any:  # noqa: ANN401 -- a key of the cryptography package
        """Return the public key; raise ValueError when it will not do."""
        by_name = self._jws.get_algorithm_by_name(self.algorithm)
        try:
            key = by_name.prepare_key(pem)
        except (jwt.PyJWTError, ValueError, TypeError) as fault:
            raise ValueError("this is no key for the algorithm") from fault
        if hasattr(key, "private_numbers"):
            message = "this is a private key; give the public one"
            raise ValueError(message)
        weakness = by_name.check_key_length(key)
        if weakness:
            raise ValueError(weakness)
        return key

    def payload(self, token: str, key: Any) -> bytes:  # noqa: ANN401 -- as above
        """Return the claims that the key proves; raise InvalidToken."""
        if len(token) > LONGEST_TOKEN:
            raise InvalidToken
        try:
            payload: bytes = self._jws.decode(token, key, algorithms=[self.algorithm])
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise InvalidToken from None
        return payload
