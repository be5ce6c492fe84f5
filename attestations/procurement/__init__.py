"""The buyer's side: a written acceptance policy, applied to verified evidence, and explained in words.

`parse` and `apply` are what the verifier needs; `Evidence` is what it hands over. See docs/procurement.md.
"""

from attestations.procurement.evidence import Evidence
from attestations.procurement.policy import MAX_BYTES, PAYLOAD_TYPE, AcceptancePolicy, apply, parse, sign
from attestations.procurement.tenets import refuse_unreadable
from attestations.procurement.verdict import Reached, sign_verdict
from attestations.procurement.words import demands

__all__ = [
    "MAX_BYTES",
    "PAYLOAD_TYPE",
    "AcceptancePolicy",
    "Evidence",
    "Reached",
    "apply",
    "demands",
    "parse",
    "refuse_unreadable",
    "sign",
    "sign_verdict",
]
