"""What Tuneproof claims about a tuned model: documents, signing, verification.

Pure: bytes and values in, values or `attestations.errors.AttestationError` out. It needs the standard library and
`cryptography` alone, opens no socket, and is the only part of the project that is published as a wheel.
"""
