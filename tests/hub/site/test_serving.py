"""Serve a site to this machine alone."""

import http.client
import threading

import pytest

from hub.site.serving import server_of
from registry.errors import NotFoundError, StorageError


@pytest.fixture
def server(built):
    with server_of(built.path) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(server, path, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_pages_are_served_on_the_loopback_interface(server, built):
    assert server.server_address[0] == "127.0.0.1"
    assert get(server, "/") == (200, (built.path / "index.html").read_bytes())
    assert get(server, "/rows.js")[0] == 200
    assert get(server, "/absent.html")[0] == 404


def test_other_names_and_places_are_refused(server):
    assert get(server, "/", host="evil.example.org")[0] == 403
    assert get(server, "/", host="localhost:1234")[0] == 200
    assert get(server, "/../../../../etc/passwd")[0] == 404
    assert get(server, "/%2e%2e/%2e%2e/etc/passwd")[0] == 404


def test_a_folder_without_a_site_and_a_taken_port(server, built, tmp_path):
    with pytest.raises(NotFoundError, match="no site found"):
        server_of(tmp_path)
    with pytest.raises(StorageError, match="cannot listen on port"):
        server_of(built.path, server.server_address[1])
