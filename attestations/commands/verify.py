"""`tuneproof verify`: whether to believe and accept a bundle."""

import argparse
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attestations import bundle, kinds, last_seen, status, trust
from attestations.commands.arguments import time_argument
from attestations.commands.json_output import errors_printed, print_json
from attestations.commands.key_files import read_public_key, read_signer
from attestations.digests import Sha256
from attestations.documents import moment
from attestations.errors import CryptographicError, FileAccessError, MalformedError
from attestations.files import read_file, write_file
from attestations.keys import LocalSigner
from attestations.kinds import Kind
from attestations.report import report_json, report_text
from attestations.verify import Report, verify

if TYPE_CHECKING:
    from attestations.procurement import AcceptancePolicy


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = commands.add_parser("verify", help="find out whether to believe and accept a bundle")
    check.add_argument("bundle", type=Path, metavar="BUNDLE", help="the evidence, *.resilience.json")
    check.add_argument("--trust", type=Path, required=True, help="the keys you believe, trust.json")
    check.add_argument("--policy", type=Path, help="your own rules, on top of the default ones")
    check.add_argument("--policy-key", type=Path, metavar="PUB", help="the public key that must have signed the policy")
    check.add_argument(
        "--verdict", type=Path, metavar="OUT", help="write the verdict here, signed; needs --verdict-key"
    )
    check.add_argument("--verdict-key", type=Path, metavar="KEY", help="your private key: P-256, PKCS#8 in PEM")
    check.add_argument("--model", type=Path, metavar="DIR", help="the model's files, compared with the signed manifest")
    check.add_argument("--status", type=Path, metavar="FILE", help="a newer status list than the bundle's own")
    check.add_argument(
        "--now", type=time_argument, metavar="TIME", help="judge as of this time, like 2026-01-31T12:00:00Z"
    )
    check.add_argument(
        "--state", type=Path, metavar="FILE", help="remember here what is newest, and notice what is older"
    )
    check.add_argument("--all", action="store_true", help="a line for every check, also for those that passed")
    check.add_argument("--json", action="store_true", help="print the report for programs, or why there is none")
    check.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was read, and what came of it."""

    evidence: bytes
    acceptance: "AcceptancePolicy | None"
    signer: LocalSigner | None
    report: Report


def run(options: argparse.Namespace) -> int:
    now = options.now or datetime.now(UTC)
    with errors_printed(as_json=options.json):
        judged = _judged(options, now)
    report = judged.report
    if options.json:
        print_json(report_json(report))
    else:
        print(report_text(report, every_check=options.all))
    if judged.signer is not None:
        write_file(options.verdict, _verdict(judged, signer=judged.signer, at=moment(now)))
        if not options.json:
            print(f"Verdict signed: {options.verdict}")
    return report.exit_code


def _judged(options: argparse.Namespace, now: datetime) -> _Judged:
    acceptance = _policy(options.policy, options.policy_key)
    signer = _signer(options.verdict, options.verdict_key)
    if options.verdict is not None and os.path.lexists(options.verdict):
        raise FileAccessError("file.exists", f"{options.verdict} exists already; name a new file for the verdict")
    if options.model is not None and not os.path.isdir(options.model):  # noqa: PTH112 - Path.is_dir raises
        raise FileAccessError("file.not_a_directory", f"{options.model} is no directory")
    evidence = read_file(options.bundle, bundle.MAX_BYTES)
    report = verify(
        evidence,
        read_file(options.trust, trust.MAX_BYTES),
        now=now,
        model_dir=options.model,
        acceptance=acceptance,
        unverified_status=_status(options.status),
        seen=last_seen.load(options.state) if options.state else None,
    )
    if options.state and report.root is not None:
        last_seen.remember(options.state, report.root, report.listed)
    return _Judged(evidence, acceptance, signer, report)


def _policy(path: Path | None, key_path: Path | None) -> "AcceptancePolicy | None":
    """The policy, signed by that key where one is given."""
    if path is None:
        if key_path is not None:
            raise MalformedError("usage.policy_key", "--policy-key says who signed the policy; name that with --policy")
        return None
    from attestations import procurement

    keys = [read_public_key(key_path)] if key_path is not None else []
    return procurement.parse(read_file(path, procurement.MAX_BYTES), keys=keys)


def _signer(out: Path | None, key_path: Path | None) -> LocalSigner | None:
    if (out is None) != (key_path is None):
        raise MalformedError(
            "usage.verdict", "--verdict and --verdict-key belong together: where to write it, who signs it"
        )
    return read_signer(key_path) if key_path is not None else None


def _verdict(judged: _Judged, *, signer: LocalSigner, at: str) -> bytes:
    """The signed verdict; where no trusted key signed the evidence there is nothing to give one on."""
    report = judged.report
    if report.verified is None:
        words = "no trusted key signed the evidence, so no verdict on it is signed"
        raise CryptographicError("verdict.unsigned_evidence", words)
    from attestations import procurement

    payload = bundle.parse(judged.evidence).envelope.unverified_payload
    subject = report.verified.statement.subject
    reached = procurement.Reached(subject, Sha256.of(payload), report.checks, report.level)
    return procurement.sign_verdict(reached, judged.acceptance, signer=signer, at=at)


def _status(path: Path | None) -> str | None:
    """A status list as it is served: one line of ASCII."""
    if path is None:
        return None
    content = read_file(path, status.MAX_TOKEN)
    with kinds.expected(Kind.STATUS, content):
        try:
            return content.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise MalformedError("status.not_jwt", f"{path} is no status list: it is not ASCII text") from error
