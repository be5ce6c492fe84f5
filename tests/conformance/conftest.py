from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from attestations import bundle
from attestations.explode import explode
from attestations.keys import LocalSigner
from attestations.statements import frame
from attestations.statements.notice import NoticeKind
from tests.attestations.statements.complete import Complete, make_complete


@dataclass(frozen=True)
class Exploded:
    """The native files of a bundle with a statement of every type, and the keys that signed them as PEM files."""

    complete: Complete
    directory: Path
    keys: dict[str, Path]

    def files(self, suffix: str) -> list[Path]:
        """The files with this suffix; there are six signed statements and one primary."""
        return sorted(self.directory.glob(f"*{suffix}"))

    def signer(self, name: str) -> LocalSigner:
        """Who signed the statement that a file is named after."""
        signers = self.complete.signers
        return signers.evaluator if name.startswith("countersignature") else signers.issuer

    def key(self, name: str) -> Path:
        return self.keys[self.signer(name).key_id]


@pytest.fixture(scope="session")
def exploded(tmp_path_factory: pytest.TempPathFactory) -> Exploded:
    complete = make_complete(tmp_path_factory.mktemp("made"))
    whole = complete.having(complete.countersigned(), by=complete.signers.evaluator)
    notice = frame.seal(complete.noticed(NoticeKind.CORRECTION), complete.signers.issuer)
    whole = replace(whole, unverified_statements=(*whole.unverified_statements, notice))
    directory = tmp_path_factory.mktemp("exploded") / "parts"
    explode(bundle.parse(whole.encode()), directory)
    keys = {}
    for signer in (complete.signers.issuer, complete.signers.evaluator):
        keys[signer.key_id] = tmp_path_factory.mktemp("keys") / "key.pem"
        keys[signer.key_id].write_text(signer.public_pem)
    return Exploded(complete, directory, keys)
