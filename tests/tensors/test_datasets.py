"""Named data: the user's folders, the cache, a real https server, and the stand-in at last."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

import flowrun
from flowrun import DataError, Dataset, StepError, locate
from tests import processes
from tests.conftest import Flowrun

ROOT = Path(__file__).parents[2]
CONTENT = b"a;b\n1;2\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """An https server on this machine: what it serves, and what it was asked for."""

    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    monkeypatch.delenv("FLOWRUN_OFFLINE")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404 if "missing" in self.path else 200)
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *_: object) -> None:
            pass

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    served.socket = context.wrap_socket(served.socket, server_side=True)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield Server(f"https://127.0.0.1:{served.server_port}", asked)
    served.shutdown()
    served.server_close()


def dataset(url: str = "https://127.0.0.1:1/t.csv", standin: str | None = None) -> Dataset:
    return Dataset(
        name="t", about="", url=url, filename="t.csv", sha256=SHA256, licence="", citation="",
        standin=standin,
    )  # fmt: skip


def load(source: str, **options: object) -> flowrun.Result:
    return flowrun.run({"recipe": "r", "steps": [{"load": {"source": source, **options}}]})


def test_a_folder_of_the_users_comes_first(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine").mkdir()
    Path("mine/t.csv").write_bytes(CONTENT)
    monkeypatch.setenv("FLOWRUN_DATA_PATH", f"nowhere:{Path('mine').resolve()}")
    found = locate(dataset(server.url + "/t.csv"))
    assert (found.kind, found.path.parent.name) == ("folder", "mine")
    assert server.asked == []


def test_a_download_is_checked_and_kept_in_the_cache(server: Server) -> None:
    first, again = (locate(dataset(server.url + "/t.csv")) for _ in range(2))
    assert (first.kind, again.kind) == ("download", "cache")
    assert first.path.read_bytes() == CONTENT
    assert server.asked == ["/t.csv"]


def test_a_damaged_file_in_the_cache_is_fetched_again(server: Server) -> None:
    path = locate(dataset(server.url + "/t.csv")).path
    path.write_bytes(b"damaged")
    found = locate(dataset(server.url + "/t.csv"))
    assert found.path.read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_an_address_with_its_checksum_is_loaded(server: Server) -> None:
    result = load(server.url + "/deep/t.csv?x=1", sha256=SHA256)
    assert result.values["data"].tolist() == [[1, 2]]
    load(server.url + "/deep/t.csv?x=1", sha256=SHA256.upper())
    assert server.asked == ["/deep/t.csv?x=1"]


def test_a_table_of_words_is_read_from_an_address_with_its_checksum(server: Server) -> None:
    def read(**options: object) -> flowrun.Result:
        source = {"source": server.url + "/deep/t.csv", **options}
        return flowrun.run({"recipe": "r", "steps": [{"read_table": source}]})

    assert read(sha256=SHA256).values["table"].to_dict(as_series=False) == {"a": [1], "b": [2]}
    with pytest.raises(StepError, match="its sha256 is not the expected one"):
        read(sha256="0" * 64)
    with pytest.raises(StepError, match="an address needs its `sha256`"):
        read()


def test_other_bytes_than_the_checksum_says_are_refused_and_not_kept(server: Server) -> None:
    with pytest.raises(StepError, match="its sha256 is not the expected one"):
        load(server.url + "/t.csv", sha256="0" * 64)
    assert not list(Path("cache").glob("*.csv"))


def test_a_checksum_of_other_characters_than_digits_is_refused(server: Server) -> None:
    with pytest.raises(StepError, match="`sha256` is no sha256 of 64 hexadecimal digits: 'gggg"):
        load(server.url + "/t.csv", sha256="g" * 64)
    assert server.asked == []


def test_an_address_that_is_not_there_is_an_error(server: Server) -> None:
    with pytest.raises(StepError, match="404"):
        load(server.url + "/missing.csv", sha256=SHA256)


def test_a_server_that_is_not_trusted_is_not_believed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(StepError, match=r"(?i)certificate|ssl"):
        load(server.url + "/t.csv", sha256=SHA256)


def test_without_network_the_standin_is_given_with_its_reason() -> None:
    found = locate(dataset(standin="standin.csv"))
    assert found.kind == "stand-in"
    assert "FLOWRUN_OFFLINE is set" in found.reason


def test_without_network_and_stand_in_it_is_an_error() -> None:
    for arguments in ({"standin": False}, {}):
        with pytest.raises(DataError, match="is not available"):
            locate(dataset(standin="s.csv" if arguments else None), **arguments)


def test_a_file_with_another_checksum_in_the_users_folder_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("t.csv").write_bytes(b"other")
    monkeypatch.setenv("FLOWRUN_DATA_PATH", ".")
    with pytest.raises(DataError, match="is not the file it should be"):
        locate(dataset())


def test_the_standin_is_named_in_output_record_and_warning() -> None:
    result = load("wine-red")
    (warning,) = result.record["warnings"]
    assert warning.startswith("SIMULATED STAND-IN for wine-red (wine-red-standin.csv)")
    assert result.record["steps"][0]["messages"] == [warning]


def test_no_standin_makes_it_an_error() -> None:
    recipe = {"recipe": "r", "steps": [{"load": {"source": "wine-red"}}]}
    with pytest.raises(StepError, match="`wine-red` is not available"):
        flowrun.run(recipe, standin=False)


@pytest.mark.parametrize(("name", "rows", "best"), [("red", 1599, 8), ("white", 4898, 9)])
def test_the_standins_have_the_shape_of_the_real_data(name: str, rows: int, best: int) -> None:
    values = load(f"wine-{name}").values
    scores = values["data"][:, -1]
    assert values["data"].shape == (rows, 12)
    assert len(values["columns"]) == 12
    assert (scores.min(), scores.max()) == (3, best)
    assert bool((scores == scores.round()).all())


def test_the_standins_are_what_their_script_draws() -> None:
    done = processes.run([ROOT / "data" / "make_standins.py", "--check"])
    assert done.returncode == 0, done.stderr


def test_the_script_notices_a_changed_standin(tmp_path: Path) -> None:
    for path in (ROOT / "data").iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / "wine-red-standin.csv").read_text()
    (tmp_path / "wine-red-standin.csv").write_text(text.replace("5\n", "6\n", 1))
    done = processes.run([tmp_path / "make_standins.py", "--check"])
    assert done.returncode == 1


def test_the_catalogue_names_the_columns_of_its_files() -> None:
    assert importlib.util.find_spec("flowrun_data") is not None
    registry = flowrun.plan({"recipe": "r", "steps": [{"load": {"source": "wine-red"}}]}).registry
    for name in ("wine-red", "wine-white"):
        assert tuple(load(name).values["columns"]) == registry.datasets[name].columns


def test_the_warning_has_two_lines_once_a_command(
    write: Callable[[str, str], Path], flowrun: Flowrun
) -> None:
    for name, source in (("a", "wine-red"), ("b", "wine-red"), ("c", "wine-white")):
        write(f"{name}.yaml", f"recipe: {name}\nsteps: [{{load: {{source: {source}}}}}]\n")
    for quiet in ([], ["-q"]):
        done = flowrun("a.yaml", "b.yaml", "c.yaml", *quiet)
        lines = (done.stdout + done.stderr).splitlines()
        found = [number for number, line in enumerate(lines) if "SIMULATED STAND-IN" in line]
        assert [lines[number].partition("for ")[2] for number in found] == [
            "wine-red (wine-red-standin.csv), not the real data;",
            "wine-white (wine-white-standin.csv), not the real data;",
        ]
        assert [lines[number + 1].strip() for number in found] == [
            f"winequality-{colour}.csv is not in FLOWRUN_DATA_PATH, and its address is not "
            "fetched, because FLOWRUN_OFFLINE is set"
            for colour in ("red", "white")
        ]
