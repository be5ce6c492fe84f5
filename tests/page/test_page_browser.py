"""The assembled page in a real Chromium, from disk and served: what a person sees, and that nothing leaves the browser."""

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attestations import bundle as bundle_format
from attestations import canonical
from attestations.page import document
from attestations.statement import conceal
from attestations.statements import frame
from tests.attestations.evidence import HARMFUL, KEPT, Evidence, make_evidence, make_plan
from tests.attestations.evidence_02 import make_good
from tests.attestations.evidence_hidden import counting_salts
from tests.attestations.statements.complete import Complete, make_complete
from tests.page.browser import FROM_DISK, Opened, chromium, opened
from tests.page.engine import SAMPLES, Case, by_command
from tests.page.given import token, trust_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RELEASED = SAMPLES / "v0.2" / "released.resilience.json"
BLOCKED = SAMPLES / "v0.2" / "blocked.resilience.json"
TRUST = SAMPLES / "v0.2" / "trust.json"
ENDS = {0: "ACCEPTED", 1: "REFUSED: the proof does not hold", 2: "REFUSED: malformed", 3: "REJECTED", 4: "UNDETERMINED"}


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: "Browser") -> Iterator[Opened]:
    with opened(browser) as tab:
        yield tab
        assert tab.complaints == []
        assert tab.requests == [FROM_DISK]


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Complete:
    return make_complete(tmp_path_factory.mktemp("complete"))


# What is found


@pytest.mark.parametrize(
    "path", sorted(SAMPLES.glob("*/*.resilience.json")), ids=lambda path: f"{path.parent.name}-{path.name[:12]}"
)
def test_every_sample_ends_as_on_the_command_line(page: Opened, path: Path) -> None:
    trust = path.parent / "trust.json"
    page.choose(path, trust)
    expected = by_command(Case(path.name, path.read_bytes(), trust.read_bytes()))
    assert page.verdict == ENDS[expected["exitCode"]]
    assert page.checks() == {check["code"]: check["status"] for check in expected["checks"]}


def test_dropped_files_are_told_apart_by_what_is_in_them(page: Opened, complete: Complete) -> None:
    page.drop(("one", token().encode()), ("two", trust_of(complete)), ("three", complete.bundle.encode()))
    assert page.verdict == "ACCEPTED"
    assert page.checks()["status"] == "PASS"
    assert page.tab.inner_text("#name-bundle") == "three"


def test_a_newer_status_list_may_come_later(page: Opened, complete: Complete) -> None:
    page.drop(("b", complete.bundle.encode()), ("t", trust_of(complete)))
    assert page.verdict == "UNDETERMINED"
    page.drop(("s", token(bytes([0, 0, 0, 1, 0, 0, 0, 0])).encode()))
    assert page.verdict == "REJECTED"
    assert "Revoked" in page.tab.inner_text(".banner")


def test_a_tampered_bundle_is_refused_and_nothing_of_it_is_shown(page: Opened) -> None:
    value = canonical.parse(RELEASED.read_bytes(), what="it", max_bytes=10**7)
    other = canonical.parse(BLOCKED.read_bytes(), what="it", max_bytes=10**7)
    value["primary"]["dsseEnvelope"]["payload"] = other["primary"]["dsseEnvelope"]["payload"]
    page.drop(("b", canonical.encode(value)), ("t", TRUST.read_bytes()))
    assert page.verdict == ENDS[1]
    assert page.checks() == {"signature": "FAIL", "statement": "NOT_CHECKED"}
    assert "help-centre" not in page.text


def test_bad_files_get_one_sentence_that_says_what_is_wrong(page: Opened) -> None:
    page.drop(("b", RELEASED.read_bytes() + b"\n"), ("t", TRUST.read_bytes()))
    assert page.verdict == ENDS[2]
    assert "not in canonical form" in page.text
    page.drop(("letter.txt", b"Dear Sir or Madam"))
    assert "letter.txt is no evidence, no trust root and no status list" in page.text
    page.drop(("big.resilience.json", b"a" * (bundle_format.MAX_BYTES + 1)))
    assert "at most 16777216 are accepted" in page.text
    page.drop(("b", RELEASED.read_bytes()), as_of="yesterday")
    assert "judge as of: a time must be in UTC" in page.text
    page.drop(("b", RELEASED.read_bytes()), as_of="2030-01-01T00:00:00Z")
    assert page.verdict == "UNDETERMINED"


def test_one_file_alone_asks_for_the_other(page: Opened) -> None:
    page.tab.set_input_files("#file-trust", str(TRUST))
    page.tab.wait_for_selector("#result p")
    assert page.text == "Now choose the evidence, *.resilience.json."


# What a person reads


def test_one_screen_answers_what_a_buyer_asks(page: Opened) -> None:
    page.choose(BLOCKED, TRUST)
    shown = page.text
    for words in (
        "lora, 57 steps, from smollm2-135m-aligned (Apache-2.0)",
        "help-centre: 90 records (train), CC-BY-4.0; staff consented",
        "refusal_rate on harmful-requests (material): from 99.2 % to 10.0 %",
        "customer support in English",
        "medical advice",
        "2026-09-01, 12:00 UTC",
        "resistance to jailbreaks",
        "https://tuning.example, on 2026-03-01, 12:00 UTC",
        "Depends on the judge" if "Depends" in shown else "Scored by one judge alone",
    ):
        assert words in shown
    bottom = page.tab.eval_on_selector_all(
        ".card.what, .card.change, .card.use",
        "all => Math.max(...all.map((one) => one.getBoundingClientRect().bottom))",
    )
    assert bottom < 900  # of a window of 1280 by 720 and a little


def test_the_chart_shows_every_deciding_row_the_worst_first(page: Opened) -> None:
    page.choose(BLOCKED, TRUST)
    names = page.tab.eval_on_selector_all(
        "svg.chart [role=listitem]", "rows => rows.map((row) => row.getAttribute('aria-label'))"
    )
    assert names[0] == (
        "refusal_rate on harmful-requests: got worse (material); before 99.2 %, after 10.0 %; "
        "change +89.2 points, 95 % interval +84.6 to +92.5, margin 5"
    )
    assert len(names) == 5  # the gating rows; none of the others moved
    drawn = page.tab.eval_on_selector_all(
        "svg.chart :is(.mark, .before, .after, .interval, .margin)",
        """marks => marks.map((mark) => {
             const [own, all] = [mark.getBoundingClientRect(), mark.closest("svg").getBoundingClientRect()];
             return own.left >= all.left && own.right <= all.right && own.top >= all.top && own.bottom <= all.bottom;
           })""",
    )
    assert len(drawn) >= 5 * 6
    assert all(drawn)
    words = page.tab.eval_on_selector_all("svg.chart .verdict", "all => all.map((one) => one.textContent)")
    assert words[0] == "▲ worse (material)"  # shape and words, not colour alone


def test_evidence_without_a_measurement_has_no_chart(page: Opened) -> None:
    page.choose(SAMPLES / "v0.2" / "failed.resilience.json", TRUST)
    assert page.tab.query_selector("svg") is None
    assert "out_of_memory" in page.text


def test_a_job_that_measured_nothing_says_each_reason_once(page: Opened) -> None:
    page.choose(SAMPLES / "v0.3" / "failed.resilience.json", SAMPLES / "v0.3" / "trust.json")
    assert "Nothing was measured, so nothing is known." in page.text
    listed = page.tab.inner_text(".card.change")
    assert listed.count("not run, because") == 1
    assert listed.count("accuracy on bias") == 2  # in what the numbers say, and in the one line of reasons


def test_hidden_values_are_counted_and_named(page: Opened, complete: Complete) -> None:
    payload, _ = conceal(complete.stated, ("data.sources[*].id",), counting_salts())
    sealed = replace(complete.bundle, envelope=frame.seal(payload, complete.signers.issuer), unverified_status=token())
    page.drop(("b", sealed.encode()), ("t", trust_of(complete)))
    assert page.verdict == "ACCEPTED"
    assert "2 values that the issuer committed to and does not show" in page.text
    assert "data.sources[1].id" in page.text
    assert "(hidden): 90 records" in page.text


def test_many_hidden_places_are_folded_on_the_screen_and_printed_in_full(page: Opened, complete: Complete) -> None:
    stated, (tuning, data) = complete.stated, (complete.stated.predicate.tuning, complete.stated.predicate.data)
    many = replace(tuning, parameters={f"setting {number}": "on" for number in range(20)})
    sources = (replace(data.sources[0], records=1_234_567), *data.sources[1:])
    predicate = replace(stated.predicate, tuning=many, data=replace(data, sources=sources))
    payload, _ = conceal(replace(stated, predicate=predicate), ("tuning.parameters.*",), counting_salts())
    sealed = replace(complete.bundle, envelope=frame.seal(payload, complete.signers.issuer), unverified_status=token())
    page.drop(("b", sealed.encode()), ("t", trust_of(complete)))
    on_paper = ".card.open .print-only"
    assert page.tab.is_visible(".card.open summary")
    assert not page.tab.is_visible(on_paper)
    page.tab.emulate_media(media="print")
    assert not page.tab.is_visible(".card.open summary")
    assert page.tab.is_visible(on_paper)
    assert page.tab.inner_text(on_paper).count("tuning.parameters.setting ") == 20
    assert "1\u202f234\u202f567 records" in page.tab.inner_text(".card.what")  # no line breaks within a number
    assert "`" not in page.text
    assert "tuneproof verify --model" in page.tab.eval_on_selector_all(
        "#checks td code", "all => all.map((one) => one.textContent)"
    )


def test_what_a_bundle_says_is_text_and_never_markup(page: Opened, tmp_path: Path) -> None:
    evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    evidence = make_evidence(tmp_path / "m", {HARMFUL: KEPT[HARMFUL]}, make_plan(rows=make_plan().rows[:1]))
    predicate = evidence.statement.predicate
    bounds = replace(predicate.boundaries, intended=(evil, "abc\u202edef\u200bghi"), objective=evil)
    signed = evidence.resigned(replace(predicate, boundaries=bounds, not_claimed=(evil,)))
    page.drop(("b", signed), ("t", evidence.trust))
    assert page.verdict == "ACCEPTED"
    assert evil in page.text
    assert "abc\ufffddef\ufffdghi" in page.text
    assert page.tab.query_selector("#result img, #result script") is None
    assert page.tab.title() == "Verify evidence · Tuneproof"


def many_rows(tmp_path: Path) -> Evidence:
    plan = make_plan()
    rows = [replace(plan.rows[0], slice=f"slice-{number:02}") for number in range(60)]
    measured = {row.key: KEPT[HARMFUL] for row in rows}
    return make_evidence(tmp_path / "m", {**KEPT, **measured}, replace(plan, rows=(*plan.rows, *rows)))


# Paper, eyes and hands


def test_the_dossier_prints_on_a4_without_cut_rows(page: Opened, tmp_path: Path) -> None:
    evidence = many_rows(tmp_path)
    page.drop(("b", evidence.bundle), ("t", evidence.trust))
    page.tab.emulate_media(media="print")
    assert not page.tab.is_visible("section.files")
    assert not page.tab.is_visible("#print")
    assert page.tab.is_visible("svg.chart")
    kept = page.tab.eval_on_selector_all(
        "tr, .scroll:has(svg)", "all => all.every((one) => getComputedStyle(one).breakInside === 'avoid')"
    )
    assert kept
    heights = page.tab.eval_on_selector_all(
        "svg.chart", "all => all.map((one) => one.getBoundingClientRect().height / one.getBoundingClientRect().width)"
    )
    assert len(heights) > 4  # several drawings, each of which fits on a page of 184 by 267 mm
    assert max(heights) < 267 / 184
    pdf = page.tab.pdf(prefer_css_page_size=True)
    boxes = set(re.findall(rb"/MediaBox ?\[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf))
    assert {(round(float(width)), round(float(height))) for width, height in boxes} == {(595, 842)}  # A4 in points
    assert len(re.findall(rb"/Type ?/Page\b", pdf)) >= 4


CONTRAST = """() => {
  const channel = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (node) => {
    for (let at = node; at !== null; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const nodes = document.querySelectorAll("p, li, td, th, h1, h2, h3, caption, label, small, button, code, svg text");
  return [...nodes].filter((node) => node.textContent.trim() !== "" && node.checkVisibility()).map((node) => {
    const style = getComputedStyle(node);
    const [one, other] = [light(parse(node.ownerSVGElement ? style.fill : style.color)), light(ground(node))].sort((a, b) => b - a);
    return [(one + 0.05) / (other + 0.05), node.className.baseVal ?? node.className, node.textContent.slice(0, 40)];
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [RELEASED, BLOCKED])
def test_all_text_can_be_read_in_light_and_dark(browser: "Browser", scheme: str, path: Path) -> None:
    with opened(browser, color_scheme=scheme) as page:
        page.choose(path, TRUST)
        weak = [found for found in page.tab.evaluate(CONTRAST) if found[0] < 4.5]  # WCAG 2.2, level AA
        assert weak == []


def test_it_can_be_used_by_keyboard_and_screen_reader(page: Opened) -> None:
    reached = []
    for _ in range(4):
        page.tab.keyboard.press("Tab")
        reached.append(page.tab.evaluate("document.activeElement.id"))
    assert reached == ["file-bundle", "file-trust", "file-status", "as-of"]
    unnamed = page.tab.eval_on_selector_all("input", "all => all.filter((one) => one.labels.length !== 1).length")
    assert unnamed == 0
    page.choose(BLOCKED, TRUST)
    assert page.tab.evaluate("document.activeElement.id") == "verdict"
    assert page.tab.get_attribute(".banner", "role") == "status"
    heads = page.tab.eval_on_selector_all("th", "all => all.every((one) => ['col', 'row'].includes(one.scope))")
    assert heads
    assert page.tab.eval_on_selector_all("table", "all => all.every((one) => one.caption !== null)")


def test_a_narrow_window_loses_nothing(browser: "Browser") -> None:
    with opened(browser, viewport={"width": 360, "height": 700}) as page:
        page.choose(BLOCKED, TRUST)
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= 360


# Nothing leaves the browser


class Server(BaseHTTPRequestHandler):
    """Hands the page out as the service does, and remembers whoever asks for anything else."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        content = document.read()
        self.send_response(200 if self.path == "/verify" else 404)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-security-policy", document.header_policy(content))
        self.end_headers()
        self.wfile.write(content if self.path == "/verify" else b"")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def served() -> Iterator[str]:
    Server.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/verify"
    server.shutdown()
    server.server_close()


def test_the_served_page_works_and_asks_for_nothing_more(browser: "Browser", served: str, tmp_path: Path) -> None:
    evidence = make_good(tmp_path / "m")
    with opened(browser, served) as page:
        page.drop(("b", evidence.bundle), ("t", evidence.trust))
        assert page.verdict == "ACCEPTED"
        assert page.complaints == []
        assert page.requests == [served]
    assert [path for path in Server.asked if path != "/favicon.ico"] == ["/verify"]


ATTEMPTS = {
    "connect-src": "fetch('{there}')",
    "img-src": "const node = document.createElement('img'); node.src = '{there}'; document.body.append(node)",
    "style-src-elem": "const node = document.createElement('style'); node.textContent = 'p {{ color: red }}'; document.body.append(node)",
    "frame-src": "const node = document.createElement('iframe'); node.src = '{there}'; document.body.append(node)",
    "form-action": "const node = document.createElement('form'); node.action = '{there}'; document.body.append(node); node.submit()",
    "require-trusted-types-for": "document.body.innerHTML = '<p>'",
    "base-uri": "const node = document.createElement('base'); node.href = '{there}'; document.head.append(node)",
}


@pytest.mark.parametrize("from_disk", [True, False], ids=["from disk", "served"])
@pytest.mark.parametrize("directive", ATTEMPTS)
def test_the_policy_stops_whatever_would_speak_to_somebody(
    browser: "Browser", served: str, directive: str, *, from_disk: bool
) -> None:
    """As if a fault let a bundle run a script of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    there = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with opened(browser, FROM_DISK if from_disk else served) as page:
        stopped = page.tab.evaluate(
            f"""async () => {{
              const found = new Promise((resolve) => {{
                document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), {{ once: true }});
              }});
              try {{ await (async () => {{ {ATTEMPTS[directive].format(there=there)} }})() }} catch {{}}
              return found;
            }}"""
        )
    assert stopped == directive
    with listener:
        assert heard(listener) == b""


def heard(listener: socket.socket) -> bytes:
    """What reached the address. Chromium may open a connection before it asks the policy; it must then say nothing in it."""
    listener.settimeout(0.1)
    try:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(0.1)
            return connection.recv(1000)
    except TimeoutError:
        return b""
