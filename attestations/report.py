"""One readable screen for a person who has to decide: what was tuned, from what, on what, what got worse, where it may be
used, until when, what is not claimed, what was not checked, and who says so.

Every string in evidence was written by somebody else, so `plain` takes out what could move a cursor or hide text.
"""

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from attestations import documents
from attestations.boundaries import Boundaries
from attestations.claims import claim_sentence, is_mixed, reason_sentence, row_name, verdict_words
from attestations.controls import ControlFinding
from attestations.disagreement import Disagreement
from attestations.errors import AttestationError
from attestations.findings import Check, ExitCode, Status
from attestations.plan import Plan
from attestations.predicate import ResiliencePredicate
from attestations.rows import RegressionRow, disagreement_of
from attestations.sections import control_lines, decision_lines, plan_lines, trust_lines
from attestations.statement import ResilienceStatement
from attestations.verdicts import RULE_0_1, JudgedRow, Role, Verdict

if TYPE_CHECKING:  # who prints other documents needs `plain`, and nothing that verifies
    from attestations.verify import Report

_ENDS = {
    ExitCode.ACCEPT: "ACCEPTED",
    ExitCode.CRYPTOGRAPHIC: "REFUSED: the proof does not hold",
    ExitCode.MALFORMED: "REFUSED: malformed",
    ExitCode.POLICY: "REJECTED: the evidence is genuine, and the policy does not accept it",
    ExitCode.UNDETERMINED: "UNDETERMINED: the evidence is out of date, or something that decides is missing",
}
_LONGEST = 400
_LONGEST_OF_OURS = 8000
"""Sentences made here name rows; cut short they would hide the last of them."""
_WIDTH = 110
_SPACES = re.compile(" {2,}")
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that show nothing."""
_ALWAYS_SAID = ("outcome", "countersignature", "notices")
"""Checks whose sentence is read even where they passed: a gate may release a model that got worse, whoever countersigned
says how, and who paid, and a notice that rejects nothing still corrects something."""


def plain(text: str, longest: int = _LONGEST) -> str:
    """Text on one line without control, format and surrogate characters, cut where it is very long."""
    shown = "".join(" " if letter.isspace() or letter in _BLANK else letter for letter in text[: longest + 1])
    shown = _SPACES.sub(" ", shown)  # padding to the edge of the screen would look like a line of ours
    shown = "".join(
        letter if unicodedata.category(letter)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for letter in shown
    )
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def report_text(report: "Report", *, every_check: bool = False) -> str:
    """The screen for `tuneproof verify`; checks that passed are named alone unless every one shall have its line."""
    lines = []
    if report.verified is not None:
        key = f"key {report.verified.key_id[:16]}…"
        lines += _statement_lines(report.verified.statement, report.judged, report.findings, key, report.planned)
    lines += ["Checks", *_check_lines(report.checks, every_check=every_check, hides=bool(report.hidden))]
    lines += ["", _ENDS[report.exit_code] + _why(report)]
    if report.level is not None:
        lines.append(f"Assurance level {report.level}: {_who_vouches(report.checks)}.")
    return "\n".join(lines)


def _who_vouches(checks: Sequence[Check]) -> str:
    said = [check.sentence for check in checks if check.code == "countersignature" and check.status is Status.PASS]
    if said:
        who = f"independent evaluators: {plain('; '.join(said))}"
        return f"signed by the issuer; {who}; no log shows that there is no other version"
    return "signed by the issuer, and no one else vouches for it"


def unverified_text(statement: ResilienceStatement) -> str:
    """The screen for `tuneproof show`, which checks nothing."""
    head = ["NOT VERIFIED: this is what the file says. `tuneproof verify` finds out whether to believe it.", ""]
    return "\n".join([*head, *_statement_lines(statement, (), (), "signature not looked at")]).rstrip()


def error_json(error: AttestationError) -> dict[str, object]:
    """Instead of a report, where something could not be read; `at` is the place inside the document, or nothing."""
    return {
        "accepted": False,
        "exitCode": error.exit_code,
        "error": {"code": error.code, "at": plain(error.at), "sentence": plain(error.sentence)},
    }


def report_json(report: "Report") -> dict[str, object]:
    """The same for programs; the statement is there only where its signature holds."""
    result: dict[str, object] = {
        "accepted": report.accepted,
        "exitCode": int(report.exit_code),
        "checks": [{"code": c.code, "status": c.status.value, "sentence": plain(c.sentence)} for c in report.checks],
    }
    if report.verified is not None:
        result["level"] = report.level
        result["keyId"] = report.verified.key_id
        result["hidden"] = list(report.hidden)
        result["subject"] = documents.encode(report.verified.statement.subject)
        result["predicate"] = documents.encode(report.verified.statement.predicate)
    return result


def _check_lines(checks: Sequence[Check], *, every_check: bool, hides: bool) -> list[str]:
    """What is hidden is said wherever something is: from the rest of the screen nobody sees what is not there."""
    always = (*_ALWAYS_SAID, *(("disclosures",) if hides else ()))
    said = [check for check in checks if every_check or check.status is not Status.PASS or check.code in always]
    width = max([20, *(len(check.code) for check in said)])
    lines = [f"  {check.status:<12} {check.code:<{width}} {plain(check.sentence, _LONGEST_OF_OURS)}" for check in said]
    named = ", ".join(check.code for check in checks if check not in said)
    indent = " " * 15
    return [*textwrap.wrap(named, _WIDTH, initial_indent="  PASS         ", subsequent_indent=indent), *lines]


def _why(report: "Report") -> str:
    """What speaks against it, each reason once and on a line of its own; of accepted evidence what it claims, as acceptance
    says that it may be relied on, no more."""
    reasons = [
        plain(check.sentence, _LONGEST_OF_OURS)
        for check in report.checks
        if check.status in (Status.FAIL, Status.STALE)
    ]
    if report.accepted and report.judged:
        reasons = [plain(claim_sentence(report.judged), _LONGEST_OF_OURS)]
    return "".join(f"\n  {reason}" for reason in dict.fromkeys(reasons))


def _statement_lines(
    statement: ResilienceStatement,
    judged: Sequence[JudgedRow],
    findings: Sequence[ControlFinding],
    key: str,
    planned: Plan | None = None,
) -> list[str]:
    predicate = statement.predicate
    facts = _facts(predicate, key)
    width = max(len(name) for name, _ in facts)
    lines = [f"Evidence {plain(predicate.attestation_id)}"]
    lines += [f"  {name:<{width}}  {plain(words)}" for name, words in facts]
    lines += ["", *_table(predicate, judged)]
    rows = [RegressionRow.of(row) for row in judged] or (predicate.regressions.rows if predicate.regressions else [])
    lines += _section(
        "How far to trust the measurements", trust_lines(predicate, rows, _disagreement(predicate, judged))
    )
    lines += _section("Controls", control_lines(findings))
    lines += _section("Measured with, as planned", plan_lines(planned) if planned is not None else ())
    lines += _section("What was tried and decided", decision_lines(predicate))
    lines.append("Not claimed")
    return [*lines, *(f"  - {plain(words)}" for words in predicate.not_claimed), ""]


def _disagreement(predicate: ResiliencePredicate, judged: Sequence[JudgedRow]) -> Disagreement | None:
    """As computed here where that was possible, else as the statement says."""
    regressions = predicate.regressions
    if regressions is None or regressions.rule == RULE_0_1:
        return None
    return disagreement_of(judged) if judged else regressions.disagreement


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [title, *(f"  {plain(line, _LONGEST_OF_OURS)}" for line in lines), ""] if lines else []


def _facts(predicate: ResiliencePredicate, key: str) -> list[tuple[str, str]]:
    facts = [("says who", f"{predicate.issuer.id} ({key}), on {predicate.issued_at}")]
    outcome = predicate.outcome
    under = f" under the policy {outcome.gate.policy.id} {outcome.gate.policy.version}" if outcome.gate else ""
    why = f": {outcome.error.message}" if outcome.error else ""
    facts.append(("outcome", f"{outcome.status.upper()}{under}{why}"))
    model, tuning = predicate.model, predicate.tuning
    if model is not None:
        licence = f" ({model.base.licence})" if model.base.licence else ""
        steps = f", {tuning.steps} steps" if tuning is not None and tuning.steps is not None else ""
        how = f"{tuning.method}{steps}, " if tuning is not None else ""
        facts.append(("what was tuned", f"{how}from {model.base.name}{licence}"))
        if tuning is not None and tuning.compute is not None and tuning.compute.ratio is not None:
            facts.append(
                ("compute", f"{tuning.compute.ratio} of the base's training ({plain(tuning.compute.method, 72)})")
            )
        if model.manifest is not None:
            served = f"{model.manifest.files} files, {model.manifest.bytes} bytes"
            facts.append(("the result", f"{served}, manifest sha256:{model.manifest.digest.sha256}"))
    facts += [
        ("on data", f"{source.id}: {source.records} records ({source.role}), {source.licence}; {source.consent}")
        for source in (predicate.data.sources if predicate.data is not None else ())
    ]
    boundaries = predicate.boundaries
    if boundaries is not None:
        facts += [("may be used for", words) for words in boundaries.intended or ()]
        facts += [("not for", words) for words in boundaries.prohibited or ()]
        facts += [("only with", f"{need.control} ({need.why})") for need in boundaries.requires or ()]
        if boundaries.languages is not None:
            facts.append(("languages", ", ".join(boundaries.languages) or "none"))
        facts += [("measured under", words) for words in boundaries.conditions or ()]
        facts += _tested(boundaries)
        facts += [("take care", words) for words in boundaries.cautions or ()]
        if boundaries.expires_on:
            facts.append(("ends with", "; ".join(boundaries.expires_on)))
        if boundaries.retest_on:
            facts.append(("test again on", "; ".join(boundaries.retest_on)))
    return [*facts, ("until", predicate.valid_until)]


def _tested(boundaries: Boundaries) -> list[tuple[str, str]]:
    """What was tested and may be done to the model, since schema 0.3.0."""
    if boundaries.turns is None:
        return []
    turns = f"{boundaries.turns} turn{'s' * (boundaries.turns != 1)}"
    context = boundaries.context
    prompts = (
        f", prompts up to {context.tested_prompt_tokens} tokens" if context and context.tested_prompt_tokens else ""
    )
    permitted = ", ".join(
        f"{one.kind} sha256:{one.digest.sha256[:16]}…" for one in boundaries.transforms_permitted or ()
    )
    return [
        ("tested", f"{turns}{prompts}, {boundaries.decoding}"),
        ("transforms", permitted or "none: quantised, merged or tuned further it is another model"),
    ]


def _table(predicate: ResiliencePredicate, judged: Sequence[JudgedRow]) -> list[str]:
    """Gating rows, and what exploratory rows found; figures and verdicts as computed here, where they were."""
    said = predicate.regressions.rows if predicate.regressions is not None else ()
    rows = tuple(RegressionRow.of(row) for row in judged) or said
    if not rows:
        return ["No measurement was made.", ""]
    registered = [row.registered for row in predicate.evaluations or ()]
    margins = {row.key: row.margin for row in registered}
    gating = {row.key for row in registered if row.role is Role.GATING}
    shown = [row for row in rows if row.key in gating or row.verdict in (Verdict.REGRESSED, Verdict.IMPROVED)]
    width = min(80, max([44, *(len(plain(row_name(row.key))) for row in shown)]))  # names are the writer's
    lines = [
        "What changed (a positive change is worse; 95 % intervals)",
        f"  {'measure':<{width}} {'before':>9} {'after':>9} {'change':>9}  {'interval':<20} {'margin':>7}  verdict",
    ]
    for row in shown:
        interval = f"{_short(row.lower_95)} to {_short(row.upper_95)}" if row.lower_95 else ""
        verdict = verdict_words(row)
        verdict += ", depends on the judge" if row.judge_dependent else ""
        figures = f"{_short(row.pre):>9} {_short(row.post):>9} {_short(row.change):>9}"
        margin = _short(margins.get(row.key))
        lines.append(f"  {plain(row_name(row.key)):<{width}} {figures}  {interval:<20} {margin:>7}  {verdict}")
    return [*lines, *_left_out([row for row in rows if row not in shown]), "", *_words(predicate, judged), ""]


def _left_out(rows: Sequence[RegressionRow]) -> list[str]:
    """Exploratory rows that are not shown; one that was not measured is not one in which nothing changed."""
    unmeasured = sum(row.verdict in (Verdict.NOT_MEASURABLE, Verdict.NOT_RUN) for row in rows)
    counts = ((len(rows) - unmeasured, "in which nothing was shown to change"), (unmeasured, "not measured"))
    return [f"  … and {n} exploratory row{'s' * (n > 1)} {words}" for n, words in counts if n]


def _words(predicate: ResiliencePredicate, judged: Sequence[JudgedRow]) -> list[str]:
    if not judged:  # shown without being verified, or refused before anything was computed again
        claim = predicate.regressions.claim if predicate.regressions is not None else ""
        return [f"  The statement claims: {plain(claim)}"]
    lines = [
        f"  {word}: {plain(row_name(row.registered.key))}, from {_short(row.pre)} to {_short(row.post)}"
        for word, verdict in (("Got worse", Verdict.REGRESSED), ("Got better", Verdict.IMPROVED))
        for row in judged
        if row.verdict is verdict
    ]
    if is_mixed(judged):
        lines.append("  The measures disagree: some got worse and some got better. No average would be honest.")
    lines.append(f"  {plain(claim_sentence(judged), _LONGEST_OF_OURS)}")
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in judged:
        if row.registered.role is Role.GATING and reason_sentence(row):
            names = reasons.setdefault((row.verdict, plain(reason_sentence(row))), [])
            names.append(plain(row_name(row.registered.key)))
    return lines + [f"  {', '.join(names)}: {verdict}, because {why}." for (verdict, why), names in reasons.items()]


def _short(figure: str | None) -> str:
    return f"{Decimal(figure):.3f}" if figure is not None else "-"
