"""The YAML language server that VS Code uses, at the version in language_server/."""

from __future__ import annotations

from pathlib import Path

from tests import npm

ROOT = Path(__file__).parents[4]


def server_command() -> list[str]:
    """The command that starts the server on its standard streams, installed if need be."""
    modules = npm.installed(Path(__file__).parent / "language_server", "yaml-language-server")
    server = modules / "yaml-language-server/bin/yaml-language-server"
    return [str(npm.node()), str(server), "--stdio"]
