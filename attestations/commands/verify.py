"""`tuneproof verify`: whether to believe and accept a bundle."""

import argparse
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attestations import bundle, last_seen, status, trust
from attestations.commands.arguments import time_argument
from attestations.errors import FileAccessError, MalformedError
from attestations.files import read_file
from attestations.keys import MAX_PEM_CHARACTERS, load_public_key
from attestations.report import report_json, report_text
from attestations.verify import verify

if TYPE_CHECKING:
    from attestations.procurement import AcceptancePolicy


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = commands.add_parser("verify", help="find out whether to believe and accept a bundle")
    check.add_argument("bundle", type=Path, metavar="BUNDLE", help="the evidence, *.resilience.json")
    check.add_argument("--trust", type=Path, required=True, help="the keys you believe, trust.json")
    check.add_argument("--policy", type=Path, help="your own rules, on top of the default ones")
    check.add_argument("--policy-key", type=Path, metavar="PUB", help="the public key that must have signed the policy")
    check.add_argument("--model", type=Path, metavar="DIR", help="the model's files, compared with the signed manifest")
    check.add_argument("--status", type=Path, metavar="FILE", help="a newer status list than the bundle's own")
    check.add_argument(
        "--now", type=time_argument, metavar="TIME", help="judge as of this time, like 2026-01-31T12:00:00Z"
    )
    check.add_argument(
        "--state", type=Path, metavar="FILE", help="remember here what is newest, and notice what is older"
    )
    check.add_argument("--all", action="store_true", help="a line for every check, also for those that passed")
    check.add_argument("--json", action="store_true", help="print the report for programs")
    check.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    acceptance = _policy(options.policy, options.policy_key)
    if options.model is not None and not os.path.isdir(options.model):  # noqa: PTH112 - Path.is_dir raises
        raise FileAccessError("file.not_a_directory", f"{options.model} is no directory")
    report = verify(
        read_file(options.bundle, bundle.MAX_BYTES),
        read_file(options.trust, trust.MAX_BYTES),
        now=options.now or datetime.now(UTC),
        model_dir=options.model,
        acceptance=acceptance,
        unverified_status=_status(options.status),
        seen=last_seen.load(options.state) if options.state else None,
    )
    if options.state and report.root is not None:
        last_seen.remember(options.state, report.root, report.listed)
    if options.json:
        print(json.dumps(report_json(report), indent=2, ensure_ascii=True))
    else:
        print(report_text(report, every_check=options.all))
    return report.exit_code


def _policy(path: Path | None, key_path: Path | None) -> "AcceptancePolicy | None":
    """The policy, signed by that key where one is given."""
    if path is None:
        if key_path is not None:
            raise MalformedError("usage.policy_key", "--policy-key says who signed the policy; name that with --policy")
        return None
    from attestations import procurement

    keys = []
    if key_path is not None:
        pem = read_file(key_path, MAX_PEM_CHARACTERS).decode("ascii", "replace")
        keys = [load_public_key(pem)]
    return procurement.parse(read_file(path, procurement.MAX_BYTES), keys=keys)


def _status(path: Path | None) -> str | None:
    """A status list as it is served: one line of ASCII."""
    if path is None:
        return None
    content = read_file(path, status.MAX_TOKEN)
    try:
        return content.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise MalformedError("status.not_jwt", f"{path} is no status list: it is not ASCII text") from error
