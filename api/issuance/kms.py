"""A signing key in AWS KMS: of the kind ECC_NIST_P256, for SIGN_VERIFY. The private half never leaves KMS.

Statements exceed the 4096 bytes that KMS would hash itself, so it signs their digest (``MessageType=DIGEST``). A name is
resolved once, when the key is opened: an alias that is pointed elsewhere later does not change who signs. Credentials and
endpoint come from boto3's own chain (``AWS_…``); none is read or kept here. The role needs ``kms:GetPublicKey`` and ``kms:Sign``.
"""

import hashlib
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from api.issuance.errors import SigningKeyError
from api.issuance.key_settings import KmsKey
from attestations.keys import public_key_id, public_pem

_ALGORITHM = "ECDSA_SHA_256"
_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})


class KmsSigner:
    """See ``attestations.keys.Signer``. Opening it asks KMS for the public half. Raises ``SigningKeyError``."""

    __slots__ = ("_arn", "_client", "_public_pem")

    def __init__(self, key: KmsKey) -> None:
        try:
            self._client: Any = boto3.client("kms", region_name=key.region, config=_CONFIG)
            found = self._client.get_public_key(KeyId=key.id)
        except (BotoCoreError, ClientError, Boto3Error) as error:
            raise SigningKeyError(f"KMS does not show the key {key.id}: {error}") from error
        if found["KeySpec"] != "ECC_NIST_P256" or _ALGORITHM not in found.get("SigningAlgorithms", ()):
            raise SigningKeyError(
                f"the KMS key {key.id} is no ECC_NIST_P256 key for SIGN_VERIFY; make one of that kind"
            )
        self._arn: str = found["KeyId"]
        try:
            public = load_der_public_key(found["PublicKey"])
        except (ValueError, UnsupportedAlgorithm) as error:
            raise SigningKeyError(f"KMS answers with no public key for {key.id}") from error
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise SigningKeyError(f"KMS answers with another kind of public key for {key.id}")
        self._public_pem = public_pem(public)

    def __repr__(self) -> str:
        return f"KmsSigner({self.key_id})"

    @property
    def key_id(self) -> str:
        return public_key_id(self._public_pem)

    @property
    def public_pem(self) -> str:
        return self._public_pem

    def sign(self, message: bytes) -> bytes:
        try:
            answer = self._client.sign(
                KeyId=self._arn,
                Message=hashlib.sha256(message).digest(),
                MessageType="DIGEST",
                SigningAlgorithm=_ALGORITHM,
            )
        except (BotoCoreError, ClientError) as error:
            raise SigningKeyError(f"KMS does not sign with {self._arn}: {error}") from error
        return bytes(answer["Signature"])
