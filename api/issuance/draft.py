"""Everything that a job's evidence will be made of, before it is signed. Pure, but for the salts that are passed in.

The statements are made in the order in which they name each other: model.sig and the provenance of the tuning, then the
attestation with their digests. The plan was signed earlier. What the job hides is a commitment in all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from api.issuance import hiding
from api.issuance.facts import JobFacts
from api.issuance.predicate import Named, build_predicate, build_record
from api.issuance.provenance import provenance_of
from api.issuance.signed_plan import SignedPlan
from attestations import documents
from attestations.digests import Sha256
from attestations.disclosure import Opening
from attestations.manifest import parse as parse_manifest
from attestations.predicate import StatusRef
from attestations.statement import build_statement, conceal
from attestations.statements import model_signing


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What evidence says of itself: its id, who issues it, for how long, and where its state can be looked up."""

    attestation_id: str
    issuer: str
    validity_days: int
    status: StatusRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Payloads that are to be signed, and what goes with them unsigned. Of a job without a model ``record`` stands in for
    ``manifest``. ``openings`` are those of all documents, and go to the model's owner alone."""

    attestation: bytes
    provenance: bytes | None = None
    model_sig: bytes | None = None
    plan: SignedPlan | None
    manifest: bytes | None = None
    record: bytes | None = None
    openings: tuple[Opening, ...] = ()


def draft(facts: JobFacts, identity: Identity, new_salt: Callable[[], bytes]) -> Draft:
    """Raises ``MalformedError`` when the parts do not belong together."""
    planned = facts.signed_plan.openings if facts.signed_plan is not None else ()
    tuned = facts.reports.tune
    named = Named(
        attestation_id=identity.attestation_id,
        issuer=identity.issuer,
        validity_days=identity.validity_days,
        status=identity.status,
        provenance=None,
        oms_root=None,
    )
    if tuned is None:
        record = build_record(facts).encode()
        payload, own = _attestation(facts, named, new_salt, record=record)
        return Draft(attestation=payload, plan=facts.signed_plan, record=record, openings=(*own, *planned))
    content = tuned.manifest.encode()
    manifest = parse_manifest(content)
    made_by, hidden = provenance_of(facts, manifest, issuer=identity.issuer, new_salt=new_salt)
    model_sig = model_signing.build(manifest)
    named = replace(named, provenance=Sha256.of(made_by), oms_root=model_sig.predicate.root)
    payload, own = _attestation(facts, named, new_salt, record=None)
    return Draft(
        attestation=payload,
        provenance=made_by,
        model_sig=model_sig.encode(),
        plan=facts.signed_plan,
        manifest=content,
        openings=(*own, *planned, *hidden),
    )


def _attestation(
    facts: JobFacts, named: Named, new_salt: Callable[[], bytes], *, record: bytes | None
) -> tuple[bytes, tuple[Opening, ...]]:
    stated = build_statement(build_predicate(facts, named), record)
    paths = hiding.predicate_paths(documents.encode(stated.predicate), facts.request.evidence.hide)
    return conceal(stated, paths, new_salt)
