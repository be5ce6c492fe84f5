"""The statements that an attestation names by digest: the signed plan, the provenance of the tuning, model.sig.

A digest that is named binds the content, so what is checked here is that it is there, that a key of the issuer signed it in
time, and that it says the same as the attestation. In a schema that names nothing (before 0.3.0) nothing was checked; what
is in the bundle all the same, unnamed, fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from attestations import manifest
from attestations.digests import Sha256
from attestations.disclosure import Disclosed
from attestations.documents import moment, parse_moment
from attestations.dsse import Envelope
from attestations.errors import CryptographicError
from attestations.findings import Check, broken, not_checked, passed, rejected
from attestations.statement import Subject, SubjectDigest
from attestations.statements import eval_plan, model_signing, provenance, reading
from attestations.statements.case import Attached, Case, believe
from attestations.statements.eval_plan import EvalPlan
from attestations.statements.frame import P_co, Predicate, unframe
from attestations.statements.model_signing import ModelSigning
from attestations.statements.provenance import Provenance
from attestations.status import CLOCK_TOLERANCE
from attestations.trust import KeyRole

PLAN, PROVENANCE, SIGNING = "plan.statement", "provenance", "model.signing"
_NOTHING = Disclosed(None, (), ())
_ISSUER = (KeyRole.ISSUER,)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the attestation says of one statement: its digest, where it names it, and what it must be about."""

    code: str
    what: str
    digest: Sha256 | None
    subject: Subject | None


def check_plan(case: Case, attached: Sequence[Attached[EvalPlan]]) -> Check:
    """The plan was signed before the tuning began, and the plan in the bundle is what was signed."""
    plan, tuning = case.stated.predicate.plan, case.stated.predicate.tuning
    subject = Subject(eval_plan.SUBJECT, SubjectDigest(plan.digest.sha256)) if plan is not None else None
    wanted = _Wanted(PLAN, "the signed plan", plan.statement if plan is not None else None, subject)
    found = _only(wanted, attached)
    if isinstance(found, Check):
        return found
    said = found.unverified.predicate
    signed = believe(case, found.envelope, PLAN, roles=_ISSUER, claimed=said.created_at, proven=case.proven)
    if isinstance(signed, Check):
        return signed
    if said.issuer.id != case.root.issuer:
        return broken(PLAN, "it names another issuer than the trust root")
    strays = _plan_strays(case, said)
    if strays:
        return rejected(PLAN, f"the signed plan and the attestation do not agree: {', '.join(strays)}")
    if tuning is None or tuning.started_at is None:
        words = f"the plan was signed on {said.created_at}; the attestation does not say when the tuning began"
        return not_checked(PLAN, words)
    words = f"the plan was signed on {said.created_at}, before the tuning began, by the issuer's clock"
    if signed.proven is not None and signed.proven <= parse_moment(tuning.started_at):
        by = f"the plan was signed by {moment(signed.proven)}, as a timestamp proves"
        words = f"{by}; the tuning began on {tuning.started_at}, says the issuer"
    return passed(PLAN, words)


def _plan_strays(case: Case, said: EvalPlan) -> list[str]:
    planned, encoded = case.planned, case.parts.unverified_plan
    strays = said.strays(planned, encoded) if planned is not None and encoded is not None else []
    if planned is not None and parse_moment(planned.created_at) - parse_moment(said.created_at) > CLOCK_TOLERANCE:
        strays.append("it was signed before the plan was made")
    predicate = case.stated.predicate
    tuning = predicate.tuning
    began = tuning.started_at if tuning is not None else None
    if parse_moment(said.created_at) - parse_moment(began or predicate.issued_at) > CLOCK_TOLERANCE:
        strays.append("it was signed after the tuning began")
    ended = tuning.finished_at if tuning is not None else None
    if parse_moment(ended or predicate.issued_at) - parse_moment(said.close_by) > CLOCK_TOLERANCE:
        strays.append(f"its runs had to end by {said.close_by}")
    return strays


def check_provenance(case: Case, attached: Sequence[Attached[Provenance]]) -> tuple[Check, Disclosed]:
    """The provenance is about this model and tells the same tuning; what is hidden and what was opened in it."""
    tuning = case.stated.predicate.tuning
    named = tuning.provenance if tuning is not None else None
    found = _only(_Wanted(PROVENANCE, "the provenance", named, case.stated.subject), attached)
    if isinstance(found, Check):
        if case.openings:
            return broken(PROVENANCE, "the bundle opens values of a provenance that is not there"), _NOTHING
        return found, _NOTHING
    try:
        tree = unframe(found.envelope.unverified_payload).unverified_predicate
        said, shown = provenance.show(tree, case.openings)
    except CryptographicError as error:
        return broken(PROVENANCE, str(error)), _NOTHING
    issued = case.stated.predicate.issued_at  # signed with the attestation that names it, maybe long after the tuning
    signed = believe(case, found.envelope, PROVENANCE, roles=_ISSUER, claimed=issued, proven=case.proven)
    return (signed if isinstance(signed, Check) else _provenance_content(case, said, shown)), shown


def _provenance_content(case: Case, said: Provenance, shown: Disclosed) -> Check:
    builder = said.run_details.builder.id
    if builder != case.root.issuer and not builder.startswith(f"{case.root.issuer}/"):
        return broken(PROVENANCE, "its builder is not the issuer of the trust root")
    strays = said.strays(case.stated.predicate, case.planned, (*case.stated.hidden, *shown.hidden))
    if strays:
        return rejected(PROVENANCE, f"it and the attestation do not agree: {', '.join(strays)}")
    hidden = f", {len(shown.hidden)} of its parameters are hidden" if shown.hidden else ""
    inputs = len(said.build_definition.resolved_dependencies)
    return passed(PROVENANCE, f"it names the {inputs} inputs of the tuning that made this model{hidden}")


def check_model_signing(case: Case) -> Check:
    """model.sig lists exactly the files of the manifest, and has the root that the attestation names."""
    model, envelope = case.stated.predicate.model, case.parts.unverified_oms
    root = model.oms_root if model is not None else None
    if envelope is None:
        if root is None:
            return not_checked(SIGNING, "the attestation names no model.sig")
        return broken(SIGNING, "the attestation names a model.sig, and it is not in the bundle")
    if root is None:
        return broken(SIGNING, "the bundle holds a model.sig that the attestation does not name")
    claimed = case.stated.predicate.issued_at
    signed = believe(case, envelope, SIGNING, roles=_ISSUER, claimed=claimed, proven=case.proven)
    return signed if isinstance(signed, Check) else _model_signing_content(case, envelope, root)


def _model_signing_content(case: Case, envelope: Envelope, root: Sha256) -> Check:
    predicate, listed = reading.parse_envelope(envelope).predicate, case.parts.unverified_manifest
    if not isinstance(predicate, ModelSigning):
        return broken(SIGNING, "what is in the place of model.sig is another statement")
    if predicate.root != root:
        return broken(SIGNING, "model.sig is about another model than the attestation")
    strays = predicate.strays(manifest.parse(listed)) if listed is not None else ["the manifest, which is missing"]
    if strays:
        more = f" and {len(strays) - 1} more" if len(strays) > 1 else ""
        return broken(SIGNING, f"model.sig and the manifest do not list the same files: {strays[0]}{more}")
    return passed(SIGNING, f"{model_signing.FILE_NAME} lists the {len(predicate.resources)} files of the manifest")


def _only(wanted: _Wanted, attached: Sequence[Attached[P_co]]) -> Attached[P_co] | Check:
    """The one attached statement, if it is the one that is named and about what it must be about."""
    if not attached and wanted.digest is None:
        return not_checked(wanted.code, f"the attestation does not name {wanted.what}")
    wrong = _wrong(wanted, attached)
    return attached[0] if wrong is None else broken(wanted.code, wrong)


def _wrong(wanted: _Wanted, attached: Sequence[Attached[Predicate]]) -> str | None:
    what = wanted.what
    if not attached:
        return f"the attestation names {what}, and it is not in the bundle"
    if len(attached) > 1:
        return f"the bundle holds {len(attached)} statements in the place of {what}"
    [found] = attached
    if found.unverified.subject != wanted.subject:
        other = "plan" if wanted.code == PLAN else "model"
        return f"{what} in the bundle is about another {other}: {found.unverified.subject.digest.sha256[:16]}…"
    if wanted.digest is None:
        return f"the bundle holds {what}, and the attestation does not name it"
    return None if found.digest == wanted.digest else f"{what} in the bundle is not the one that the attestation names"
