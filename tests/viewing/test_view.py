"""The viewer of this machine: its files, its links, and the page that is opened."""

from __future__ import annotations

import json
import re
import webbrowser
from urllib.parse import unquote

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.cli.main import main
from ngprecomp.errors import DecodeError, OptionError, StorageError
from ngprecomp.viewing import client
from ngprecomp.viewing.serving import Server
from ngprecomp.viewing.view import open_page
from tests.viewing.requests import ask


@pytest.fixture
def image(tmp_path):
    volume = ng.create(tmp_path / "em", shape=(40, 30, 20), dtype="uint8", resolution=(8, 8, 40))
    volume[...] = np.arange(40).reshape(40, 1, 1, 1)
    return volume


@pytest.fixture
def labels():
    volume = ng.create(
        "memory://view/em", shape=(40, 30, 20), dtype="uint64", type="segmentation", resolution=(8, 8, 40)
    )
    volume[10:20, :, :] = 2**63 + 1
    yield volume
    ng.remove("memory://view/em")


@pytest.fixture
def opened(monkeypatch):
    """Give the list of the pages that a browser was asked to open."""
    pages = []

    class Browser:
        def open(self, url):
            pages.append(url)
            return True

    monkeypatch.setattr(webbrowser, "get", Browser)
    return pages


def test_volumes_and_client_come_from_one_server(image, labels):
    with ng.view(image, labels, open_browser=False, port=0) as view:
        server = view.server
        assert view.url.startswith(f"{server.url}/.viewer/v/ngprecomp/#!")
        assert json.loads(unquote(view.url.partition("#!")[2])) == view.state
        sources = [layer["source"] for layer in view.state["layers"]]
        assert sources == [f"precomputed://{server.url}/em", f"precomputed://{server.url}/em-2"]
        for path, volume in (("/em/info", image), ("/em-2/info", labels)):
            assert json.loads(ask(server, path).body) == volume.info
        page = ask(server, "/.viewer/v/ngprecomp/")
        assert page.headers["Content-Type"].startswith("text/html")
        for script in re.findall(rb'(?:src|href)="([^"]+)"', page.body):
            reply = ask(server, "/.viewer/v/ngprecomp/" + script.decode())
            assert reply.status == 200
            assert reply.headers["Content-Type"] in ("text/javascript", "text/css")
        assert view.state["layers"][1]["segments"] == [str(2**63 + 1)]
    assert "closed" in repr(server)


def test_names_in_urls(tmp_path):
    volume = ng.create(tmp_path / "a b%2F#ü", shape=(8, 8, 8), dtype="uint8")
    with ng.view(volume, open_browser=False, port=0) as view:
        (layer,) = view.state["layers"]
        path = layer["source"].removeprefix(f"precomputed://{view.server.url}")
        assert ask(view.server, f"{path}/info").status == 200


def test_page_is_opened(image, opened):
    with ng.view(image, port=0) as view:
        assert opened == [view.url]
    with ng.view(image, port=0, open_browser=False):
        assert len(opened) == 1


def test_no_browser_of_the_terminal(monkeypatch):
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("lynx"))
    assert not open_page("http://127.0.0.1/")

    def none():
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    assert not open_page("http://127.0.0.1/")


def test_notebook_shows_link_and_picture(image, labels):
    with ng.view(image, labels, open_browser=False, port=0) as view:
        html = view._repr_html_()
    assert html.count("<img src='data:image/png;base64,") == 2
    assert "em, em-2 in Neuroglancer" in html
    assert f"<a href='{view.url}'" in html.replace("&amp;", "&")


def test_what_cannot_be_viewed(image, monkeypatch, tmp_path):
    with pytest.raises(OptionError, match="no volume"):
        ng.view(open_browser=False)
    with ng.view(image, open_browser=False, port=0) as view, pytest.raises(StorageError, match="is taken"):
        ng.view(image, open_browser=False, port=view.server.port)
    monkeypatch.setattr(client, "find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"pip install 'ngprecomp\[view\]'"):
        ng.view(image, open_browser=False)


def test_damaged_volume(tmp_path):
    volume = ng.create(tmp_path / "em", shape=(8, 8, 8), dtype="uint8", encoding="png")
    volume[...] = 1
    (chunk,) = (tmp_path / "em" / volume.key).iterdir()
    chunk.write_bytes(b"damaged")
    with ng.serve(tmp_path, port=0) as server:
        port = server.port
    with pytest.raises(DecodeError):
        ng.view(volume, open_browser=False, port=port)
    with ng.view(volume, open_browser=False, port=port, read=False) as view:
        assert view.state["layers"][0]["type"] == "auto"


def test_server_works_without_the_client(image, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(client, "find_spec", lambda name: None)
    with ng.serve(tmp_path, port=0) as server:
        assert ask(server, "/em/info").status == 200
        assert ask(server, "/.viewer/v/ngprecomp/").status == 404
    monkeypatch.setattr(Server, "wait", Server.close)
    assert main(["serve", str(tmp_path), "--port", "0"]) == 0
    assert "pip install 'ngprecomp[view]'" in capsys.readouterr().out


def test_command(image, tmp_path, capsys, monkeypatch, opened):
    monkeypatch.setattr(Server, "wait", Server.close)
    where = str(tmp_path / "em")
    assert main(["view", where, where, "--port", "0", "--no-browser"]) == 0
    link = capsys.readouterr().out.splitlines()[0]
    assert [layer["name"] for layer in json.loads(unquote(link.partition("#!")[2]))["layers"]] == ["em", "em-2"]
    assert opened == []
    assert main(["view", where, "--port", "0"]) == 0
    assert len(opened) == 1
    assert main(["view", str(tmp_path / "absent")]) == 1
    assert "no volume at" in capsys.readouterr().err
