"""What the site needs beside mkdocs.yml: the anchors of GitHub, and the files outside of docs/.

Pages link to recipes, data/README.md and CHANGELOG.md by paths of the repository, so that the
links work there too. Those files become part of the site, below the folder that they have there.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
_OUTSIDE = re.compile(r"\]\(\.\./(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give headings the anchors that GitHub gives them."""
    config.mdx_configs["toc"] = {**config.mdx_configs.get("toc", {}), "slugify": anchor}
    return config


def anchor(title: str, separator: str) -> str:
    """The anchor of a heading: letters, digits, `_` and `-`, in lower case."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", separator)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the recipes, the page of the stand-ins and the changelog."""
    named = (ROOT / "data" / "README.md", ROOT / "CHANGELOG.md")
    outside = [*(ROOT / "recipes").rglob("*.yaml"), *named]
    for path in sorted(outside):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links that leave docs/ lead to where the files stand in the site."""
    folder = posixpath.dirname(page.file.src_uri)

    def moved(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, "..", link["target"]))
        if target.startswith("docs/"):  # from one folder of docs/ to another
            return link[0]
        inside = posixpath.relpath(target, folder or ".")
        return f"]({inside}{link['anchor'] or ''})"

    return _OUTSIDE.sub(moved, markdown)
