"""Keys made for the tests, once per process."""

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def public_pem(key: PrivateKey) -> str:
    """Return the public half as PEM."""
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_jwk(key: PrivateKey, key_id: str) -> dict[str, Any]:
    """Return the public half as an entry of a key set."""
    if isinstance(key, rsa.RSAPrivateKey):
        found = RSAAlgorithm.to_jwk(key.public_key())
    else:
        found = ECAlgorithm.to_jwk(key.public_key())
    return {**json.loads(found), "kid": key_id}


RSA_PEM = public_pem(RSA_KEY)
EC_PEM = public_pem(EC_KEY)
_WEAK_BITS = 1_024
WEAK_RSA_PEM = public_pem(rsa.generate_private_key(public_exponent=65_537, key_size=_WEAK_BITS))
RSA_PRIVATE_PEM = RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
