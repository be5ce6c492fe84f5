"""`tuneproof trust`: look at a trust root, and follow it to a newer version.

`show` says whom a trust root believes, for what and until when. `update` takes successors, as files in their order or as
the folder of `N.root.json` that the issuer publishes, and puts the newest version in the place of the file; whoever does not
follow from the version before changes nothing. Both end with 4 where the trust root that is in force has expired.
"""

import argparse
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from attestations import trust, trust_update
from attestations.commands.arguments import time_argument
from attestations.files import read_file, write_file
from attestations.report import plain
from attestations.trust import TrustedKey, TrustRoot


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("trust", help="look at a trust root, or follow it to a newer one")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser("show", help="say whom it believes, for what and until when")
    show.set_defaults(run=_show)
    update = actions.add_parser(
        "update", help="replace it by its newest successor, if each follows from the one before"
    )
    update.set_defaults(run=_update)
    for action in (show, update):
        action.add_argument("trust", type=Path, metavar="TRUST", help="the keys you believe, trust.json")
        action.add_argument("--now", type=time_argument, metavar="TIME", help="judge as of this time")
    update.add_argument(
        "successors", type=Path, nargs="+", metavar="SUCCESSOR", help="N.root.json in their order, or their folder"
    )


def trust_lines(root: TrustRoot) -> list[str]:
    """What a trust root says, a line for each key, with nothing in it that could move a cursor."""
    lines = [f"Trust root {root.version} of {plain(root.issuer)}"]
    if root.threshold:
        lines.append(
            f"  made {root.created_at}, expires {root.expires_at}; {root.threshold} of its root keys must sign"
        )
    else:
        lines.append("  of format 1: signed by nobody, and it cannot be followed to a newer one")
    lines += [f"  {_key_words(key)}" for key in root.keys]
    for authority in root.timestamp_authorities:
        window = f"{authority.valid_from} to {authority.valid_until}"
        lines.append(f"  {'timestamps':<10} {plain(authority.id)}  {window}")
    return lines


def _key_words(key: TrustedKey) -> str:
    owner = f"  {plain(key.owner)}" if key.owner is not None else ""
    stolen = f"  COMPROMISED on {key.compromised_at}" if key.compromised_at is not None else ""
    return f"{key.role:<10} {key.key_id[:16]}…  {key.valid_from} to {key.valid_until}{owner}{stolen}"


def _show(options: argparse.Namespace) -> int:
    root = trust.parse(read_file(options.trust, trust.MAX_BYTES))
    print("\n".join(trust_lines(root)))
    return _freshness(root, options)


def _update(options: argparse.Namespace) -> int:
    current = trust.parse(read_file(options.trust, trust.MAX_BYTES))
    given = [content for path in options.successors for content in _successors(path, current.version)]
    newest = trust_update.advance(current, given)
    if given:
        write_file(options.trust, given[-1])
    nothing = ": nothing newer was given" if newest.version == current.version else ""
    print(f"from version {current.version} to version {newest.version}{nothing}")
    print("\n".join(trust_lines(newest)))
    return _freshness(newest, options)


def _freshness(root: TrustRoot, options: argparse.Namespace) -> int:
    check = trust.freshness(root, now=options.now or datetime.now(UTC))
    print(f"{check.status}: {check.sentence}")
    return check.exit_code


def _successors(path: Path, version: int) -> Iterator[bytes]:
    """The file, or what a folder holds of the versions after this one, up to the first gap."""
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a NUL
        yield read_file(path, trust.MAX_BYTES)
        return
    for number in range(version + 1, version + 1 + trust_update.MAX_UPDATES):
        file = path / f"{number}.root.json"
        if not file.exists():
            return
        yield read_file(file, trust.MAX_BYTES)
