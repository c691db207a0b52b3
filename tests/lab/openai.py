#!/usr/bin/python3
"""A small stand-in for the OpenAI API, enough for the real Codex CLI to do whole turns against it.
One file, since the demo runs it alone.

    openai.py --cert server.pem --key server.key --command 'curl https://example.com'

serves https on 127.0.0.1:443 as api.openai.com (an API key) and chatgpt.com (a ChatGPT login).
A turn goes like this: the model's first answer is a call of whatever shell tool Codex offers in
its request, with the command given here; when the request carries the output of that call, the
answer is a message that quotes it, and the turn is over. With several --command the model asks
for one after the other. Which step comes next is read from the request alone, so a repeated
request gets the same answer again.

Only Python's standard library is used: this runs inside the sandbox image for the demo, and as a
module in the test laboratory.
"""

import argparse
import base64
import hashlib
import http.server
import itertools
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid
import zlib

FINAL = "The command said:"

# The tools that Codex has offered for running a command, old and new, with their arguments.
SHELL_TOOLS = {
    "exec_command": lambda command: {"cmd": command},
    "shell_command": lambda command: {"command": command},
    "container.exec": lambda command: {"command": ["bash", "-c", command]},
    "shell": lambda command: {"command": ["bash", "-c", command]},
}

# Today's Codex offers one tool that runs JavaScript, with the shell as a function in it.
SCRIPT = """\
const done = await tools.exec_command({cmd: %s, yield_time_ms: 30000});
text(typeof done === "string" ? done : done.output ?? done);
"""


def text_of(output):
    """The text of a tool's output: a string, or a list of content parts."""
    if isinstance(output, str):
        return output
    if isinstance(output, dict):
        return text_of(output.get("content", output.get("output", "")))
    if isinstance(output, list):
        return "".join(text_of(part.get("text", "")) for part in output if isinstance(part, dict))
    return ""


def decoded(body, encoding):
    """A request's body, decompressed. Codex uses zstd."""
    if encoding == "zstd":
        done = subprocess.run(["zstd", "-dcq"], input=body, stdout=subprocess.PIPE, check=True)
        return done.stdout
    if encoding in ("gzip", "deflate"):
        return zlib.decompress(body, 47)
    return body


def authorization_kind(headers):
    """The kind of credential in a request: "key", "chatgpt", "other" or "none"; never its value."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if not token:
        return "none"
    if headers.get("chatgpt-account-id") or token.count(".") == 2:
        return "chatgpt"
    return "key" if kind.lower() == "bearer" and token.startswith("sk-") else "other"


class Reply:
    """One HTTP response."""

    converse = None  # with status 101: what answers the texts of a WebSocket
    parts = None  # instead of a body: an iterable of its parts, each sent when it is there

    def __init__(self, status, body=b"", kind="application/json", headers=()):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.status, self.body, self.kind, self.headers = status, body, kind, tuple(headers)


def proves(verifier, login):
    """True if it belongs to the challenge of this login."""
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return verifier == login.get("code_verifier") or challenge == login.get("code_challenge")


class StandIn:
    """Answers requests as api.openai.com, chatgpt.com and auth.openai.com would, as far as Codex
    looks. handle() may be called by many threads; what it saw is kept in requests.

    A refresh token is good for one use, as the real ones are: renewals holds every attempt as
    (token, whether it was granted). A device login waits until approve() is called with the code
    that Codex has shown. instead(method, path, headers, body), if a test sets it, is asked first for
    a Reply; None: as ever."""

    def __init__(self, commands=(), log=None):
        self.commands = list(commands)
        self.requests = []
        self.renewals = []
        self.websocket = False
        self.instead = None
        self._devices = {}
        self._log = log
        self._lock = threading.Lock()

    def script(self, *commands):
        """Sets the commands of the turns that follow and clears what was recorded."""
        with self._lock:
            self.commands = list(commands)
            self.requests = []
            self.websocket = False
            self.instead = None

    def spent(self, token):
        """True if this refresh token has been used."""
        with self._lock:
            return any(used == token for used, _ in self.renewals)

    def approve(self, user_code):
        """What a user does in a browser: approves the login that shows this code."""
        with self._lock:
            waiting = [d for d in self._devices.values() if d["user_code"] == user_code]
            assert len(waiting) == 1, f"nobody waits with the code {user_code!r}"
            waiting[0]["approved"] = True

    def allow_browser(self, challenge):
        """The same for the page that Codex's other login opens: returns the code that the browser
        is redirected with, for the client that knows the verifier (RFC 7636)."""
        code = f"code_{uuid.uuid4().hex}"
        with self._lock:
            self._devices[code] = {"code_challenge": challenge, "user_code": None}
        return code

    def outputs(self):
        """All tool outputs that Codex has sent so far, each once, in order."""
        seen = {}
        for request in list(self.requests):
            for call, text in request["tool_outputs"]:
                seen.setdefault((request["conversation"], call), text)
        return list(seen.values())

    def handle(self, method, host, path, headers, body):
        """headers: a dict with lower-case names. Returns a Reply."""
        host = host.split(":")[0].lower()
        path, _, _ = path.partition("?")
        record = {
            "time": round(time.time(), 3),
            "method": method,
            "host": host,
            "path": path,
            "authorization": authorization_kind(headers),
            "headers": dict(headers),
            "upgrade": headers.get("upgrade", ""),
            "status": 0,
            "conversation": "",
            "tools": [],
            "tool_outputs": [],
        }
        try:
            reply = self._answer(method, path, headers, body, record)
        except Exception as error:  # report any error in what Codex sent
            reply = Reply(400, {"error": {"message": f"stand-in: {error!r}"}})
            record["error"] = repr(error)
        record["status"] = reply.status
        with self._lock:
            self.requests.append(record)
            if self._log:  # without what the client sent: there may be a credential in it
                told = {name: value for name, value in record.items() if name != "headers"}
                print(json.dumps(told), file=self._log, flush=True)
        return reply

    def _answer(self, method, path, headers, body, record):
        if self.instead and (reply := self.instead(method, path, headers, body)):
            return reply
        if headers.get("upgrade"):
            if self.websocket and path.endswith("/responses"):
                reply = Reply(101)
                reply.converse = lambda text: self._frames(text, record)
                return reply
            # Codex tries a WebSocket first. On "upgrade required" it switches to plain requests at
            # once; on any other error it retries five times, for seven seconds.
            return Reply(426, {"error": {"message": "no WebSocket here"}})
        if method == "POST" and path.endswith("/responses"):
            if expired(headers):
                error = {"message": "the token has expired", "code": "token_expired"}
                return Reply(401, {"error": error})
            return self._turn(json.loads(decoded(body, headers.get("content-encoding"))), record)
        if path.endswith("/accounts/check"):
            return Reply(200, ACCOUNTS)
        if path.endswith("/wham/settings/user"):
            return Reply(200, {})
        if path.endswith("/wham/usage"):
            return Reply(200, {"plan_type": "plus", "rate_limit": None})
        if method == "POST" and path.endswith("/oauth/token"):
            return self._token(fields(body, headers))
        if method == "POST" and path.endswith("/api/accounts/deviceauth/usercode"):
            return self._device_begins()
        if method == "POST" and path.endswith("/api/accounts/deviceauth/token"):
            return self._device_asks(fields(body, headers))
        if path.endswith("/models"):
            return Reply(200, {"models": []})  # Codex then uses its built-in list
        if path.endswith("/analytics-events/events"):
            return Reply(200, {})
        return Reply(404, {"error": {"message": f"stand-in: nothing at {path}"}})

    def _frames(self, text, opened):
        """The texts that answer a text of Codex's; recorded as a request of its own."""
        record = {**opened, "method": "FRAME", "frame": text.decode(), "status": 200}
        reply = self._turn(json.loads(text), record)
        with self._lock:
            self.requests.append(record)
        events = reply.body.decode().split("\n\n")
        return [event.partition("data: ")[2].encode() for event in events if event]

    def _token(self, form):
        """RFC 6749: a renewal, or the end of a login."""
        if form.get("grant_type") == "authorization_code":
            with self._lock:
                device = self._devices.pop(form.get("code"), None)
            if not device or not proves(form.get("code_verifier", ""), device):
                return Reply(400, {"error": {"message": "no such code", "code": "invalid_grant"}})
            return Reply(200, new_tokens())
        token = form.get("refresh_token", "")
        with self._lock:
            granted = bool(token) and all(used != token for used, _ in self.renewals)
            self.renewals.append((token, granted))
        if granted:
            return Reply(200, new_tokens())
        told = "Your refresh token has already been used to generate a new access token."
        return Reply(401, {"error": {"message": told, "code": "refresh_token_reused"}})

    def _device_begins(self):
        device = {
            "device_auth_id": f"deviceauth_{uuid.uuid4().hex}",
            "user_code": f"{uuid.uuid4().hex[:4]}-{uuid.uuid4().hex[:5]}".upper(),
            "code_verifier": uuid.uuid4().hex * 2,
            "approved": False,
        }
        with self._lock:
            self._devices[device["device_auth_id"]] = device
        shown = {name: device[name] for name in ("device_auth_id", "user_code")}
        return Reply(200, {**shown, "interval": "1"})

    def _device_asks(self, form):
        with self._lock:
            device = self._devices.get(form.get("device_auth_id"))
        if not device or device["user_code"] != form.get("user_code"):
            return Reply(400, {"error": {"message": "no such device"}})
        if not device["approved"]:
            return Reply(403, {"error": {"message": "authorization is pending"}})
        code = {
            "authorization_code": device["device_auth_id"],
            "code_challenge": "unused",
            "code_verifier": device["code_verifier"],
        }
        return Reply(200, code)

    def _turn(self, request, record):
        outputs = []
        for item in request.get("input", []):
            if item.get("type") == "message" and item.get("role") == "user":
                outputs = []  # a new message of the user: its commands start over
            elif str(item.get("type", "")).endswith("_call_output"):
                outputs.append((item.get("call_id"), text_of(item.get("output"))))
        tools = tools_of(request)
        record["tools"] = [tool.get("name") or tool.get("type") for _, tool in tools]
        record["tool_outputs"] = outputs
        record["conversation"] = str(request.get("prompt_cache_key", ""))
        with self._lock:
            commands = self.commands
        if len(outputs) < len(commands):
            item = call(tools, commands[len(outputs)], len(outputs))
        else:
            told = "\n".join(text for _, text in outputs)
            item = message(f"{FINAL}\n{told}" if outputs else "Hello from the stand-in.")
        return Reply(200, events(item), "text/event-stream")


def tools_of(request):
    """The tools offered by a request, as (namespace or None, tool). They are in the request, or in
    its input, and may be grouped in namespaces."""
    offered = list(request.get("tools") or [])
    for item in request.get("input", []):
        if item.get("type") == "additional_tools":
            offered += item.get("tools") or []
    found = []
    for tool in offered:
        if tool.get("type") == "namespace":
            found += [(tool.get("name"), inner) for inner in tool.get("tools") or []]
        else:
            found.append((None, tool))
    return found


def call(tools, command, number):
    """The item by which the model calls the shell tool on offer."""
    offered = {(tool.get("type"), tool.get("name")): namespace for namespace, tool in tools}

    def item(kind, offer, **fields):
        made = {"type": kind, "id": f"fc_{number}", "call_id": f"call_{number}", **fields}
        if offered[offer]:
            made["namespace"] = offered[offer]
        return made

    for name, arguments in SHELL_TOOLS.items():
        offer = ("function", name)
        if offer in offered:
            told = json.dumps(arguments(command))
            return item("function_call", offer, name=name, arguments=told)
    if (offer := ("custom", "exec")) in offered:
        script = SCRIPT % json.dumps(command)
        return item("custom_tool_call", offer, name="exec", input=script, status="completed")
    if (offer := ("local_shell", None)) in offered:
        action = {"type": "exec", "command": ["bash", "-c", command]}
        return item("local_shell_call", offer, action=action, status="completed")
    raise ValueError(f"no shell tool that we know of is on offer: {list(offered)}")


def message(text):
    content = [{"type": "output_text", "text": text}]
    return {"type": "message", "role": "assistant", "id": "msg_1", "content": content}


def events(item):
    """The server-sent events of a response that consists of one item."""
    usage = {
        "input_tokens": 1,
        "input_tokens_details": None,
        "output_tokens": 1,
        "output_tokens_details": None,
        "total_tokens": 2,
    }
    stream = [
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"id": "resp_1", "usage": usage}},
    ]
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in stream).encode()


ACCOUNT = "00000000-0000-4000-8000-000000000001"
ACCOUNTS = {
    "accounts": [
        {
            "id": ACCOUNT,
            "account_user_id": f"user-test__{ACCOUNT}",
            "structure": "personal",
            "plan_type": "plus",
            "name": None,
            "profile_picture_url": None,
            "is_deactivated": False,
            "workspace_backend_origin": "NO_CONSTRAINT",
            "account_routing_override": "NO_CONSTRAINT",
        }
    ],
    "account_ordering": [ACCOUNT],
    "default_account_id": ACCOUNT,
}


def fields(body, headers):
    """A request's fields, sent as JSON or as a form."""
    if "json" in headers.get("content-type", ""):
        return json.loads(body)
    return dict(urllib.parse.parse_qsl(body.decode()))


def expired(headers):
    """True if the request has an expired ChatGPT token."""
    parts = headers.get("authorization", "").partition(" ")[2].split(".")
    if len(parts) != 3:
        return False
    claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    return claims["exp"] <= time.time()


def new_tokens():
    return {"id_token": jwt(), "access_token": jwt(), "refresh_token": new_refresh_token()}


def new_refresh_token():
    return f"refresh-{uuid.uuid4().hex}"


def jwt(lifetime=30 * 86400):
    """A token in ChatGPT's format, with an invalid signature, that expires after that many
    seconds."""

    def part(data):
        return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()

    claims = {
        "email": "test@example.com",
        "exp": int(time.time()) + lifetime,
        "https://api.openai.com/auth": {
            "chatgpt_account_id": ACCOUNT,
            "chatgpt_user_id": "user-test",
            "chatgpt_plan_type": "plus",
        },
    }
    return ".".join([part({"alg": "none", "typ": "JWT"}), part(claims), "c2ln"])


def chatgpt_login(lifetime=30 * 86400, refresh_token=None):
    """The contents of an auth.json for a ChatGPT login that the stand-in accepts; with a new
    refresh token unless one is given."""
    return {
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": None,
        "tokens": {
            "id_token": jwt(lifetime),
            "access_token": jwt(lifetime),
            "refresh_token": refresh_token or new_refresh_token(),
            "account_id": ACCOUNT,
        },
        "last_refresh": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def refresh_token(path):
    """The refresh token in an auth.json."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)["tokens"]["refresh_token"]


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection. The server has the attribute stand_in."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def _serve(self):
        names = {name.lower() for name in self.headers}
        headers = {name: ", ".join(self.headers.get_all(name)) for name in names}
        body = self._body(headers)
        host = headers.get("host", "")
        reply = self.server.stand_in.handle(self.command, host, self.path, headers, body)
        if reply.converse:
            self._converse(headers, reply.converse)
            return
        if reply.parts:
            self._send_parts(reply)
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def _send_parts(self, reply):
        self.connection.settimeout(None)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in itertools.chain(reply.parts, [b""]):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    def _converse(self, headers, answer):
        import websocket  # not at hand in the demo, which has none

        self.connection.settimeout(None)
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", websocket.accept(headers["sec-websocket-key"]))
        self.end_headers()
        websocket.serve(self.rfile, self.wfile, answer)
        self.close_connection = True

    def _body(self, headers):
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = _serve

    def log_message(self, *_):
        """Nothing: the stand-in has its own log."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, stand_in, context):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.stand_in, self.context = stand_in, context
        super().__init__(address, Handler)

    def finish_request(self, request, client_address):
        # The handshake happens here, in the connection's own thread, so that a silent client
        # doesn't block others.
        request.settimeout(30)
        with self.context.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, (OSError, EOFError)):  # a client that disconnected isn't an error
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description="A stand-in for the OpenAI API.")
    parser.add_argument("--cert", required=True, help="the server's certificate chain, PEM")
    parser.add_argument("--key", required=True, help="its private key, PEM")
    parser.add_argument("--listen", action="append", metavar="ADDR", help="default 127.0.0.1")
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument(
        "--command", action="append", default=[], help="what the model asks Codex to run"
    )
    parser.add_argument("--log", help="JSON lines, one for each request")
    options = parser.parse_args()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    log = open(options.log, "a", encoding="utf-8") if options.log else None
    stand_in = StandIn(options.command, log)
    servers = [
        Server((address, options.port), stand_in, context)
        for address in options.listen or ["127.0.0.1"]
    ]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening on port {options.port}", flush=True)
    try:
        servers[0].serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
