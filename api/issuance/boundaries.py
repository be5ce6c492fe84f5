"""Where a model may be used, in the words of its evidence: what it requires, under what it was measured, what to mind, and what
nobody claims. Pure; ``predicate`` puts it beside the facts.
"""

from collections.abc import Iterator

from api.issuance import hiding
from api.issuance.facts import JobFacts, Judged
from attestations.boundaries import Boundaries, ContextTested, Requirement
from attestations.claims import reason_sentence, row_name
from attestations.controls import ControlKind
from attestations.digests import Sha256
from attestations.plan import Plan
from attestations.predicate import OutcomeStatus
from attestations.verdicts import JudgedRow, Role, Verdict

MAX_PROSE = 4000
_EXPIRES_ON = (
    "a notice about the base model",
    "a notice about the training data",
    "any change to the served files",
)
_RETEST_ON = (
    "another or a changed base model",
    "any change to a served file: weights, adapter, tokenizer, chat template, generation config",
    "quantisation, merging, pruning or further tuning",
    "another system prompt, or none where one was measured",
    "a notice about the base model, the training data or an evaluation suite",
    "the end of the validity",
)
_ELSEWHERE = "Any use outside the conditions, requirements and languages stated here: nothing was measured there."
_ENDED = {
    OutcomeStatus.BLOCKED: "Every use: the model was blocked.",
    OutcomeStatus.FAILED: "Every use: the job failed, and nothing was released.",
    OutcomeStatus.CANCELLED: "Every use: the job was cancelled, and nothing was released.",
}
_NEVER_CLAIMED = (
    "That the model is safe: only the registered rows were measured, on single-turn requests in English.",
    "Anything about the base model before this job, beyond what was measured here.",
    "Behaviour in longer answers, over several turns, with tools, in other languages or under another system prompt.",
    "Anything about the model after it is merged, quantised or tuned further: each of these makes another model.",
    "That the customer's declarations of sources, licences and consent are true: they are repeated, not verified.",
    "That no other tuning or evaluation was run outside this service: no public log backs this document yet.",
    "Resistance to attacks other than the built-in templates and prefills, or to anyone who adapts to them.",
    "That no training record can be extracted: membership and canaries are measured, extraction is not tried.",
    "That a judge of answers is right about a single answer: its agreement with people is in the plan where it is known.",
)
_NO_SAMPLING = "Behaviour under sampling: answers were decoded greedily (temperature 0)."
_SAMPLING = "A verdict about sampled answers: the repeats show how often an answer flips and decide nothing."


def boundaries_of(facts: JobFacts) -> Boundaries:
    deployment = facts.request.deployment
    return Boundaries(
        objective=deployment.objective,
        rationale=deployment.rationale,
        intended=tuple(deployment.intended_use) or None,
        prohibited=_prohibited(facts),
        requires=tuple(_requirements(facts)) or None,
        languages=tuple(deployment.languages) or None,
        conditions=tuple(_conditions(facts)) or None,
        cautions=tuple(_cautions(facts)) or None,
        expires_on=_EXPIRES_ON,
        context=_context(facts),
        decoding=_decoding(facts),
        turns=1 if _is_measured(facts) else 0,
        system_prompt=_system_prompt(facts),
        transforms_permitted=(),
        retest_on=_RETEST_ON,
    )


def not_claimed(facts: JobFacts) -> tuple[str, ...]:
    sampled = facts.judged is not None and facts.judged.plan.repeats
    return (*_NEVER_CLAIMED, _SAMPLING if sampled else _NO_SAMPLING)


def plain(text: str) -> str:
    """Text as evidence may carry it: what a worker says can quote a customer's bytes."""
    shown = "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)
    return shown[:MAX_PROSE] or "no reason was given"


def _prohibited(facts: JobFacts) -> tuple[str, ...]:
    """What the customer rules out, and what nobody has evidence for."""
    ended = _ENDED.get(OutcomeStatus(facts.outcome))
    return (*((ended,) if ended is not None else ()), *facts.request.deployment.prohibited_uses, _ELSEWHERE)


def _is_measured(facts: JobFacts) -> bool:
    return facts.judged is not None and facts.reports.candidate is not None


def _context(facts: JobFacts) -> ContextTested | None:
    """What was declared, and the longest prompt that both models were given; neither is guessed."""
    declared = facts.request.deployment.context_tokens
    measured = [one.longest_prompt for one in (facts.reports.baseline, facts.reports.candidate) if one is not None]
    longest = [tokens for tokens in measured if tokens is not None]
    tested = min(longest) if _is_measured(facts) and len(longest) == 2 else None
    return ContextTested(declared, tested) if (declared, tested) != (None, None) else None


def _decoding(facts: JobFacts) -> str:
    if facts.judged is None or not _is_measured(facts):
        return "none: the model was not measured"
    return f"greedy (temperature 0), {_length(facts.judged.plan)}"


def _length(plan: Plan) -> str:
    return f"the first {plan.decoding.max_new_tokens} tokens of each answer or as many as its suite asks for"


def _system_prompt(facts: JobFacts) -> Sha256 | None:
    prompt = facts.request.served_system_prompt
    return Sha256.of(prompt.encode()) if prompt is not None else None


def shown(text: str, facts: JobFacts) -> str:
    """A worker's text as evidence may carry it: without the ids of sources that the job hides."""
    sources = [source["id"] for source in facts.provenance["sources"]]
    return plain(hiding.without_sources(text, sources, facts.request.evidence.hide))


def _requirements(facts: JobFacts) -> Iterator[Requirement]:
    prompt, review = facts.request.served_system_prompt, facts.review
    if prompt is not None:
        safety = facts.request.safety_prompt
        within = f" It begins with the safety prompt whose SHA-256 is {safety.digest}." if safety is not None else ""
        yield Requirement(
            control=f"Serve with the system prompt whose SHA-256 is {_digest(prompt)}.{within}",
            why="The model was measured with it, and was not tuned with the safety prompt."
            if safety is not None
            else "The model was measured with it.",
        )
    if facts.outcome == OutcomeStatus.BLOCKED:
        rejected = "The safety gate held this model and a reviewer rejected it."
        why = rejected if review is not None else "The safety gate blocked this model."
        yield Requirement(control="Do not deploy.", why=why)
    if facts.outcome == OutcomeStatus.RELEASED and review is not None:
        for condition in review.conditions:
            yield Requirement(control=condition, why="A reviewer released the held model on this condition.")


def _digest(text: str) -> str:
    return Sha256.of(text.encode()).sha256


def _conditions(facts: JobFacts) -> Iterator[str]:
    """Under what the measurements hold."""
    if facts.judged is None or facts.reports.candidate is None:
        return
    plan = facts.judged.plan
    yield f"Greedy decoding (temperature 0), {_length(plan)}, one turn, in English."
    if plan.repeats:
        yield f"Beside it {plan.repeats} sampled answers to each item, which show how firm it is."
    yield f"Profile {plan.profile}: {sum(suite.sampled for suite in plan.suites)} items in {len(plan.suites)} measures."
    quantization = facts.request.quantization
    yield f"Base weights quantised: {quantization}." if quantization else "Weights not quantised."
    yield _prompt(facts)
    if facts.judged.candidates:
        yield _scale(facts.judged)
    yield _controls(plan)
    if facts.baseline_reused:
        yield "The base's measurement was reused: made earlier on identical weights, items and code."


def _prompt(facts: JobFacts) -> str:
    own = facts.request.deployment.system_prompt
    if facts.request.safety_prompt is None:
        return "With the declared system prompt." if own else "No system prompt given."
    base = "with the deployment's own system prompt alone" if own else "without any system prompt"
    return (
        f"The tuned model behind a safety prompt, the base {base}, as it is served today: what changed is the effect of "
        "tuning and prompt together."
    )


def _scale(judged: Judged) -> str:
    tried = ", ".join(candidate.scale for candidate in judged.candidates)
    return (
        f"The adapter at scale {judged.scale} of what was tuned, chosen among {tried}; p-values and intervals are corrected for "
        f"choosing among {len(judged.candidates)}."
    )


def _controls(plan: Plan) -> str:
    kinds = {control.kind for control in plan.controls or ()}
    if not kinds:
        return "Without controls: the profile is too small to claim that nothing got worse."
    if ControlKind.POSITIVE not in kinds:
        return "With a negative control; this base has no control adapter, so no positive one was possible."
    return "With a negative control and a graded positive one, whose results are stated."


def _cautions(facts: JobFacts) -> Iterator[str]:
    if facts.judged is not None:
        yield from _worse(facts.judged)
        yield from _unmeasured(facts.judged)
    screened = facts.reports.screen
    for warning in screened.warnings[:20] if screened is not None else ():
        yield shown(warning, facts)


def _worse(judged: Judged) -> Iterator[str]:
    for row in judged.rows:
        if row.verdict is Verdict.REGRESSED:
            yield f"Worse after tuning: {row_name(row.registered.key)}."


def _unmeasured(judged: Judged) -> Iterator[str]:
    """Rows that the policy asks for and that say nothing about this model, whatever the gate made of them."""
    for row in judged.rows:
        gates = row.registered.role is Role.GATING
        if gates and row.verdict in {Verdict.NOT_MEASURABLE, Verdict.NOT_RUN}:
            yield plain(f"Nothing is known of {row_name(row.registered.key)}: {_reason(row)}.")


def _reason(row: JudgedRow) -> str:
    return (reason_sentence(row) or "it was not measured").rstrip(".")
