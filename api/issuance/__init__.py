"""Issuing: from the facts of a finished job to a signed bundle. Only the control process comes here.

``facts`` gathers what ran, ``predicate`` says it in the attestation's terms (pure), ``issuer`` signs and bundles,
``keyfile`` keeps the issuer's key on disk for installations without a KMS.
"""
