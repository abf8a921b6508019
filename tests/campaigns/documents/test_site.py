"""The pages build as a site, and a link that leads nowhere stops that."""

from __future__ import annotations

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("mkdocs", reason="the site needs mkdocs")

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md"))


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Page(HTMLParser):
    """The links of a page, what it loads, and the anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                (self.links if tag == "a" else self.loaded).append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Every page of the site by its file, but for the one that is served for a missing page."""
    return {
        path: Page(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
        if path.name != "404.html"  # whose links begin at the root of a server
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_document_is_a_page(document: Path, pages: dict[Path, Page], site: Path) -> None:
    assert site / document.relative_to("docs").with_suffix(".html") in pages


def test_every_link_within_the_site_leads_to_a_file_and_an_anchor(
    pages: dict[Path, Page],
) -> None:
    broken = []
    for path, page in pages.items():
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[target].anchors if target in pages else set()
            if not target.is_file() or (parts.fragment and parts.fragment not in anchors):
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_a_page_loads_nothing_from_elsewhere(pages: dict[Path, Page]) -> None:
    loaded = {source for page in pages.values() for source in page.loaded}
    assert not [source for source in loaded if urlsplit(source).netloc]


@pytest.mark.campaign(every=3)
@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("[a](none.md)", "'none.md', but the target is not found"),
        ("[a](plugins.md#nowhere)", "does not contain an anchor '#nowhere'"),
        ("[a](../data/none.md)", "'data/none.md', but the target is not found"),
    ],
)
def test_a_link_that_leads_nowhere_stops_the_build(link: str, message: str, tmp_path: Path) -> None:
    for name in ("docs", "data", "recipes"):
        ignored = shutil.ignore_patterns(".flowrun", "__pycache__", "out")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    with (tmp_path / "docs" / "editors.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{link}\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert message in done.stderr
