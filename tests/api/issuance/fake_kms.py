"""A fake AWS KMS over HTTP that really holds a P-256 key and really signs digests; moto's DIGEST signatures do not verify.

It answers the two calls that a signer makes, and refuses what KMS refuses: an unknown key, another algorithm, a message that is
no digest, an unsigned request. `asked` records what was sent, `alias` can be pointed to another key, `broken` signs the digest of a digest.
"""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

ACCOUNT = "arn:aws:kms:eu-west-1:111122223333"


class FakeKms:
    def __init__(self) -> None:
        self.keys = {
            f"{ACCOUNT}:key/first": ("ECC_NIST_P256", ec.generate_private_key(ec.SECP256R1())),
            f"{ACCOUNT}:key/second": ("ECC_NIST_P256", ec.generate_private_key(ec.SECP256R1())),
            f"{ACCOUNT}:key/large": ("ECC_NIST_P384", ec.generate_private_key(ec.SECP384R1())),
        }
        self.alias = f"{ACCOUNT}:key/first"
        self.asked: list[tuple[str, dict]] = []
        self.broken = False
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                fake.answer(self)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        operation = request.headers["X-Amz-Target"].removeprefix("TrentService.")
        self.asked.append((operation, body))
        try:
            if not request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 "):
                raise RefusedError("MissingAuthenticationToken")
            status, result = 200, {"GetPublicKey": self.public_key, "Sign": self.sign}[operation](body)
        except RefusedError as error:
            status, result = 400, {"__type": str(error), "message": f"refused: {error}"}
        content = json.dumps(result).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/x-amz-json-1.1")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def find(self, key_id: str) -> tuple[str, str, ec.EllipticCurvePrivateKey]:
        arn = self.alias if key_id.endswith("alias/issuer") else key_id
        arn = arn if arn.startswith("arn:") else f"{ACCOUNT}:key/{arn}"
        if arn not in self.keys:
            raise RefusedError("NotFoundException")
        return (arn, *self.keys[arn])

    def public_key(self, body: dict) -> dict:
        arn, spec, key = self.find(body["KeyId"])
        der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        algorithm = "ECDSA_SHA_256" if spec == "ECC_NIST_P256" else "ECDSA_SHA_384"
        return {
            "KeyId": arn,
            "KeySpec": spec,
            "KeyUsage": "SIGN_VERIFY",
            "SigningAlgorithms": [algorithm],
            "PublicKey": base64.b64encode(der).decode(),
        }

    def sign(self, body: dict) -> dict:
        arn, spec, key = self.find(body["KeyId"])
        if (spec, body["SigningAlgorithm"]) != ("ECC_NIST_P256", "ECDSA_SHA_256"):
            raise RefusedError("InvalidKeyUsageException")
        digest = base64.b64decode(body["Message"])
        if body.get("MessageType") != "DIGEST" or len(digest) != 32:
            raise RefusedError("ValidationException")
        digest = hashlib.sha256(digest).digest() if self.broken else digest
        signature = key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        return {"KeyId": arn, "SigningAlgorithm": "ECDSA_SHA_256", "Signature": base64.b64encode(signature).decode()}


class RefusedError(Exception):
    """The error's name in AWS."""
