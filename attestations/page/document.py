"""The assembled page as a file of this package: its bytes, and the policy under which a server should hand it out."""

import re
from pathlib import Path

FILE = Path(__file__).parent / "verify.html"
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">')


def read() -> bytes:
    return FILE.read_bytes()


def header_policy(document: bytes) -> str:
    """The page's own policy, with what a header alone can say: nobody may put the page into a frame."""
    found = _POLICY.search(document.decode("utf-8"))
    if found is None:
        raise ValueError("the page states no Content-Security-Policy")
    return f"{found.group(1)}; frame-ancestors 'none'"
