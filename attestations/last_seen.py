"""What a verifier remembers from one time to the next: `--state FILE`.

    {"lists": [{"issuedAt": <time>, "uri": …}], "mediaType": …, "roots": [{"issuer": …, "version": …}]}

A trust root and a status list count for some time, so whoever hands them over could hand over an older one that is still in
its time: from before a key was known to be stolen, or an attestation withdrawn. A verifier that has seen a newer one
notices (a rollback, STALE). On first contact there is nothing to compare with, and without the file nothing is remembered.

`compare` and `advance` are pure; `load` and `remember` are the file's. Only what is genuine may be handed to them: the
trust root that the buyer named, and a list that `attestations.status.examine` handed out. Times and versions only grow.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from attestations import canonical, documents, kinds
from attestations.documents import Moment, Name, moment, parse_moment
from attestations.errors import MalformedError
from attestations.files import read_if_there, write_file
from attestations.findings import Check, passed, stale
from attestations.kinds import Kind
from attestations.status import StatusList
from attestations.trust import TrustRoot

MEDIA_TYPE = "application/vnd.tuneproof.last-seen.v1+json"
MAX_BYTES = 8 * 1024 * 1024
TRUST_CODE, STATUS_CODE = "state.trust", "state.status"


@dataclass(frozen=True, slots=True)
class SeenRoot:
    """The highest version of an issuer's trust root."""

    issuer: Name
    version: int


@dataclass(frozen=True, slots=True)
class SeenList:
    """When the newest list at a uri was issued."""

    uri: Name
    issued_at: Moment

    def __post_init__(self) -> None:
        parse_moment(self.issued_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """One entry for each issuer and uri, in their order."""

    media_type: Name = MEDIA_TYPE
    roots: tuple[SeenRoot, ...] = ()
    lists: tuple[SeenList, ...] = ()

    def __post_init__(self) -> None:
        if self.media_type != MEDIA_TYPE:
            raise MalformedError("state.media_type", f"the media type must be {MEDIA_TYPE}")
        for names in ([root.issuer for root in self.roots], [listed.uri for listed in self.lists]):
            if names != sorted(set(names)):
                raise MalformedError("state.order", "entries are sorted by issuer or uri, each once")

    def version_of(self, issuer: str) -> int | None:
        return next((root.version for root in self.roots if root.issuer == issuer), None)

    def newest_of(self, uri: str) -> str | None:
        return next((listed.issued_at for listed in self.lists if listed.uri == uri), None)


def compare(seen: LastSeen, root: TrustRoot, listed: StatusList | None) -> list[Check]:
    """One finding about the trust root, and one about the status list where there is one."""
    checks = [_trust(seen.version_of(root.issuer), root)]
    if listed is not None:
        checks.append(_status(seen.newest_of(listed.uri), listed))
    return checks


def advance(seen: LastSeen, root: TrustRoot, listed: StatusList | None) -> LastSeen:
    """The memory after this trust root and list were seen; nothing in it gets older.

    Beyond as many lists as a document holds, those that were issued longest ago are forgotten.
    """
    versions = {one.issuer: one.version for one in seen.roots}
    versions[root.issuer] = max(root.version, versions.get(root.issuer, 0))
    newest = {one.uri: one.issued_at for one in seen.lists}
    if listed is not None:
        newest[listed.uri] = max(moment(listed.issued_at), newest.get(listed.uri, ""))
    return LastSeen(
        roots=tuple(SeenRoot(issuer, version) for issuer, version in sorted(versions.items())[: documents.MAX_ITEMS]),
        lists=tuple(SeenList(uri, at) for uri, at in sorted(_latest(newest.items()))),
    )


def parse(unverified: bytes) -> LastSeen:
    with kinds.expected(Kind.STATE, unverified):
        value = canonical.parse(unverified, what="the state file", max_bytes=MAX_BYTES)
        return documents.decode(LastSeen, value, "state")


def encode(seen: LastSeen) -> bytes:
    return canonical.encode(documents.encode(seen))


def load(path: Path) -> LastSeen:
    """What the file remembers; nothing where there is no file yet."""
    content = read_if_there(path, MAX_BYTES)
    if content is None:
        return LastSeen()
    try:
        return parse(content)
    except MalformedError as error:
        if kinds.kind_of(content) not in (None, Kind.STATE):
            raise  # it was named by mistake, and is to be kept
        words = f"{path} cannot be read ({error}); take it away to begin anew, without what was seen until now"
        raise MalformedError(error.code, words) from error


def remember(path: Path, root: TrustRoot, listed: StatusList | None) -> None:
    """Writes what was seen into the file: all of it or nothing, and on top of what another process wrote meanwhile.

    Whose attestations somebody looks at is nobody else's business, so the file is its owner's alone.
    """
    write_file(path, encode(advance(load(path), root, listed)), private=True)


def _trust(newest: int | None, root: TrustRoot) -> Check:
    if newest is None:
        return passed(TRUST_CODE, "no trust root of this issuer was seen before")
    if root.version < newest:
        words = (
            f"version {newest} of the trust root was seen before; this is version {root.version}, so get the newer one"
        )
        return stale(TRUST_CODE, words)
    return passed(TRUST_CODE, f"no newer trust root than version {root.version} was seen before")


def _status(newest: str | None, listed: StatusList) -> Check:
    at = moment(listed.issued_at)
    if newest is None:
        return passed(STATUS_CODE, "no status list from there was seen before")
    if at < newest:
        return stale(
            STATUS_CODE, f"a status list of {newest} was seen before; this one is of {at}, so get the newer one"
        )
    return passed(STATUS_CODE, f"no newer status list than that of {at} was seen before")


def _latest(lists: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(lists, key=lambda one: one[1], reverse=True)[: documents.MAX_ITEMS]
