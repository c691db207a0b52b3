"""What the broker lets through, and what becomes of it: requests made by hand."""

import json

import pytest
from test_broker import KEY, PORT, SECRET

pytestmark = pytest.mark.cell("nft", "flagless")

# What is sent, and what comes back: the status, and what the server gets of it.
REFUSED = {
    "another path": ("GET /v1/files HTTP/1.1\r\nHost: {h}\r\n\r\n", "403"),
    "another method": ("DELETE /v1/responses HTTP/1.1\r\nHost: {h}\r\n\r\n", "403"),
    "a path below": ("POST /v1/responses/resp_1/cancel HTTP/1.1\r\nHost: {h}\r\nContent-Length: 0\r\n\r\n", "403"),
    "dots": ("POST /v1/responses/../files HTTP/1.1\r\nHost: {h}\r\nContent-Length: 0\r\n\r\n", "403"),
    "dots, encoded": ("POST /v1/responses/%2e%2e/files HTTP/1.1\r\nHost: {h}\r\nContent-Length: 0\r\n\r\n", "403"),
    "a slash, encoded": ("POST /v1%2fresponses HTTP/1.1\r\nHost: {h}\r\nContent-Length: 0\r\n\r\n", "403"),
    "two slashes": ("POST //v1/responses HTTP/1.1\r\nHost: {h}\r\nContent-Length: 0\r\n\r\n", "403"),
    "a query": ("POST /v1/responses?x=1 HTTP/1.1\r\nHost: {h}\r\nContent-Length: 0\r\n\r\n", "403"),
    "another host": ("GET /v1/models HTTP/1.1\r\nHost: chatgpt.com\r\n\r\n", "403"),
    "two hosts": ("GET /v1/models HTTP/1.1\r\nHost: {h}\r\nHost: chatgpt.com\r\n\r\n", "400"),
    "no host": ("GET /v1/models HTTP/1.1\r\n\r\n", "403"),
    "a whole URI": ("GET http://{h}/v1/models HTTP/1.1\r\nHost: {h}\r\n\r\n", "403"),
    "a whole URI of another host": ("GET http://api.openai.com/v1/files HTTP/1.1\r\nHost: {h}\r\n\r\n", "40"),
    "CONNECT": ("CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n", "40"),
    "a GET with a body": ("GET /v1/models HTTP/1.1\r\nHost: {h}\r\nContent-Length: 5\r\n\r\nhello", "403"),
    "a GET in chunks": ("GET /v1/models HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "403"),
    "no upgrade": ("GET /v1/responses HTTP/1.1\r\nHost: {h}\r\n\r\n", "403"),
    "another upgrade": ("GET /v1/responses HTTP/1.1\r\nHost: {h}\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", "403"),
    "chunks": ("POST /v1/responses HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "403"),
    "headers behind chunks": ("POST /v1/responses HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
                              "Authorization: Bearer sk-thief\r\nOpenAI-Organization: thief\r\n\r\n", "403"),
    "chunks and a length": ("POST /v1/responses HTTP/1.1\r\nHost: {h}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "403"),
    "two lengths": ("POST /v1/responses HTTP/1.1\r\nHost: {h}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "400"),
    "an odd length": ("POST /v1/responses HTTP/1.1\r\nHost: {h}\r\nContent-Length: +2\r\n\r\nxx", "400"),
    "an odd coding": ("POST /v1/responses HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "4"),
    "a line folded": ("POST /v1/responses HTTP/1.1\r\nHost: {h}\r\nX: a\r\n b\r\nContent-Length : 2\r\n\r\nxx", "400"),
    "an octet 0": ("POST /v1/responses HTTP/1.1\r\nHost: {h}\r\nX: a\0b\r\n\r\n", "400"),
    "HTTP/2": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
    "no HTTP": ("\x16\x03\x01\x02\x00\r\n\r\n", "400"),
}
KNOCK = """
import json, socket, sys
port, sent = int(sys.argv[1]), json.load(sys.stdin)
for name, text in sent.items():
    s = socket.create_connection(("127.0.0.1", port), 60)
    s.sendall(text.replace("{h}", f"127.0.0.1:{port}").encode("latin-1"))
    s.settimeout(60)
    try:
        got = s.recv(4096).decode("latin-1")
    except TimeoutError:
        got = "nothing"
    print(json.dumps([name, got]))
"""


def knock(shell, sent, **rest):
    """Sends each text by a connection of its own; {name: what came back}, and the result."""
    script = f"{PORT}cat >/tmp/knock.py <<'P'\n{KNOCK}\nP\npython3 /tmp/knock.py $port <<'S'\n{json.dumps(sent)}\nS\n"
    done = shell(script, env=KEY, **rest).ok()
    return dict(json.loads(line) for line in done.out.splitlines()), done


def test_what_codex_does_not_need_is_refused(shell, model):
    got, done = knock(shell, {name: text for name, (text, _) in REFUSED.items()})
    for name, (_, status) in REFUSED.items():
        assert got[name].startswith(f"HTTP/1.1 {status}"), (name, got[name])
    assert model.requests == [], model.requests
    assert "failed at the broker" in done.err and SECRET not in done.said


def test_what_a_request_that_passes_may_carry(shell, model):
    """Nothing that names an account, whatever the client says; and one request stays one."""
    tricks = (
        "POST /v1/responses HTTP/1.1\r\nHost: {h}\r\nAuthorization: Bearer sk-a\r\n"
        "authorization: Bearer sk-b\r\nProxy-Authorization: Basic eDp5\r\nCookie: a=b\r\n"
        "OpenAI-Organization: org\r\nOpenAI-Project: proj\r\nX-Forwarded-Host: chatgpt.com\r\n"
        "X-Api-Key: sk-c\r\nApi-Key: sk-d\r\nChatGPT-Account-ID: me\r\nX-HTTP-Method-Override: PUT\r\n"
        "Connection: keep-alive, authorization\r\nTE: trailers\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Protocol: openai-insecure-api-key.sk-f\r\n"
        "Content-Type: application/json\r\nUser-Agent: mine\r\n"
    )
    smuggled = "GET /v1/files HTTP/1.1\r\nHost: api.openai.com\r\nAuthorization: Bearer sk-e\r\n\r\n"
    body = f"0\r\n\r\n{smuggled}"
    both = f"Transfer-Encoding: chunked\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    length = "Content-Length: 2\r\n\r\n{}"
    forget = "Connection: close, Authorization, ChatGPT-Account-ID\r\n"
    got, _ = knock(shell, {"headers": tricks + length, "forget": tricks + forget + length, "both": tricks + both})
    assert got["headers"].startswith("HTTP/1.1 200"), got
    assert {r["path"] for r in model.requests} == {"/v1/responses"}, model.requests
    for request in model.requests:
        headers = request["headers"]
        assert headers["authorization"] == f"Bearer {SECRET}"
        assert set(headers) <= {"host", "authorization", "content-type", "content-length",
                                "user-agent"}, headers  # fmt: skip
        assert headers["host"] == "api.openai.com"


def test_a_websocket_carries_no_credential_of_the_clients(shell, model):
    """OpenAI's WebSockets take one as a subprotocol, from clients that can't set headers."""
    model.websocket = True
    upgrade = (
        "GET /v1/responses HTTP/1.1\r\nHost: {h}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    subprotocol = "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-thief\r\n"
    got, _ = knock(shell, {"without": f"{upgrade}\r\n", "with": f"{upgrade}{subprotocol}\r\n"})
    assert all(text.startswith("HTTP/1.1 101") for text in got.values()), got
    without, with_one = (r["headers"] for r in model.requests)
    assert without == with_one and without["sec-websocket-version"] == "13"


def test_a_websocket_is_all_that_the_server_is_offered(shell, model):
    """One that took another protocol would speak it with the client, past the broker."""
    model.websocket = True
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    begin = "GET /v1/responses HTTP/1.1\r\nHost: {h}\r\nConnection: Upgrade, Authorization\r\nUpgrade: "
    offers = ("websocket", "other\r\nUpgrade: websocket", "WebSocket", "websocket\r\nUpgrade: other", "other, websocket")
    got, _ = knock(shell, {offer: f"{begin}{offer}\r\n{key}" for offer in offers})
    assert [text.split()[1] for text in got.values()] == ["101", "101", "101", "101", "403"], got
    for headers in (r["headers"] for r in model.requests):
        assert (headers["upgrade"], headers["connection"]) == ("websocket", "Upgrade"), headers
