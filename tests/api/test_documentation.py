"""docs/api.md and the code say the same."""

import re
from pathlib import Path

from litestar import Litestar

from api.app import create_app
from api.db.session import Database
from api.settings import Settings, StorageSettings
from api.storage import open_storage
from tests.api.serving import write_catalog
from workers.catalog import Catalog

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text()


def application(tmp_path: Path) -> Litestar:
    storage = StorageSettings(url=f"file://{tmp_path}/objects", internal_url="http://x", secret="s" * 32)
    settings = Settings("sqlite+aiosqlite://", storage, write_catalog(tmp_path), tmp_path / "scratch")
    return create_app(settings, Database(settings.database_url), open_storage(storage), Catalog.load(settings.catalog))


def test_every_route_is_documented(tmp_path: Path) -> None:
    documented = set(re.findall(r"/(?:v1|healthz|readyz|storage|status|verify|\.well-known)[a-z0-9_/{}-]*", PAGE))
    served = {
        re.sub(
            r"\{[a-z_]+(:[a-z]+)?\}", lambda match: "{key}" if match[1] == ":path" else "{id}", route.path
        ).removesuffix(".json")
        for route in application(tmp_path).routes
        if not route.path.startswith("/schema")
    }
    assert served <= documented


def test_every_code_is_documented() -> None:
    sources = [path.read_text() for path in (ROOT / "api").rglob("*.py") if "control" not in path.parts]
    codes = {code for text in sources for code in re.findall(r"\bcode ?= ?\"([a-z_]+)\"", text)}
    codes |= {code for text in sources for code in re.findall(r"^    4\d\d: \"([a-z_]+)\",$", text, re.MULTILINE)}
    unsaid = {code for code in codes if f"`{code}`" not in PAGE}
    types = {"invalid_request_error", "authentication_error", "permission_error", "not_found_error", "conflict_error"}
    never_sent = {"conflict", "permission_denied", "client_closed_request", "rate_limit_error"}
    assert unsaid - types - never_sent == {"rate_limit_exceeded"}
