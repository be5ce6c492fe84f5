"""A real Chromium for tests of the page, and the files that it is given. Skips, and says why, where there is none."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attestations.page import document

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

VARIABLE = "TUNEPROOF_CHROMIUM"
FROM_DISK = document.FILE.as_uri()
AS_OF = "2026-03-02T00:00:00Z"
_DROP = """async (files) => {
  const transfer = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  for (const type of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }
}"""


@contextmanager
def chromium() -> Iterator["Browser"]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    named = os.environ.get(VARIABLE) or shutil.which("chromium") or shutil.which("chromium-browser")
    if named is None or not Path(named).exists():
        pytest.skip(f"no Chromium was found; name one in {VARIABLE}")
    with sync_api.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=named, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """The page in a tab, and what it did that it should not do: requests, errors, words in the console."""

    tab: "Page"
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def choose(self, bundle: Path, trust: Path, as_of: str = AS_OF) -> None:
        """By the buttons."""
        self.tab.fill("#as-of", as_of)
        self.tab.set_input_files("#file-bundle", str(bundle))
        self.tab.set_input_files("#file-trust", str(trust))
        self.tab.wait_for_selector("#verdict")

    def drop(self, *files: tuple[str, bytes], as_of: str = AS_OF) -> None:
        """By drag and drop, all at once."""
        import base64

        self.tab.fill("#as-of", as_of)
        self.tab.evaluate(_DROP, [[name, base64.b64encode(content).decode()] for name, content in files])
        self.tab.wait_for_selector("#verdict")

    @property
    def verdict(self) -> str:
        return self.tab.inner_text("#verdict").replace("\n", " ").lstrip("✓✕? ")

    @property
    def text(self) -> str:
        return self.tab.inner_text("#result")

    def checks(self) -> dict[str, str]:
        rows = self.tab.eval_on_selector_all(
            "#checks tbody tr", "rows => rows.map((row) => [row.querySelector('code').textContent, row.className])"
        )
        return dict(rows)


@contextmanager
def opened(browser: "Browser", address: str = FROM_DISK, **options: object) -> Iterator[Opened]:
    context = browser.new_context(**options)
    tab = context.new_page()
    page = Opened(tab)
    tab.on("request", lambda request: page.requests.append(request.url))
    tab.on("pageerror", lambda error: page.complaints.append(str(error)))
    tab.on("console", lambda message: page.complaints.append(message.text))
    tab.goto(address)
    yield page
    context.close()
