"""When a signature existed at the latest, by the word of a timestamp authority (RFC 3161).

A statement's own time is its issuer's claim, and a thief of the key can claim any time. A timestamp over the bytes of the
DSSE signature proves that it existed before, which is what an old signature of a compromised key needs
(`attestations.trust.believed`). Whom to believe comes from the trust root, never from the token.

A token is a DER TimeStampResp. It counts where

1. it has one form: granted and no words about it, one signer, no list of revoked certificates, no attributes that nobody
   signed, only certificates that lead from the signer's to the authority's root, each once;
2. the signature of the signer's certificate and its chain hold at the time that the token states, and that certificate is
   for timestamps (`rfc3161-client`, the extra `timestamps`);
3. the imprint is SHA-256 of this very signature;
4. the authority is believed at that time, and the time is not in the future.

The first point is ours: much of a response is signed by nobody (`attestations.timestamp_form`), and what could be changed
unnoticed would give one proof many forms. Every token that is there must count: one that does not is a broken proof. No
token, or no library to check it, is NOT_CHECKED. Nothing here opens a socket; `api.issuance.timestamping` asks authorities.
"""

import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from attestations import der
from attestations.bundle import UnverifiedTimestamp
from attestations.documents import moment
from attestations.errors import CryptographicError, MalformedError
from attestations.findings import Check, broken, not_checked, passed, stale
from attestations.keys import load_certificate_pem
from attestations.timestamp_form import normalised, refuse_other_forms, whole
from attestations.trust import TimestampAuthority

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import Accuracy, TimeStampResponse, TimeStampTokenInfo

CODE = "time.signing"
INSTALL = "pip install 'tuneproof[timestamps]'"
MAX_ACCURACY = timedelta(hours=1)
CLOCK_TOLERANCE = timedelta(minutes=5)
_UNSTATED_ACCURACY = timedelta(seconds=1)  # a time without fractions, and nothing said about how far it may be off
_REASON = re.compile(r'"Verify error: ([^"]{1,120})"')  # what matters in a stack of OpenSSL's errors
_SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True, slots=True)
class _Stamped:
    """What a token states: the time, and how far it may be off."""

    at: datetime
    accuracy: timedelta

    @property
    def latest(self) -> datetime:
        return self.at + self.accuracy


def request(signature: bytes) -> bytes:
    """The DER TimeStampReq for a signature: SHA-256, a random nonce, the signer's certificate wanted. Needs the extra."""
    import rfc3161_client

    builder = rfc3161_client.TimestampRequestBuilder().data(signature)
    return builder.hash_algorithm(rfc3161_client.HashAlgorithm.SHA256).build().as_bytes()


def check(
    timestamps: Sequence[UnverifiedTimestamp],
    signature: bytes,
    authorities: Sequence[TimestampAuthority],
    *,
    now: datetime,
) -> tuple[Check, datetime | None]:
    """The finding, and the earliest time before which the signature existed for certain, where one is proven."""
    if not timestamps:
        return not_checked(CODE, "the time of signing is the issuer's word; no timestamp proves it"), None
    if not authorities:
        return not_checked(CODE, "the trust root names no timestamp authority, so no timestamp was checked"), None
    try:
        proven = [_proven(one, signature, authorities) for one in timestamps]
    except ImportError:
        return not_checked(CODE, f"there is a timestamp, but nothing to check it with; {INSTALL}"), None
    except (CryptographicError, MalformedError) as error:
        return broken(CODE, f"a timestamp does not hold: {error.sentence}"), None
    latest = max(stamped.at for stamped, _ in proven)
    if latest - now > CLOCK_TOLERANCE:
        return stale(CODE, f"a timestamp is of {moment(latest)}, which this clock has not reached"), None
    stamped, authority = min(proven, key=lambda one: one[0].latest)
    return passed(CODE, f"signed before {moment(stamped.latest)}, says {authority.id}"), stamped.latest


def answer_to(
    asked: bytes, signature: bytes, unverified_response: bytes, authorities: Sequence[TimestampAuthority]
) -> bytes:
    """The token in the form that is kept, found to answer this request for this signature and to be what a buyer accepts.

    What no signature covers is left out or put in order first: words beside the status, lists of revoked certificates,
    unsigned attributes, the order of certificates. Needs the extra. Raises `CryptographicError` or `MalformedError`.
    """
    token = normalised(unverified_response)
    _, _, nonce, _ = whole(asked, "the request").children(der.INTEGER, der.SEQUENCE, der.INTEGER, der.BOOLEAN)
    _by_any(token, signature, authorities, nonce=int.from_bytes(nonce.content, "big", signed=True))
    return token


def _proven(
    timestamp: UnverifiedTimestamp, signature: bytes, authorities: Sequence[TimestampAuthority]
) -> tuple[_Stamped, TimestampAuthority]:
    if timestamp.over != hashlib.sha256(signature).hexdigest():
        raise CryptographicError("timestamp.over", "it is over another signature")
    return _by_any(timestamp.token, signature, authorities)


def _by_any(
    token: bytes, signature: bytes, authorities: Sequence[TimestampAuthority], *, nonce: int | None = None
) -> tuple[_Stamped, TimestampAuthority]:
    """What the first authority that made the token states; else why the last one did not."""
    refusal = CryptographicError("timestamp.authority", "there is no authority to believe")
    for authority in authorities:
        try:
            return _verified(token, signature, authority, nonce=nonce), authority
        except CryptographicError as error:
            refusal = error
    raise refusal


def _verified(token: bytes, signature: bytes, authority: TimestampAuthority, *, nonce: int | None = None) -> _Stamped:
    """What the token states, after the four points above but for the clock. `nonce` is compared where it is given."""
    import rfc3161_client

    refuse_other_forms(token)
    root = load_certificate_pem(authority.certificate_pem)
    with _foreign_errors("the token"):
        response = rfc3161_client.decode_timestamp_response(token)
        _refuse_loose_certificates(response, root)
        stated = response.tst_info
        if stated.message_imprint.hash_algorithm.dotted_string != _SHA256:
            raise CryptographicError("timestamp.imprint", "its imprint is not SHA-256")
        verifier = rfc3161_client.VerifierBuilder(nonce=nonce).add_root_certificate(root).build()
        verifier.verify(response, hashlib.sha256(signature).digest())
        stamped = _Stamped(stated.gen_time, _accuracy(stated))
    if stamped.accuracy > MAX_ACCURACY:
        raise CryptographicError("timestamp.accuracy", f"its time may be off by {stamped.accuracy}")
    if not authority.covers(stamped.at):
        words = f"{authority.id} is believed from {authority.valid_from} to {authority.valid_until} only"
        raise CryptographicError("timestamp.authority", words)
    return stamped


@contextmanager
def _foreign_errors(what: str) -> Iterator[None]:
    """Turns whatever other people's parsers and verifiers raise over a stranger's bytes into ours."""
    try:
        with warnings.catch_warnings(action="ignore"):  # what a stranger's certificate does oddly is no news to anybody
            yield
    except (CryptographicError, MalformedError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in Rust is no Exception
        said = _REASON.search(str(error))
        words = said[1] if said else " ".join(str(error).split())[:120] or type(error).__name__
        raise CryptographicError("timestamp.invalid", f"{what} does not verify: {words}") from error


def _accuracy(stated: "TimeStampTokenInfo") -> timedelta:
    accuracy = cast("Accuracy | None", stated.accuracy)
    if accuracy is None:
        return _UNSTATED_ACCURACY
    return timedelta(
        seconds=accuracy.seconds or 0, milliseconds=accuracy.millis or 0, microseconds=accuracy.micros or 0
    )


def _refuse_loose_certificates(response: "TimeStampResponse", root: "Certificate") -> None:
    """Refuses certificates beside the chain from the signer's to the root; the root itself may be there."""
    from cryptography import x509

    rest = [x509.load_der_x509_certificate(raw) for raw in response.signed_data.certificates]
    [signer] = response.signed_data.signer_infos
    named = [one for one in rest if (one.issuer, one.serial_number) == (signer.issuer, signer.serial_number)]
    while len(named) == 1:
        [current] = named
        rest.remove(current)
        if current.issuer == root.subject:
            if rest in ([], [root]):
                return
            break
        named = [one for one in rest if one.subject == current.issuer]
    raise CryptographicError("timestamp.chain", "its certificates are not the one chain to the authority's root")
