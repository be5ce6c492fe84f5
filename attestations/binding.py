"""Steps 5 to 7 of the verifier's argument: the subject, the model directory and the plan belong to the statement.

Pure but for reading the model directory. Called by `attestations.verify` alone, after the signature held.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from attestations import canonical, manifest, plan
from attestations.bundle import Bundle, sigstore_json
from attestations.digests import Sha256
from attestations.disclosure import Opening
from attestations.documents import HIDDEN, parse_moment
from attestations.findings import Check, broken, not_checked, passed, rejected
from attestations.manifest import Manifest
from attestations.plan import Plan
from attestations.predicate import BOUNDED_SINCE, SCHEMAS, ResiliencePredicate
from attestations.statement import ResilienceStatement
from attestations.statements.model_signing import FILE_NAME
from attestations.tuned import ManifestRef, Model
from attestations.verdicts import RULE_0_1

CLOCK_TOLERANCE = timedelta(minutes=5)
_SERVED_FILES = {
    "tokenizer": "tokenizer.json",
    "chat_template": "chat_template.jinja",
    "generation_config": "generation_config.json",
}
_ADAPTER_FILE = "adapter_model.safetensors"


def check_subject(parts: Bundle, stated: ResilienceStatement, model_dir: Path | None) -> list[Check]:
    model = stated.predicate.model
    if model is None or model.manifest is None:
        return _about_a_job(parts, stated, model_dir)
    content = parts.unverified_manifest
    if content is None or Sha256.of(content).sha256 != stated.subject.digest.sha256 or parts.unverified_job_record:
        unbound = not_checked("model.files", "the model was not compared: the bundle's manifest is not the subject's")
        return [broken("subject", _not_the("manifest", is_there=content is not None)), unbound]
    listed = manifest.parse(content)
    wrong = _other_than_listed(listed, model, model.manifest, stated.predicate)
    if wrong is not None:
        return [broken("subject", wrong)]
    subject = passed("subject", f"it is about the manifest of {len(listed.files)} files, {listed.total_bytes} bytes")
    if model_dir is None:
        return [subject, not_checked("model.files", "no model directory was given to compare")]
    found = manifest.differences(listed, model_dir, beside=_model_sig(parts))
    if found:
        more = f" (and {len(found) - 5} more)" if len(found) > 5 else ""
        return [subject, broken("model.files", f"{'; '.join(found[:5])}{more}")]
    return [subject, passed("model.files", "the model directory holds exactly these files")]


def _not_the(part: str, *, is_there: bool) -> str:
    """Why a part of the bundle is not what the statement names."""
    if is_there:
        return f"the {part} in the bundle is not the one that was signed for"
    return f"the {part} is missing from the bundle; take the whole file as the issuer gave it out"


def _is_bounded(predicate: ResiliencePredicate) -> bool:
    return SCHEMAS.index(predicate.schema) >= SCHEMAS.index(BOUNDED_SINCE)


def _other_than_listed(listed: Manifest, model: Model, said: ManifestRef, predicate: ResiliencePredicate) -> str | None:
    """What the statement says otherwise than the manifest that it is about."""
    wanted = (said.digest.dir_hash, said.files, said.bytes)
    if (listed.dir_hash, len(listed.files), listed.total_bytes) != wanted:
        return "the statement's dirHash, file count or size is not that of its manifest"
    others = _other_files(listed, model) if _is_bounded(predicate) else []
    if others:
        return f"what the statement says is served is not what its manifest lists: {', '.join(others)}"
    return None


def _other_files(listed: Manifest, model: Model) -> list[str]:
    """Files that a digest in the statement stands for, and that the manifest has not, or has with other content: the model
    would have been measured with another template, say, than the one that is shipped."""
    served = model.served
    said = {name: getattr(served, part) for part, name in _SERVED_FILES.items()} if served is not None else {}
    said[_ADAPTER_FILE] = model.adapter
    there: dict[str, set[str]] = {}
    for entry in listed.files:
        there.setdefault(entry.name.rpartition("/")[2], set()).add(entry.sha256)
    return [name for name, digest in said.items() if digest is not None and there.get(name) != {digest.sha256}]


def _model_sig(parts: Bundle) -> dict[str, str]:
    """The bundle's own model.sig, by content: by the custom of its format it lies in the model's directory."""
    envelope = parts.unverified_oms
    return {FILE_NAME: Sha256.of(canonical.encode(sigstore_json(envelope))).sha256} if envelope is not None else {}


def _about_a_job(parts: Bundle, stated: ResilienceStatement, model_dir: Path | None) -> list[Check]:
    record = parts.unverified_job_record
    if record is None or Sha256.of(record).sha256 != stated.subject.digest.sha256 or parts.unverified_manifest:
        return [broken("subject", _not_the("job record", is_there=record is not None))]
    checks = [passed("subject", "it is about the record of a job that made no model")]
    if model_dir is not None:
        checks.append(broken("model.files", "this evidence is about no model, so no directory can match it"))
    return checks


def bind_plan(
    parts: Bundle, predicate: ResiliencePredicate, openings: Sequence[Opening]
) -> tuple[Plan | None, list[Check]]:
    """The plan that the statement names, read with what the bundle opens of it; None where it is not to be had.

    Raises `CryptographicError` where an opening does not fit it.
    """
    content = parts.unverified_plan
    if predicate.plan is None:
        if content is not None:
            return None, [broken("plan", "the bundle holds a plan that the statement does not name")]
        return None, [not_checked("plan", "the job ended before it had a plan")]
    if content is None or Sha256.of(content) != predicate.plan.digest:
        return None, [broken("plan", _not_the("plan", is_there=content is not None))]
    planned = plan.parse(content, openings)
    strays = _strays(planned, predicate)
    if strays:
        return planned, [rejected("plan", f"the plan is about another {', '.join(strays)}")]
    if planned.rule == RULE_0_1 and _is_bounded(predicate):
        words = f"a plan of schema {planned.schema} is judged by a weaker rule than evidence of {predicate.schema} has"
        return planned, [rejected("plan", words)]
    bound = passed("plan", f"{len(planned.rows)} rows, their margins and the gate were fixed in the plan")
    return planned, [bound, _plan_time(planned, predicate)]


def _plan_time(planned: Plan, predicate: ResiliencePredicate) -> Check:
    began = predicate.tuning.started_at if predicate.tuning is not None else None
    if began is None:
        return not_checked("plan.time", "the statement does not say when the tuning began, so the plan may be younger")
    return passed("plan.time", f"made on {planned.created_at}, the tuning began on {began}, by the issuer's clock")


def _strays(planned: Plan, predicate: ResiliencePredicate) -> list[str]:
    """What the statement says otherwise than its plan. Where a gate has decided, saying nothing is saying otherwise."""
    model, decided = predicate.model, predicate.outcome.gate is not None
    served = model.served if model is not None else None
    pairs = {
        "base": (planned.base.manifest, model.base.manifest if model is not None else None),
        "data set": (planned.datasets, predicate.data.datasets if predicate.data is not None else None),
        "chat template": (planned.decoding.chat_template, served.chat_template if served is not None else None),
    }
    strays = [name for name, (wanted, said) in pairs.items() if said != wanted and (decided or said is not None)]
    if model is not None and model.base.name not in (planned.base.name, HIDDEN):
        strays.append("name of the base")
    if served is not None and served.system_prompt != planned.decoding.system_prompt:
        strays.append("system prompt")
    bounds = predicate.boundaries
    if bounds is not None and bounds.turns is not None and bounds.system_prompt != planned.decoding.system_prompt:
        strays.append("system prompt in its boundaries")
    tuning = predicate.tuning
    if tuning is not None and tuning.method != planned.tuning.get("technique", tuning.method):
        strays.append("technique")
    if tuning is not None and tuning.seed != planned.seeds.get("training", tuning.seed):
        strays.append("seed")
    if tuning is not None and tuning.started_at is not None:
        late = parse_moment(planned.created_at) - parse_moment(tuning.started_at)
        if late > CLOCK_TOLERANCE:
            strays.append("time: it was made after the tuning began")
    made, said = parse_moment(planned.created_at), (predicate.issued_at, *(one.at for one in predicate.reviews or ()))
    if any(made - parse_moment(at) > CLOCK_TOLERANCE for at in said):
        strays.append("time: it was made after what it should have fixed")
    return strays
