"""The page in a real browser, where there is one: nothing runs or is fetched; screenshots are kept to look at."""

import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.report import Counts, render
from tests.report.test_hostile import HOSTILE, everywhere

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A server of tmp_path: its address, and every path that was asked of it."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield one
        one.close()


class Watched:
    """A page in which every link, fold and pointer was tried, and what came of it."""

    def __init__(self, browser, address: str, width: int = 1280) -> None:
        self.dialogs: list[str] = []
        self.said: list[str] = []
        self.requests: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address, wait_until="load")
        self.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        self.page.evaluate(
            "document.querySelectorAll('main *').forEach(one => one.dispatchEvent(new Event('mouseover')))"
        )


def hostile_counts(counts: Counts, address: str) -> Counts:
    """All hostile texts in one, with pictures, styles and scripts that would call home."""
    calls = (
        f"<img src={address}/img>",
        f"<link rel=stylesheet href={address}/css>",
        f"<script src={address}/js></script><script>alert(1)</script>",
        f"<style>body{{background:url({address}/url)}}</style>",
        f"<iframe src={address}/frame></iframe>",
    )
    return everywhere(counts, " ".join((*calls, *HOSTILE[:-1])))


def test_hostile_page_runs_and_fetches_nothing(counts, site, browser, tmp_path):
    address, asked = site
    page = render(hostile_counts(counts, address))["index.html"]
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    (tmp_path / "control.html").write_text(
        f"<main><img src={address}/img onmouseover='alert(2)'></main><script>document.title='taken';alert(1)</script>"
    )

    control = Watched(browser, f"{address}/control.html")
    assert control.page.title() == "taken"
    assert control.dialogs == ["1", "2"]
    assert set(asked) >= {"/control.html", "/img"}

    asked.clear()
    watched = Watched(browser, f"{address}/index.html")
    assert watched.page.title().startswith("Mixing report: ")
    assert watched.dialogs == []
    assert watched.said == []  # neither an error nor a refusal by the page's own policy
    assert [url for url in watched.requests if not url.startswith("data:")] == [f"{address}/index.html"]
    assert asked == ["/index.html"]
    found = "Array.from(document.querySelectorAll('a[href], script, iframe, object, img'), one => one.href ?? one.tagName)"
    for link in watched.page.evaluate(found):
        assert link.startswith((f"{address}/index.html#", "https://", "http://")), link


@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_no_wider_than_the_screen(counts, site, browser, tmp_path, width):
    """Every fold open. TAOJIN_SCREENSHOTS names a folder that keeps the pictures."""
    address, _ = site
    pictures = Path(os.environ.get("TAOJIN_SCREENSHOTS", tmp_path))
    pictures.mkdir(parents=True, exist_ok=True)
    for name, shown in (("plain", counts), ("hostile", hostile_counts(counts, address))):
        (tmp_path / f"{name}.html").write_text(render(shown)["index.html"], encoding="utf-8")
        page = Watched(browser, f"{address}/{name}.html", width).page
        assert page.evaluate("document.documentElement.scrollWidth") == width
        picture = pictures / f"report-{name}-{width}.png"
        page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 50_000
