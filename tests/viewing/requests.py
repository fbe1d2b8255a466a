"""Requests as they go over the wire: no library tidies up their paths."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def ask(server, target, headers=(), method="GET", body=None):
    """Return the reply to a request on a connection of its own."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in dict(headers).items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    reply = Reply(response.status, response.headers, response.read())
    connection.close()
    return reply


def ask_raw(server, text, *, until_closed=True):
    """Send bytes as they are and return what comes back: all of it, or the first part."""
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        connection.sendall(text)
        received = connection.recv(1 << 16)
        while until_closed and (part := connection.recv(1 << 16)):
            received += part
    return received


def raw_get(target):
    """Return a GET request with a target of any bytes, after which the connection is closed."""
    return b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
