"""`tuneproof policy`: sign a buyer's own rules, or say in words what they demand."""

import argparse
import sys
from pathlib import Path

from attestations import procurement
from attestations.errors import FileAccessError
from attestations.files import read_file
from attestations.findings import ExitCode
from attestations.keys import MAX_PEM_CHARACTERS, LocalSigner, load_public_key
from attestations.procurement import AcceptancePolicy, demands, refuse_unreadable
from attestations.report import plain

_MAX_PRIVATE_PEM = 4096


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    policy = commands.add_parser("policy", help="sign your own rules, or say in words what they demand")
    actions = policy.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="say in words what a policy demands")
    check.add_argument("policy", type=Path, metavar="POLICY")
    check.add_argument("--key", type=Path, metavar="PUB", help="the public key that must have signed it, PEM")
    check.set_defaults(run=_check)
    sign = actions.add_parser("sign", help="write a signed copy of a policy")
    sign.add_argument("policy", type=Path, metavar="POLICY")
    sign.add_argument(
        "--key", type=Path, required=True, help="the buyer's private key: P-256, unencrypted PKCS#8 in PEM"
    )
    sign.add_argument("--out", type=Path, metavar="FILE", help="where to write it, instead of standard output")
    sign.set_defaults(run=_sign)


def _check(options: argparse.Namespace) -> int:
    keys = []
    if options.key is not None:
        keys = [load_public_key(read_file(options.key, MAX_PEM_CHARACTERS).decode("ascii", "replace"))]
    policy = procurement.parse(read_file(options.policy, procurement.MAX_BYTES), keys=keys)
    refuse_unreadable(policy.document.tenets or ())
    print(_text(policy))
    return ExitCode.ACCEPT


def _sign(options: argparse.Namespace) -> int:
    signer = LocalSigner.from_private_pem(read_file(options.key, _MAX_PRIVATE_PEM))
    signed = procurement.sign(read_file(options.policy, procurement.MAX_BYTES), signer, signer.public_pem)
    if options.out is None:
        sys.stdout.write(signed.decode("ascii"))
        return ExitCode.ACCEPT
    try:
        options.out.write_bytes(signed)
    except OSError as error:
        raise FileAccessError("file.unwritable", f"{options.out}: {error.strerror}") from error
    return ExitCode.ACCEPT


def _text(policy: AcceptancePolicy) -> str:
    document = policy.document
    lines = [plain(document.title), f"sha256:{policy.digest.sha256}", plain(policy.signature.sentence), ""]
    lines += ["Evidence is accepted where the default checks hold, and:"]
    lines += [f"  - {plain(line)}" for line in demands(document)]
    return "\n".join(lines)
