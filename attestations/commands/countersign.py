"""`tuneproof countersign`: what an evaluator found about somebody else's evidence, signed with the evaluator's own key.

The evidence is verified first, because nobody should sign for what nobody signed; what it says may be bad news, or be wrong.
How far the evaluator is from the attested rows is computed here, never typed in, and where a row is outside its margin or a
disagreement is named, the statement disagrees: there is no way to leave that out. It is written as a Sigstore bundle of its
own, which `tuneproof attach` or the service puts beside the attestation.

The evaluations are a JSON file, with a row for each that was measured, named as in the attestation:

    {"evaluations": [{"metric": "refusal_rate", "suite": "harmful-requests", "slice": "*",
                      "table": {"bothSafe": 228, "worsened": 3, "improved": 1, "bothUnsafe": 8}}]}
"""

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from attestations import bundle, canonical, documents, trust
from attestations.bundle import sigstore_json
from attestations.commands.arguments import time_argument
from attestations.commands.key_files import PASSPHRASE, read_signer
from attestations.digests import Sha256
from attestations.documents import Name, moment
from attestations.errors import CryptographicError, MalformedError, StaleError
from attestations.files import read_file, write_file
from attestations.findings import ExitCode, Status
from attestations.keys import LocalSigner
from attestations.predicate import EvaluationRow, ResiliencePredicate
from attestations.report import plain
from attestations.statements import countersignature, frame
from attestations.statements.countersignature import (
    AccessLevel,
    AgreementRow,
    Conclusion,
    Countersignature,
    Evaluator,
    Mode,
    Relationship,
)
from attestations.statements.later import is_independent
from attestations.statistics import PairedDifferences, PairedTable
from attestations.trust import KeyRole, TrustRoot
from attestations.verdicts import RowKey
from attestations.verify import Report, verify

_MAX_EVALUATIONS = 1024 * 1024
_FORM = """\
The evaluations are a JSON file with a row for each that you measured, named as in the attestation
(tuneproof explode writes all of its rows into statement.json):

  {"evaluations": [
    {"metric": "refusal_rate", "suite": "harmful-requests", "slice": "*",
     "table": {"bothSafe": 228, "worsened": 3, "improved": 1, "bothUnsafe": 8}},
    {"metric": "refusal_margin", "suite": "harmful-requests", "slice": "*",
     "differences": {"n": 240, "mean": "0.21", "sd": "0.9", "baseMean": "6.8", "baseSd": "2.1"}},
    {"metric": "refusal_rate", "suite": "safe-lookalikes", "slice": "*", "notRun": "no access to the base"}]}

A table counts the same items before and after the tuning, "worsened" those that were safe before only; differences are
paired, positive where it got worse. Each row has exactly one of the three.
"""


@dataclass(frozen=True, slots=True)
class _OwnRow:
    """A row by its name; what was registered about it is taken from the attestation."""

    metric: Name
    suite: Name
    slice: Name
    table: PairedTable | None = None
    differences: PairedDifferences | None = None
    not_run: str | None = None


@dataclass(frozen=True, slots=True)
class _OwnEvaluations:
    evaluations: tuple[_OwnRow, ...]


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "countersign",
        help="say in a statement of your own what you found about evidence",
        description="Verify evidence, then say what you found about it, in a statement that your own key signs. Evidence\n"
        "that is genuine may be countersigned whatever it says, also that of a blocked model. Disagreement is\n"
        "never left out.",
        epilog=_FORM,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the evidence, *.resilience.json")
    parser.add_argument("--trust", type=Path, required=True, help="the keys you believe, trust.json")
    parser.add_argument(
        "--key", type=Path, required=True, help=f"your private key: P-256, PKCS#8 in PEM; {PASSPHRASE} opens it"
    )
    parser.add_argument("--name", required=True, metavar="ORG", help="your organisation, as trust roots name it")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), required=True, help="what you did")
    parser.add_argument("--evaluations", type=Path, metavar="FILE", help="what you measured: see below")
    parser.add_argument("--paid-by", metavar="WHO", help="who paid for it; without it, your own organisation")
    parser.add_argument(
        "--access",
        type=AccessLevel,
        choices=list(AccessLevel),
        default=AccessLevel.ANSWERS,
        help="the most that you could look at; without it, answers",
    )
    parser.add_argument("--id", metavar="URI", help="your identity; without it, urn:sha256: and your key's id")
    parser.add_argument(
        "--disagreement", action="append", default=[], metavar="TEXT", help="what you disagree with; may be repeated"
    )
    parser.add_argument(
        "--conflict", action="append", default=[], metavar="TEXT", help="a conflict of interest; may be repeated"
    )
    parser.add_argument("--now", type=time_argument, metavar="TIME", help="the time of signing, else the clock's")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write it, *.sigstore.json")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    now = options.now or datetime.now(UTC)
    signer = read_signer(options.key)
    evidence = read_file(options.bundle, bundle.MAX_BYTES)
    report = verify(evidence, read_file(options.trust, trust.MAX_BYTES), now=now)
    attested, root = _believed(report)
    notes = _notes_on_key(root, signer, options.name, now)
    made = _statement(options, attested, signer.key_id, now)
    payload = countersignature.build(bundle.parse(evidence).envelope.unverified_payload, made).encode()
    write_file(options.out, canonical.encode(sigstore_json(frame.seal(payload, signer))))
    print("\n".join(plain(line) for line in [*_told(made, attested), *notes, *_findings(report), str(options.out)]))
    return ExitCode.ACCEPT


def _believed(report: Report) -> tuple[ResiliencePredicate, TrustRoot]:
    """What a trusted key signed. Whether it is acceptable is not asked: genuine bad news may be countersigned."""
    wrong = [check for check in report.checks if check.exit_code is ExitCode.CRYPTOGRAPHIC]
    if report.verified is None or report.root is None or wrong:
        words = f"the evidence does not verify, so it is not countersigned: {wrong[0].sentence}"
        raise CryptographicError("countersign.evidence", words)
    if report.level is None:
        doubts = [check.sentence for check in report.checks if check.code == "key.validity"]
        raise StaleError("countersign.evidence", f"nobody can tell who signed the evidence: {doubts[0]}")
    return report.verified.statement.predicate, report.root


def _notes_on_key(root: TrustRoot, signer: LocalSigner, name: str, now: datetime) -> list[str]:
    """What the reader of this countersignature will make of the key; refuses what nobody would believe."""
    key = next((key for key in root.keys if key.key_id == signer.key_id), None)
    if key is None:
        words = "buyers whose trust root does not know it either are told that the proof does not hold"
        return [f"Note: the trust root does not know this key yet, and {words}; let them have a newer one first."]
    if key.role is not KeyRole.EVALUATOR:
        words = f"--key has the role {key.role} in the trust root, and only an evaluator's key may countersign"
        raise MalformedError("countersign.key", words)
    if key.owner != name:
        raise MalformedError(
            "countersign.name", f"the trust root says that --key belongs to {key.owner!r}, not {name!r}"
        )
    valid = trust.believed(key, claimed=now, proven=None)
    if valid.status is not Status.PASS:
        raise CryptographicError("countersign.key", f"nobody would believe --key: {valid.sentence}")
    return [] if is_independent(key, root) else ["Note: this is not independent of the issuer, and raises no level."]


def _statement(
    options: argparse.Namespace, attested: ResiliencePredicate, key_id: str, now: datetime
) -> Countersignature:
    """Raises `MalformedError`. A name or text that is not one is found by reading back what was written."""
    manifest = attested.model.manifest if attested.model is not None else None
    if manifest is None or attested.plan is None:
        raise MalformedError("countersign.no_model", "the evidence is about a job that made no model to evaluate")
    own = _own_rows(options.evaluations, attested) if options.evaluations is not None else ()
    agreement = countersignature.compare(own, attested)
    agrees = not options.disagreement and all(row.within for row in agreement)
    made = Countersignature(
        evaluator=Evaluator(options.id or f"urn:sha256:{key_id}", options.name),
        at=moment(now),
        mode=options.mode,
        conclusion=Conclusion.AGREES if agrees else Conclusion.DISAGREES,
        model=Sha256(manifest.digest.sha256),
        plan=attested.plan.digest,
        own=own,
        agreement=agreement,
        disagreements=tuple(options.disagreement),
        conflicts=tuple(options.conflict),
        relationship=Relationship(options.paid_by or options.name, options.access),
    )
    return countersignature.read(made.to_json())


def _own_rows(path: Path, attested: ResiliencePredicate) -> tuple[EvaluationRow, ...]:
    value = canonical.parse_relaxed(
        read_file(path, _MAX_EVALUATIONS), what=f"{path}, the evaluations", max_bytes=_MAX_EVALUATIONS
    )
    given = documents.decode(_OwnEvaluations, value, "evaluations").evaluations
    registered = {row.registered.key: row.registered for row in attested.evaluations or ()}
    rows = []
    for number, row in enumerate(given):
        key, at = RowKey(row.metric, row.suite, row.slice), f"evaluations[{number}]"
        if key not in registered:
            words = f"the attestation has no row {' / '.join(key)}; statement.json of `tuneproof explode` has its rows"
            raise MalformedError("countersign.row", words, at=at)
        try:
            rows.append(EvaluationRow(registered[key], row.table, row.differences, row.not_run))
        except MalformedError as error:
            raise MalformedError(error.code, error.sentence, at=at) from error
    return tuple(rows)


def _told(made: Countersignature, attested: ResiliencePredicate) -> list[str]:
    """What was signed, in words; every row outside its margin has a line."""
    margins = {row.registered.key: row.registered for row in attested.evaluations or ()}
    outside = [row for row in made.agreement if not row.within]
    paid, level = made.relationship.paid_by, made.relationship.access_level
    rows = f"{len(made.agreement)} rows compared, {len(outside)} outside their margin"
    lines = [
        f"{made.evaluator.organisation} {made.conclusion}: {made.mode}, {rows}; paid by {paid}, access to {level}",
        *(_outside(row, margins[row.key].margin, margins[row.key].unit) for row in outside),
        *(f"  disagrees: {words}" for words in made.disagreements),
    ]
    return lines + [f"  conflict of interest: {words}" for words in made.conflicts]


def _outside(row: AgreementRow, margin: str, unit: str) -> str:
    return f"  {' / '.join(row.key)}: {row.delta} ({unit}) away from the attested change, and the margin is {margin}"


def _findings(report: Report) -> list[str]:
    """What the verifier has against the evidence, which is genuine all the same."""
    found = [check for check in report.checks if check.status in (Status.FAIL, Status.STALE)]
    return [f"Note: the evidence is genuine; {check.code} {check.status}: {check.sentence}" for check in found]
