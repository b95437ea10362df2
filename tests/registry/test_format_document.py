"""A registry is read by what registry/FORMAT.md says alone, without a line of ours."""

import hashlib
import json
import shutil
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from registry.content import describe_directory
from registry.registry import Registry
from registry.shipped import FOLDER
from registry.stores.directory import DirectoryStore
from tests.registry.server import Server

FIRST_FORMAT = Path(__file__).parent / "data" / "format-1" / "registry"


class StrangersReader:
    """A reader of registries by somebody who has read FORMAT.md, and nothing else.

    Parameters
    ----------
    get
        Returns the bytes of the file at a path, None where there is none.
    """

    def __init__(self, get):
        self.get = get
        self.format = json.loads(self.get("registry.json"))["format"]
        if self.format not in (1, 2):
            raise ValueError(f"format {self.format}")

    def names(self):
        if self.format == 1:
            return sorted(json.loads(self.get("index.json"))["names"])
        return self._sealed("index.json")["names"]

    def page(self, name):
        if self.format == 1:
            return json.loads(self.get("index.json"))["names"][name]
        page = self._sealed(f"index/{name}.json")
        assert page["name"] == name
        return page

    def manifest(self, name, selector="latest"):
        page = self.page(name)
        row = page["versions"][self._select(page, selector)]
        data = self.get(f"manifests/{row['digest']}.json")
        if sha256(data) != row["digest"]:
            raise ValueError("the manifest is damaged")
        manifest = json.loads(data)
        assert (manifest["name"], manifest["kind"]) == (name, page["kind"])
        if manifest["format"] == 1:
            files = manifest["files"].items()
            manifest["files"] = [{"path": path, **file} for path, file in files]
        assert sum(file["size"] for file in manifest["files"]) == row["size"]
        return manifest

    def unpack(self, folder, name, selector="latest"):
        for file in self.manifest(name, selector)["files"]:
            data = self.get(f"blobs/{file['sha256'][:2]}/{file['sha256']}")
            if (len(data), sha256(data)) != (file["size"], file["sha256"]):
                raise ValueError(f"{file['path']} is damaged")
            path = folder / file["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def _select(self, page, selector):
        versions = page["versions"]
        if selector.startswith("sha256:"):
            (version,) = (
                version
                for version, row in versions.items()
                if row["digest"].startswith(selector.removeprefix("sha256:"))
            )
            return version
        if selector in page["aliases"]:
            return page["aliases"][selector]
        fits = [each for each in versions if each == selector or each.startswith(f"{selector}.")]
        return max(fits, key=lambda version: [int(part) for part in version.split(".")])

    def _sealed(self, path):
        data = self.get(path)
        content = json.loads(data)
        unsealed = {key: value for key, value in content.items() if key != "checksum"}
        if sha256(canonical(unsealed)) != content["checksum"] or canonical(content) != data:
            raise ValueError(f"{path} is damaged")
        return content


def canonical(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def read_directory(root: Path):
    def get(path):
        return (root / path).read_bytes() if (root / path).is_file() else None

    return StrangersReader(get)


def over_http(url):
    def get(path):
        try:
            with urlopen(f"{url}/{path}") as response:
                return response.read()
        except HTTPError as problem:
            if problem.code in (404, 410):
                return None
            raise

    return get


def files_in(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def published(root, content, version):
    """Publish the files of a directory, and return the digest."""
    manifest = describe_directory(
        content, "toy", version, kind="model", metadata={"description": "Größe"}, licence="MIT"
    )
    return Registry("lab", DirectoryStore(root)).publish(content, manifest)


def test_the_shipped_registry_can_be_read(tmp_path):
    reader = read_directory(FOLDER)
    assert "c-nep-pretrained" in reader.names()
    for name in reader.names():
        reader.unpack(tmp_path / name, name)
        assert (tmp_path / name / "README.md").is_file()


def test_a_published_version_can_be_read_over_http(tmp_path, content):
    root = tmp_path / "lab"
    published(root, content, "1.9.0")
    (content / "weights.bin").write_bytes(b"other weights")
    second = published(root, content, "1.10.0")
    with Server(root) as server:
        reader = StrangersReader(over_http(server.url))
        assert reader.names() == ["toy"]
        selectors = ("latest", "1", "1.10", "1.10.0", f"sha256:{second[:12]}")
        assert {reader.manifest("toy", each)["version"] for each in selectors} == {"1.10.0"}
        reader.unpack(tmp_path / "read", "toy")
    assert files_in(tmp_path / "read") == files_in(content)


def test_a_registry_of_the_first_format_can_be_read(tmp_path):
    reader = read_directory(FIRST_FORMAT)
    assert reader.format == 1
    for name in reader.names():
        reader.unpack(tmp_path / name, name)
        assert files_in(tmp_path / name)


@pytest.mark.parametrize("folder", ["index", "manifests", "blobs"])
def test_a_changed_byte_is_noticed(folder, tmp_path):
    root = tmp_path / "registry"
    shutil.copytree(FOLDER, root)
    for path in (path for path in (root / folder).rglob("*") if path.is_file()):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b"a", b"b") + b" ")
    with pytest.raises(ValueError, match="damaged"):
        read_directory(root).unpack(tmp_path / "read", "c-nep-pretrained")
