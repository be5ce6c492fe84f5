"""The suites of one job: those of its policy, those it asked for, and those that its customer brought.

The planner chooses them and fixes their digests; every later step gets them through ``suites_of_plan``, which refuses a suite
that is not the one that was planned. A customer's suite is read from the document that was stored with its file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from api.jobs.request import JobRequest
from api.storage import ObjectMissing, Storage
from attestations import canonical
from attestations.digests import Sha256
from attestations.documents import Figure
from attestations.gate import Erosion, Policy
from attestations.plan import Plan, PlannedSuite
from workers.catalog import Item, Profile, Suite, SuiteError, parse_suite
from workers.catalog.policies import EROSION
from workers.catalog.suites import MAX_SUITE_BYTES

CUSTOMER = "customer"

Suites = Mapping[str, Suite]


class SuitesError(Exception):
    """A suite that a job needs is not there, or is another one than was planned; the message says which."""


@dataclass(frozen=True, slots=True)
class ChosenSuite:
    """A suite with the items that are taken, and what a job demands of it. Margins are shares of its items."""

    suite: Suite
    items: Sequence[Item]
    gating: bool
    margin: Figure
    critical_margin: Figure
    erosion: Erosion


def choose(
    policy: Policy, profile: Profile, *, request: JobRequest, offered: Suites, brought: Suites
) -> tuple[ChosenSuite, ...]:
    """The suites of the policy in its order, then those that were asked for. A profile samples those of the policy; what is
    asked for comes on top, whole unless the profile counts it. Raises ``SuitesError``."""
    chosen = []
    for asked in policy.suites or ():
        suite = _found(asked.suite, offered)
        chosen.append(
            ChosenSuite(
                suite=suite,
                items=suite.items[: profile.count(policy.id, suite)],
                gating=asked.gating,
                margin=asked.margin,
                critical_margin=asked.critical_margin or asked.margin,
                erosion=asked.erosion or EROSION,
            )
        )
    for choice in request.safety.suites:
        suite = _found(choice.id, brought if choice.key is not None else offered)
        chosen.append(
            ChosenSuite(
                suite=suite,
                items=suite.items[: profile.count(policy.id, suite)],
                gating=choice.gating,
                margin=choice.margin,
                critical_margin=choice.margin,
                erosion=EROSION,
            )
        )
    return tuple(chosen)


async def brought_suites(storage: Storage, request: JobRequest) -> dict[str, Suite]:
    """The customer's own suites, by id. Raises ``SuitesError``."""
    found = {}
    for choice in request.safety.suites:
        if choice.key is None:
            continue
        try:
            suite = parse_suite(await storage.get_bytes(choice.key, max_bytes=MAX_SUITE_BYTES), origin=CUSTOMER)
        except (ObjectMissing, SuiteError) as error:
            raise SuitesError(f"the suite {choice.id!r} of file {choice.file} cannot be read: {error}") from error
        if (suite.id, suite.digest) != (choice.id, choice.digest):
            raise SuitesError(
                f"the suite {choice.id!r} of file {choice.file} is not the one that the job was created with"
            )
        found[suite.id] = suite
    return found


async def suites_of_plan(storage: Storage, *, plan: Plan, request: JobRequest, offered: Suites) -> dict[str, Suite]:
    """Every planned suite of items, by id. Raises ``SuitesError``."""
    brought = await brought_suites(storage, request)
    return checked(plan.suites, {**offered, **brought})


def checked(planned: Iterable[PlannedSuite], found: Suites) -> dict[str, Suite]:
    """Those of the plan's suites that are made of items, held to its digests; see ``own_records`` for the others."""
    suites = {}
    for entry in planned:
        if entry.origin == OWN_RECORDS:
            continue
        suite = _found(entry.id, found)
        if suite.digest != entry.digest.sha256:
            raise SuitesError(
                f"the suite {entry.id!r} changed since the job was planned (version {entry.version} was planned, "
                f"{suite.version} is here); create the job again"
            )
        suites[entry.id] = suite
    return suites


OWN_RECORDS = "own-records"
"""The origin of planned suites that are no suites of items but measures of the customer's own records."""


def planned_suite(chosen: ChosenSuite) -> PlannedSuite:
    suite = chosen.suite
    return PlannedSuite(
        id=suite.id,
        version=suite.version,
        digest=Sha256(suite.digest),
        items=len(suite.items),
        sampled=len(chosen.items),
        sample=sample_digest([item.id for item in chosen.items]),
        family=suite.family.value,
        minimum_items=suite.minimum_items,
        origin=suite.origin,
    )


def sample_digest(ids: Sequence[str]) -> Sha256:
    return Sha256(canonical.digest(list(ids)))


def sampled(planned: PlannedSuite, suite: Suite) -> Sequence[Item]:
    """The planned items, in order."""
    return suite.items[: planned.sampled]


def _found(suite_id: str, suites: Suites) -> Suite:
    suite = suites.get(suite_id)
    if suite is None:
        raise SuitesError(f"the suite {suite_id!r} is not on offer here any more; create the job again")
    return suite
