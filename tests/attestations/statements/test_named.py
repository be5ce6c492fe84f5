"""What the signed plan, the provenance and model.sig say must be what the attestation says that names them."""

from dataclasses import replace

import pytest

from attestations import disclosure
from attestations.bundle import Bundle
from attestations.digests import Sha256
from attestations.disclosure import Opening
from attestations.errors import MalformedError
from attestations.findings import ExitCode
from attestations.predicate import Issuer
from attestations.statements import frame, model_signing, provenance
from tests.attestations.statements.complete import Complete, make_provenance
from tests.attestations.statements.examining import PASS, PLAN, PROVENANCE, SIGNING, examine, only, refusal, replaced


def with_plan_statement(complete: Complete, **changes: object) -> tuple[Complete, Bundle]:
    """An issuer that signs another plan statement and names it, too."""
    told = replace(complete.signed_plan, predicate=replace(complete.signed_plan.predicate, **changes))
    plan_ref = replace(complete.stated.predicate.plan, statement=told.digest)
    lying = replace(complete, signed_plan=told).restated(plan=plan_ref)
    return lying, lying.bundle


def test_a_plan_statement_that_is_not_the_named_one_fails(complete: Complete) -> None:
    backdated = replace(
        complete.signed_plan, predicate=replace(complete.signed_plan.predicate, created_at="2026-03-01T10:59:00Z")
    )
    assert "not the one that the attestation names" in refusal(
        examine(complete, replaced(complete, 0, backdated)), PLAN
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"created_at": "2026-03-01T11:30:00Z"}, "signed after the tuning began"),
        ({"created_at": "2026-03-01T10:00:00Z"}, "signed before the plan was made"),
        ({"close_by": "2026-03-01T11:20:00Z"}, "its runs had to end by"),
        ({"runs_declared": 1}, "number of runs"),
        ({"base": Sha256.of(b"other")}, "base"),
    ],
)
def test_a_plan_statement_that_contradicts_is_rejected(
    complete: Complete, changes: dict[str, object], words: str
) -> None:
    lying, bundle = with_plan_statement(complete, **changes)
    found = examine(lying, bundle)
    assert words in refusal(found, PLAN)
    assert only(found, PLAN).exit_code is ExitCode.POLICY


@pytest.mark.parametrize("part", ["rows", "policy", "judge", "suites", "seeds"])
def test_what_a_plan_statement_fixes_must_be_what_the_plan_says(complete: Complete, part: str) -> None:
    fixed = replace(complete.signed_plan.predicate.fixed, **{part: Sha256.of(b"other")})
    lying, bundle = with_plan_statement(complete, fixed=fixed)
    assert refusal(examine(lying, bundle), PLAN).endswith(f"do not agree: {part}")


def test_a_plan_statement_of_another_issuer_fails(complete: Complete) -> None:
    lying, bundle = with_plan_statement(complete, issuer=Issuer("https://other.example"))
    assert "another issuer" in refusal(examine(lying, bundle), PLAN)


def test_a_gated_model_says_when_its_tuning_began_as_else_the_order_could_not_be_checked(complete: Complete) -> None:
    for silent in ({"started_at": None}, {"finished_at": None}):
        with pytest.raises(MalformedError, match="when its tuning began"):
            complete.restated(tuning=replace(complete.stated.predicate.tuning, **silent))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 58}, None),  # no parameter of this provenance
        ({"seed": "18"}, "parameter seed"),
        ({"method": "full"}, "parameter technique"),
        ({"parameters": {"rank": "8"}}, "parameter rank"),
        ({"code": Sha256.of(b"other")}, "code"),
        ({"started_at": "2026-03-01T11:06:00Z"}, "start"),
        ({"finished_at": "2026-03-01T11:41:00Z"}, "end"),
    ],
)
def test_provenance_tells_the_same_tuning(complete: Complete, changes: dict[str, object], words: str | None) -> None:
    lying = complete.restated(tuning=replace(complete.stated.predicate.tuning, **changes))
    found = examine(lying, lying.bundle)
    if words is None:
        assert only(found, PROVENANCE).status is PASS
    else:
        assert refusal(found, PROVENANCE).endswith(f"do not agree: {words}")


def test_provenance_names_the_same_inputs(complete: Complete) -> None:
    model, data = complete.stated.predicate.model, complete.stated.predicate.data
    base = complete.restated(model=replace(model, base=replace(model.base, manifest=Sha256.of(b"other"))))
    assert refusal(examine(base, base.bundle), PROVENANCE).endswith("base model")
    more = complete.restated(data=replace(data, datasets=(*data.datasets, Sha256.of(b"more"))))
    assert refusal(examine(more, more.bundle), PROVENANCE).endswith("data sets")


def test_provenance_is_built_by_the_issuer(complete: Complete) -> None:
    details = replace(complete.made_by.predicate.run_details, builder=provenance.Builder("https://tuning.example.evil"))
    told = replace(complete.made_by, predicate=replace(complete.made_by.predicate, run_details=details))
    tuning = replace(complete.stated.predicate.tuning, provenance=told.digest)
    lying = replace(complete, made_by=told).restated(tuning=tuning)
    assert "builder is not the issuer" in refusal(examine(lying, lying.bundle), PROVENANCE)


def hidden_provenance(complete: Complete) -> tuple[Complete, Bundle, tuple[Opening, ...]]:
    salts = iter(bytes([i]) * 16 for i in range(9))
    external = {"technique": "lora", "rank": "16", "learning_rate": "0.0005"}
    whole = make_provenance(complete.plan, complete.manifest, external)
    patterns = ["buildDefinition.externalParameters.rank", "buildDefinition.internalParameters.seed"]
    payload, openings = provenance.hide(whole, patterns, lambda: next(salts))
    tuning = replace(complete.stated.predicate.tuning, provenance=Sha256.of(payload))
    secret = complete.restated(tuning=tuning)
    issuer = complete.signers.issuer
    statements = (frame.seal(complete.signed_plan, issuer), frame.seal(payload, issuer))
    return secret, replace(secret.bundle, unverified_statements=statements), openings


def test_hidden_parameters_of_provenance_are_counted_and_can_be_opened(complete: Complete) -> None:
    secret, bundle, openings = hidden_provenance(complete)
    found = examine(secret, bundle)
    assert only(found, PROVENANCE).status is PASS
    assert "2 of its parameters are hidden" in only(found, PROVENANCE).sentence
    assert len(found.hidden) == 2
    assert all(path.startswith("tuning.provenance.buildDefinition.") for path in found.hidden)
    opened = examine(secret, bundle, openings=openings[:1])
    assert (len(opened.hidden), len(opened.opened)) == (1, 1)
    lie = replace(openings[0], value="32")
    assert "not what was committed to" in refusal(examine(secret, bundle, openings=(lie,)), PROVENANCE)


def test_a_hidden_parameter_that_contradicts_shows_when_it_is_opened(complete: Complete) -> None:
    secret, bundle, openings = hidden_provenance(complete)
    lying = secret.restated(tuning=replace(secret.stated.predicate.tuning, parameters={"rank": "8"}))
    bundle = replace(bundle, envelope=lying.envelope)
    assert only(examine(lying, bundle), PROVENANCE).status is PASS
    assert "parameter rank" in refusal(examine(lying, bundle, openings=openings), PROVENANCE)


def test_openings_of_a_provenance_that_is_not_there_fail(complete: Complete) -> None:
    _, _, openings = hidden_provenance(complete)
    bare = replace(complete.bundle, unverified_statements=complete.bundle.unverified_statements[:1])
    assert "not there" in refusal(examine(complete, bare, openings=openings), PROVENANCE)
    assert disclosure.PROVENANCE.at in openings[0].path


def test_model_sig_lists_the_files_of_the_manifest_and_no_others(complete: Complete) -> None:
    files = complete.manifest.files
    fewer = model_signing.build(replace(complete.manifest, files=files[:-1]))
    model = replace(complete.stated.predicate.model, oms_root=fewer.predicate.root)
    lying = replace(complete, model_sig=fewer).restated(model=model)
    assert files[-1].name in refusal(examine(lying, lying.bundle), SIGNING)


def test_a_model_sig_over_renamed_files_has_the_same_root_and_fails(complete: Complete) -> None:
    renamed = replace(
        complete.manifest, files=tuple(replace(one, name=f"{one.name}x") for one in complete.manifest.files)
    )
    sig = model_signing.build(renamed)
    assert sig.predicate.root == complete.model_sig.predicate.root
    bundle = replace(complete.bundle, unverified_oms=frame.seal(sig, complete.signers.issuer))
    assert "do not list the same files" in refusal(examine(complete, bundle), SIGNING)


def test_model_sig_must_be_there_be_signed_and_be_model_sig(complete: Complete) -> None:
    gone = examine(complete, replace(complete.bundle, unverified_oms=None))
    assert "not in the bundle" in refusal(gone, SIGNING)
    other = frame.seal(complete.model_sig, complete.signers.evaluator)
    assert "role evaluator" in refusal(examine(complete, replace(complete.bundle, unverified_oms=other)), SIGNING)
    wrong = frame.seal(complete.made_by, complete.signers.issuer)
    assert "another statement" in refusal(examine(complete, replace(complete.bundle, unverified_oms=wrong)), SIGNING)
