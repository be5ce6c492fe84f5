"""``/v1/safety_policies``."""

from litestar import Controller, get
from litestar.params import FromPath

from api.errors import NotFoundError
from api.policies.schemas import PolicyList, PolicyObject
from api.queries import known_query
from attestations import documents
from attestations.gate import Policy
from workers.catalog.policies import POLICIES, policy_digest


class PoliciesController(Controller):
    path = "/safety_policies"
    tags = ("Safety policies",)
    guards = (known_query,)

    @get()
    async def list_policies(self) -> PolicyList:
        return PolicyList(data=[_shown(policy) for policy in POLICIES.values()])

    @get("/{policy_id:str}")
    async def retrieve(self, policy_id: FromPath[str]) -> PolicyObject:
        policy = POLICIES.get(policy_id)
        if policy is None:
            raise NotFoundError(
                f"No safety policy has the id {policy_id[:80]!r}; there are {', '.join(POLICIES)}.", param="policy_id"
            )
        return _shown(policy)


def _shown(policy: Policy) -> PolicyObject:
    return PolicyObject(
        id=policy.id,
        version=policy.version,
        title=policy.title or policy.id,
        description=policy.description or "",
        digest=policy_digest(policy),
        document=documents.encode(policy),
    )
