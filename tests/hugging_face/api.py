"""The Hub's HTTP API: what each request is answered."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from tests.hugging_face.repositories import (
    LARGE,
    TOKENS,
    Kept,
    Refusal,
    Repository,
    tree,
)

if TYPE_CHECKING:
    from tests.hugging_face.server import HuggingFace

PART = 400_000  # bytes of each part of a large upload
Query = dict[str, list[str]]


@dataclass
class Answer:
    status: int
    data: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    is_file: bool = False


def answer(
    hub: HuggingFace, method: str, path: str, query: Query, body: bytes, token: str
) -> Answer:
    """Answer one request; raises `Refusal`."""
    asked = _Asked(hub, query, body, token)
    for verb, pattern, respond in _ROUTES:
        found = re.fullmatch(pattern, path)
        if found and method in verb:
            return respond(asked, *(unquote(part or "") for part in found.groups()))
    raise Refusal(404, f"no such page: {method} {path}")


@dataclass
class _Asked:
    """A request with who sent it."""

    hub: HuggingFace
    query: Query
    body: bytes
    token: str

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    def writer(self) -> None:
        if not self.token:
            raise Refusal(401, "Invalid username or password.")
        if self.token not in TOKENS:
            raise Refusal(401, "Invalid credentials in Authorization header")
        if TOKENS[self.token] != "write":
            raise Refusal(403, "Forbidden: pass a token with write access")

    def repository(
        self, kind: str, name: str, *, files: bool = False, write: bool = False
    ) -> Repository:
        found = self.hub.repositories.get((kind.removesuffix("s") or "model", name))
        role = TOKENS.get(self.token, "")
        if self.token and not role:
            raise Refusal(401, "Invalid credentials in Authorization header")
        if found is None or (found.private and role not in ("write", "read")):
            raise Refusal(404 if role else 401, "Repository not found", "RepoNotFound")
        if files and found.gated and role != "write":
            raise Refusal(403 if role else 401, "Access is restricted", "GatedRepo")
        if write:
            self.writer()
        return found


def _json(content: Any, headers: dict[str, str] | None = None) -> Answer:
    return Answer(
        200, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})}
    )


def _whoami(asked: _Asked) -> Answer:
    asked.writer()
    return _json({"type": "user", "name": "ada", "orgs": []})


def _create(asked: _Asked) -> Answer:
    asked.writer()
    content = asked.content
    name = f"{content.get('organization') or 'ada'}/{content['name']}"
    kind = content.get("type", "model")
    url = f"{asked.hub.url}/{'datasets/' if kind == 'dataset' else ''}{name}"
    if (kind, name) in asked.hub.repositories:
        raise Refusal(409, "You already created this repo", headers={"url": url})
    private = content.get("visibility") == "private"
    asked.hub.repositories[kind, name] = Repository(private=private)
    return _json({"url": url})


def _listed(asked: _Asked, kind: str) -> Answer:
    author = asked.query.get("author", [""])[0]
    found = [
        each.info(name, each.head)
        for (of, name), each in asked.hub.repositories.items()
        if f"{of}s" == kind and name.startswith(f"{author}/") and (not each.private or asked.token)
    ]
    return _json(found)


def _info(asked: _Asked, kind: str, name: str, revision: str) -> Answer:
    found = asked.repository(kind, name)
    return _json(found.info(name, found.commit(revision or "main")))


def _refs(asked: _Asked, kind: str, name: str) -> Answer:
    return _json(asked.repository(kind, name).refs())


def _tree(asked: _Asked, kind: str, name: str, revision: str, folder: str) -> Answer:
    commit = asked.repository(kind, name, files=True).commit(revision)
    recursive = asked.query.get("recursive", ["false"])[0].lower() == "true"
    entries = tree(commit, folder, recursive=recursive)
    start = int(asked.query.get("cursor", ["0"])[0])
    end, headers = start + asked.hub.page, {}
    if end < len(entries):
        query = urlencode({k: v[0] for k, v in asked.query.items()} | {"cursor": str(end)})
        place = f"{asked.hub.url}/api/{kind}/{name}/tree/{revision}"
        place += f"/{folder}" if folder else ""
        headers["Link"] = f'<{place}?{query}>; rel="next"'
    return _json(entries[start:end], headers)


def _paths_info(asked: _Asked, kind: str, name: str, revision: str) -> Answer:
    from urllib.parse import parse_qs

    files = asked.repository(kind, name, files=True).commit(revision).files
    paths = parse_qs(asked.body.decode()).get("paths", [])
    return _json([files[path].entry(path) for path in paths if path in files])


def _validate(asked: _Asked) -> Answer:
    if "license: bad" in asked.content["content"]:
        problem = {"errors": [{"message": '"license" must be one of ...'}], "warnings": []}
        return Answer(400, json.dumps(problem).encode())
    return _json({"errors": [], "warnings": []})


def _preupload(asked: _Asked, kind: str, name: str, revision: str) -> Answer:
    files = asked.repository(kind, name, write=True).commit(revision).files
    found = []
    for each in asked.content["files"]:
        path = each["path"]
        is_large = path.endswith(LARGE) and each["size"] > 0
        one = {"path": path, "uploadMode": "lfs" if is_large else "regular", "shouldIgnore": False}
        if path in files:
            one["oid"] = files[path].etag
        found.append(one)
    return _json({"files": found})


def _batch(asked: _Asked, kind: str, name: str) -> Answer:
    asked.repository(kind, name, write=True)
    hub, found = asked.hub, []
    for each in asked.content["objects"]:
        oid, size = each["oid"], each["size"]
        one = {"oid": oid, "size": size}
        if not hub.has(oid):
            upload: dict[str, Any] = {"href": f"{hub.storage}/{oid}"}
            if size > hub.multipart_above:
                numbers = range(1, -(-size // PART) + 1)
                header = {f"{n:05d}": f"{hub.storage}/{oid}/{n}" for n in numbers}
                header["chunk_size"] = str(PART)
                upload = {"href": f"{hub.url}/complete/{oid}", "header": header}
            verify = {"href": f"{hub.url}/verify/{oid}"}
            one["actions"] = {"upload": upload, "verify": verify}
        found.append(one)
    return _json({"objects": found})


def _complete(asked: _Asked, oid: str) -> Answer:
    parts = asked.hub.parts.pop(oid)
    asked.hub.objects[oid] = b"".join(parts[number] for number in sorted(parts))
    return _json({})


def _verify(asked: _Asked, oid: str) -> Answer:
    if not asked.hub.has(oid) or len(asked.hub.objects[oid]) != asked.content["size"]:
        raise Refusal(422, "the object is not what its oid says")
    return _json({})


def _commit(asked: _Asked, kind: str, name: str, branch: str) -> Answer:
    found = asked.repository(kind, name, write=True)
    files = dict(found.commit(branch).files)
    for line in asked.body.splitlines():
        each = json.loads(line)
        key, value = each["key"], each["value"]
        if key == "header" and value.get("parentCommit", found.head.oid) != found.head.oid:
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        if key == "file":
            files[value["path"]] = Kept(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            if not asked.hub.has(value["oid"]):
                raise Refusal(400, "the pointer points to a file that does not exist")
            files[value["path"]] = Kept(asked.hub.objects[value["oid"]], is_large=True)
        elif key == "deletedFile":
            del files[value["path"]]
    oid = found.add(files).oid
    prefix = "datasets/" if kind == "datasets" else ""
    url = f"{asked.hub.url}/{prefix}{name}/commit/{oid}"
    return _json({"commitOid": oid, "commitUrl": url, "success": True})


def _tag(asked: _Asked, kind: str, name: str, revision: str) -> Answer:
    found = asked.repository(kind, name, write=True)
    tag = asked.content["tag"]
    if tag in found.tags:
        raise Refusal(409, f"Tag reference exists already: {tag}")
    found.tags[tag] = found.commit(revision).oid
    return Answer(201)


def _resolve(asked: _Asked, kind: str, name: str, revision: str, path: str) -> Answer:
    commit = asked.repository(kind, name, files=True).commit(revision)
    headers = {"X-Repo-Commit": commit.oid}
    if path not in commit.files:
        raise Refusal(404, "Entry not found", "EntryNotFound", headers)
    kept = commit.files[path]
    headers |= {"X-Linked-Etag": f'"{kept.etag}"', "X-Linked-Size": str(len(kept.data))}
    if kept.is_large:
        return Answer(302, b"", headers | {"Location": f"{asked.hub.storage}/{kept.sha256}"})
    place = f"/cached/{kind or 'models'}/{name}/{commit.oid}/{path}"
    return Answer(307, b"", headers | {"ETag": f'"{kept.etag}"', "Location": place})


def _cached(asked: _Asked, kind: str, name: str, revision: str, path: str) -> Answer:
    commit = asked.repository(kind, name, files=True).commit(revision)
    kept = commit.files[path]
    headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{kept.etag}"'}
    return Answer(200, kept.data, headers, is_file=True)


_REPO = "(models|datasets)/([^/]+/[^/]+)"
_ROUTES: list[tuple[tuple[str, ...], str, Any]] = [
    (("GET",), "/api/whoami-v2", _whoami),
    (("POST",), "/api/repos/create", _create),
    (("POST",), "/api/validate-yaml", _validate),
    (("GET",), "/api/(models|datasets)", _listed),
    (("GET",), f"/api/{_REPO}(?:/revision/([^/]+))?", _info),
    (("GET",), f"/api/{_REPO}/refs", _refs),
    (("GET",), f"/api/{_REPO}/tree/([^/]+)(?:/(.+))?", _tree),
    (("POST",), f"/api/{_REPO}/paths-info/([^/]+)", _paths_info),
    (("POST",), f"/api/{_REPO}/preupload/([^/]+)", _preupload),
    (("POST",), f"/api/{_REPO}/commit/([^/]+)", _commit),
    (("POST",), f"/api/{_REPO}/tag/([^/]+)", _tag),
    (("POST",), r"/(?:(datasets)/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", _batch),
    (("POST",), "/complete/([0-9a-f]{64})", _complete),
    (("POST",), "/verify/([0-9a-f]{64})", _verify),
    (("GET", "HEAD"), "/(?:(datasets)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", _resolve),
    (("GET", "HEAD"), "/cached/(models|datasets)/([^/]+/[^/]+)/([^/]+)/(.+)", _cached),
]
