"""The safety policies on offer. A job names one; its full text goes into the plan, fixed before training."""

from attestations.gate import DEFAULT_POLICY, Policy

POLICIES: dict[str, Policy] = {DEFAULT_POLICY.id: DEFAULT_POLICY}
