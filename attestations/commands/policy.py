"""`tuneproof policy`: sign a buyer's own rules, or say in words what they demand."""

import argparse
import sys
from pathlib import Path

from attestations import procurement
from attestations.commands.key_files import read_public_key, read_signer
from attestations.files import read_file, write_file
from attestations.findings import ExitCode
from attestations.procurement import AcceptancePolicy, demands, refuse_unreadable
from attestations.procurement.tenets import MISSING
from attestations.procurement.tenets import is_installed as tenets_are_readable
from attestations.report import plain


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    policy = commands.add_parser("policy", help="sign your own rules, or say in words what they demand")
    actions = policy.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="say in words what a policy demands")
    check.add_argument("policy", type=Path, metavar="POLICY", help="your rules, a JSON document, signed or not")
    check.add_argument("--key", type=Path, metavar="PUB", help="the public key that must have signed it, PEM")
    check.set_defaults(run=_check)
    sign = actions.add_parser("sign", help="write a signed copy of a policy")
    sign.add_argument("policy", type=Path, metavar="POLICY", help="your rules, a JSON document")
    sign.add_argument("--key", type=Path, required=True, help="the buyer's private key: P-256, PKCS#8 in PEM")
    sign.add_argument("--out", type=Path, metavar="FILE", help="where to write it, instead of standard output")
    sign.set_defaults(run=_sign)


def _check(options: argparse.Namespace) -> int:
    keys = [read_public_key(options.key)] if options.key is not None else []
    policy = procurement.parse(read_file(options.policy, procurement.MAX_BYTES), keys=keys)
    refuse_unreadable(policy.document.tenets or ())
    print(_text(policy))
    return ExitCode.ACCEPT


def _sign(options: argparse.Namespace) -> int:
    signer = read_signer(options.key)
    signed = procurement.sign(read_file(options.policy, procurement.MAX_BYTES), signer)
    if options.out is None:
        sys.stdout.write(signed.decode("ascii"))
        return ExitCode.ACCEPT
    write_file(options.out, signed)
    return ExitCode.ACCEPT


def _text(policy: AcceptancePolicy) -> str:
    document = policy.document
    lines = [plain(document.title), f"sha256:{policy.digest.sha256}", plain(policy.signature.sentence), ""]
    lines += ["Evidence is accepted where the default checks hold, and:"]
    lines += [f"  - {plain(line)}" for line in demands(document)]
    if document.tenets and not tenets_are_readable():
        lines += ["", f"The tenets were not read: {MISSING}"]
    return "\n".join(lines)
