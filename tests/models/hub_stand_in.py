"""A Hugging Face hub of our own: enough of its HTTP API for huggingface_hub to download models, and trouble on demand.

Two servers as in reality, on two ports: the hub with the API and /resolve, and the storage that it redirects to for
large files. Everything asked and sent is recorded. It holds files in memory and does not know who its clients are.

    with HubStandIn() as hub:
        hub.add_file("org/tiny-GGUF", "tiny.gguf", b"GGUF...")
        subprocess.run([...], env=os.environ | hub.environment(tmp_path))
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import socket
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_somebody_with_access"
OTHER_TOKEN = "hf_of_somebody_without_access"

JSON = {"Content-Type": "application/json"}

_CHUNK_BYTES = 16 * 1024


@dataclass
class Repo:
    files: dict[str, bytes] = field(default_factory=dict)
    is_private: bool = False
    is_gated: bool = False
    tells_sizes: bool = True
    """When not, it has no Xet either, as some mirrors."""
    claimed_bytes: int | None = None
    """What it says of the size of its files, instead of the truth."""

    @property
    def commit(self) -> str:
        """Changes whenever a file does."""
        digests = {name: _sha256(content) for name, content in self.files.items()}
        return hashlib.sha1(repr(sorted(digests.items())).encode()).hexdigest()


@dataclass(frozen=True)
class Recorded:
    """One request as it came in."""

    server: str
    """"hub" or "storage"."""
    method: str
    path: str
    range: str | None
    authorization: str | None


class Hold:
    """A transfer that stops in the middle and stays silent, with the connection open, until it is released."""

    def __init__(self) -> None:
        self.is_reached = threading.Event()
        self._is_released = threading.Event()

    def release(self) -> None:
        self._is_released.set()

    def wait(self) -> None:
        self.is_reached.set()
        self._is_released.wait()


class HubStandIn:
    """The two servers. Its public attributes may be changed at any time, also while it runs."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.num_bytes_sent: defaultdict[str, int] = defaultdict(int)
        """Of each large file, by name, over all transfers."""
        self.failing_status: int | None = None
        """Answer everything with this."""
        self.ignores_ranges = False
        self.corrupts_from: int | None = None
        """Storage sends other bytes than it should from this offset of every file on."""
        self._repos: dict[str, Repo] = {}
        self._breaks: defaultdict[str, list[int]] = defaultdict(list)
        self._due_holds: dict[str, tuple[int, Hold]] = {}
        self._holds: list[Hold] = []
        self._servers: list[ThreadingHTTPServer] = []

    # --- what it has ---

    def add_file(self, repo: str, name: str, content: bytes) -> None:
        self._repos.setdefault(repo, Repo()).files[name] = content

    def repo(self, repo: str) -> Repo:
        """To change its attributes."""
        return self._repos[repo]

    # --- trouble ---

    def break_after(self, name: str, *num_bytes: int) -> None:
        """The next transfers of the file lose their connection after so many bytes each."""
        self._breaks[name] += num_bytes

    def hold_after(self, name: str, num_bytes: int) -> Hold:
        """The next transfer of the file stops after so many bytes."""
        hold = Hold()
        self._due_holds[name] = num_bytes, hold
        self._holds.append(hold)
        return hold

    # --- where it is ---

    @property
    def endpoint(self) -> str:
        return _address(self._servers[0])

    @property
    def storage(self) -> str:
        return _address(self._servers[1])

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """Variables with which huggingface_hub uses this hub, and nothing outside `home`."""
        places = {"HF_HOME": "", "HF_HUB_CACHE": "hub", "HF_XET_CACHE": "xet", "HF_TOKEN_PATH": "token"}
        switches = {"HF_ENDPOINT": self.endpoint, "HF_TOKEN": "", "HF_HUB_OFFLINE": "", "NO_PROXY": "127.0.0.1"}
        return {name: str(home / place) for name, place in places.items()} | switches | more

    def transfers(self) -> list[str | None]:
        """The Range of each transfer from storage, None for a whole file."""
        return [request.range for request in self.requests if (request.server, request.method) == ("storage", "GET")]

    # --- life ---

    def __enter__(self) -> HubStandIn:
        self._servers = [_Server(self, "hub", _HubHandler), _Server(self, "storage", _StorageHandler)]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Be unreachable: connections are refused, held transfers end."""
        for hold in self._holds:
            hold.release()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    # --- for the handlers ---

    def find_repo(self, name: str) -> Repo | None:
        return self._repos.get(name)

    def find_blob(self, digest: str) -> tuple[str, bytes] | None:
        files = (item for repo in self._repos.values() for item in repo.files.items())
        return next(((name, content) for name, content in files if _sha256(content) == digest), None)

    def take_break(self, name: str) -> int | None:
        return self._breaks[name].pop(0) if self._breaks[name] else None

    def take_hold(self, name: str) -> tuple[int, Hold] | None:
        return self._due_holds.pop(name, None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, stand_in: HubStandIn, name: str, handler: type[_Handler]) -> None:
        self.stand_in = stand_in
        self.name = name
        super().__init__(("127.0.0.1", 0), handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def hub(self) -> HubStandIn:
        return self.server.stand_in

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = self.headers
        self.hub.requests.append(
            Recorded(self.server.name, self.command, path, headers["Range"], headers["Authorization"])
        )
        if self.hub.failing_status is not None:
            self.answer(self.hub.failing_status)
        else:
            self.serve(path)

    def serve(self, path: str) -> None:
        raise NotImplementedError

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """A whole response."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        """As the hub does: the reason in headers, the body for people."""
        body = json.dumps({"error": message}).encode()
        headers = {"X-Error-Code": code} if code else {}
        self.answer(status, body, JSON | {"X-Error-Message": message} | headers)

    def log_message(self, *args: Any) -> None:
        """Tests look at `requests` instead."""


class _HubHandler(_Handler):
    def serve(self, path: str) -> None:
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+?)(?:/revision/(.+))?", path):
            self._serve_info(match[1], match[2] or "main")
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._serve_file(match[1], match[2], match[3])
        else:
            self.refuse(HTTPStatus.NOT_FOUND, "", "Sorry, we can't find the page you are looking for.")

    def _allowed_repo(self, name: str, revision: str) -> Repo | None:
        """The repository, if it exists for this client at this revision; else the client has been told why not."""
        token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
        if token not in ("", TOKEN, OTHER_TOKEN):
            self.refuse(HTTPStatus.UNAUTHORIZED, "", "Invalid credentials in Authorization header")
            return None
        repo = self.hub.find_repo(name)
        if repo is None or (repo.is_private and token != TOKEN):
            # Who asks without a token gets a 401 for what does not exist too, as from the real hub.
            status = HTTPStatus.NOT_FOUND if token else HTTPStatus.UNAUTHORIZED
            self.refuse(status, "RepoNotFound", "Repository not found")
            return None
        if revision not in ("main", "v1", repo.commit):
            self.refuse(HTTPStatus.NOT_FOUND, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return repo

    def _serve_info(self, name: str, revision: str) -> None:
        repo = self._allowed_repo(name, revision)
        if repo is not None:
            siblings = [{"rfilename": file_name} for file_name in repo.files]
            info = {"id": name, "sha": repo.commit, "private": repo.is_private, "siblings": siblings}
            self.answer(HTTPStatus.OK, json.dumps(info).encode(), JSON)

    def _serve_file(self, repo_name: str, revision: str, name: str) -> None:
        repo = self._allowed_repo(repo_name, revision)
        if repo is None:
            return
        if repo.is_gated and self.headers["Authorization"] != f"Bearer {TOKEN}":
            status = HTTPStatus.FORBIDDEN if self.headers["Authorization"] else HTTPStatus.UNAUTHORIZED
            self.refuse(status, "GatedRepo", f"Access to model {repo_name} is restricted.")
        elif name not in repo.files:
            self.refuse(HTTPStatus.NOT_FOUND, "EntryNotFound", "Entry not found")
        else:
            self._redirect(repo, repo_name, repo.files[name])

    def _redirect(self, repo: Repo, repo_name: str, content: bytes) -> None:
        digest = _sha256(content)
        headers = {
            "Location": f"{self.hub.storage}/{digest}",
            "X-Repo-Commit": repo.commit,
            "X-Linked-Etag": f'"{digest}"',
            "Accept-Ranges": "bytes",
        }
        if repo.tells_sizes:
            refresh_route = f"{self.hub.endpoint}/api/models/{repo_name}/xet-read-token/{repo.commit}"
            headers |= {
                "X-Linked-Size": str(repo.claimed_bytes or len(content)),
                "X-Xet-Hash": digest,
                "Link": f'<{refresh_route}>; rel="xet-auth"',
            }
        self.answer(HTTPStatus.FOUND, headers=headers)


class _StorageHandler(_Handler):
    def serve(self, path: str) -> None:
        blob = self.hub.find_blob(path.removeprefix("/"))
        if self.headers["Authorization"]:
            self.answer(HTTPStatus.BAD_REQUEST, b"a token must not leave the hub")
        elif blob is None:
            self.answer(HTTPStatus.NOT_FOUND)
        else:
            self._send_blob(*blob)

    def _send_blob(self, name: str, content: bytes) -> None:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        start = int(match[1]) if match and not self.hub.ignores_ranges else 0
        if start >= len(content) > 0:
            self.answer(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers={"Content-Range": f"bytes */{len(content)}"}
            )
            return
        self.send_response(HTTPStatus.PARTIAL_CONTENT if start else HTTPStatus.OK)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(name, self._corrupted(content)[start:])

    def _corrupted(self, content: bytes) -> bytes:
        start = self.hub.corrupts_from
        return content if start is None else content[:start] + bytes(255 - byte for byte in content[start:])

    def _send_body(self, name: str, body: bytes) -> None:
        num_bytes_to_break = self.hub.take_break(name)
        held = self.hub.take_hold(name)
        if held is not None:
            num_bytes, hold = held
            self._send(name, body[:num_bytes])
            hold.wait()
            body = body[num_bytes:]
        self._send(name, body[:num_bytes_to_break])
        if num_bytes_to_break is not None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, name: str, data: bytes) -> None:
        for start in range(0, len(data), _CHUNK_BYTES):
            chunk = data[start : start + _CHUNK_BYTES]
            self.wfile.write(chunk)
            self.hub.num_bytes_sent[name] += len(chunk)


@functools.cache
def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _address(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"
