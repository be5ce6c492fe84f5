"""Issuing: from the facts of a finished job to a signed bundle. Only the control process comes here.

``facts`` gathers what ran, ``predicate`` says it in the attestation's terms (pure), ``issuer`` signs and bundles,
``signing`` opens keys (``keyfile``, ``hsm``, ``kms``), ``keyring`` keeps the trust roots that say whom buyers believe.
"""
