"""The page in a real browser, where there is one: nothing runs or is fetched; screenshots are kept to look at."""

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.report import Counts, render
from tests.report.test_hostile import HOSTILE, everywhere

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


def chromium(profile: Path, *options: str) -> str:
    """What headless Chromium prints, in a profile of its own."""
    quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
             "--disable-background-networking", "--disable-component-update", "--hide-scrollbars")  # fmt: skip
    command = [str(CHROMIUM), *quiet, f"--user-data-dir={profile}", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def hostile_counts(counts: Counts, address: str) -> Counts:
    """All hostile texts in one, with pictures, styles and scripts that would call home."""
    calls = (
        f"<img src={address}/img>",
        f"<link rel=stylesheet href={address}/css>",
        f"<script src={address}/js></script>",
        f"<style>body{{background:url({address}/url)}}</style>",
        f"<iframe src={address}/frame></iframe>",
    )
    return everywhere(counts, " ".join((*calls, *HOSTILE[:-1])))


def test_hostile_page_runs_and_fetches_nothing(counts, site, tmp_path):
    address, asked = site
    page = render(hostile_counts(counts, address))["index.html"]
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    (tmp_path / "control.html").write_text(f"<img src={address}/img><script>document.title='taken'</script>")
    profile = tmp_path / "profile"

    assert "<title>taken</title>" in chromium(profile, "--dump-dom", f"{address}/control.html")
    assert set(asked) >= {"/control.html", "/img"}

    asked.clear()
    dom = chromium(profile, "--dump-dom", f"{address}/index.html")
    assert "<title>Mixing report: " in dom
    assert "<script" not in dom
    assert asked == ["/index.html"]


@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_no_wider_than_the_screen(counts, site, tmp_path, width):
    """A frame of the screen's width; its document's width is printed by the page around it."""
    address, _ = site
    for name, shown in (("plain", counts), ("hostile", hostile_counts(counts, address))):
        (tmp_path / f"{name}.html").write_text(render(shown)["index.html"], encoding="utf-8")
        (tmp_path / "frame.html").write_text(
            f"<body style='margin:0'><iframe id=f src={name}.html style='border:0;width:{width}px;height:6000px'>"
            "</iframe>"
            "<script>onload = () => document.title = f.contentDocument.documentElement.scrollWidth</script>"
        )
        frame, profile = f"{address}/frame.html", tmp_path / "profile"
        assert f"<title>{width}</title>" in chromium(
            profile, "--dump-dom", f"--window-size={max(width, 500)},6000", frame
        )
        picture = tmp_path / f"{name}-{width}.png"
        chromium(profile, f"--screenshot={picture}", f"--window-size={max(width, 500)},6000", frame)
        assert picture.stat().st_size > 50_000
