"""The statements that go with an attestation, each an in-toto Statement v1 in an envelope and a Sigstore bundle of its own.

`frame` holds what all share, one module holds each predicate, `reading` is the list of the types that are read at all.
What they must say together is decided in `attestations.attachments`; nothing here looks at a key's role or at the time.
"""
