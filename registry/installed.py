"""Files of installed Python packages, from which versions can be made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from registry.errors import IncompatibleError, IntegrityError
from registry.files import is_intact
from registry.manifest import FileEntry


class InstalledFile(Struct, frozen=True):
    """A file that is part of a Python package and is available only there.

    Parameters
    ----------
    package
        The distribution, under its name in pip.
    path
        The path of the file relative to the folder in which packages are installed.
    size, sha256
        Expected size in bytes, and sha256 in hexadecimal.
    extra
        The extra of mlip-hub that installs a release of the package with this file.
    """

    package: str
    path: str
    size: int
    sha256: str
    extra: str

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install 'mlip-hub[{self.extra}]'"

    def facts(self) -> dict[str, Any]:
        """Return its description for a manifest."""
        return asdict(self)

    def find(self, name: str) -> Path:
        """Return the verified file; the package is not imported.

        Parameters
        ----------
        name
            The version made from it, for messages.

        Raises
        ------
        IncompatibleError
            If the package is not installed, or its release does not have this file.
        IntegrityError
            If the file has been changed.
        """
        from importlib.metadata import PackageNotFoundError, distribution

        try:
            package = distribution(self.package)
        except PackageNotFoundError:
            raise IncompatibleError(
                f"{name} is made from a file of the Python package {self.package}, which is not "
                "installed",
                f"Install it: {self.install}",
            ) from None
        file = Path(str(package.locate_file(self.path)))
        if not file.is_file():
            raise IncompatibleError(
                f"{name} is made from a file that {self.package} {package.version} does not have: "
                f"{self.path}",
                f"Install a release that includes it: {self.install}",
            )
        if not is_intact(file, FileEntry(self.path, self.size, self.sha256)):
            raise IntegrityError(
                f"{file} is not the file from which {name} is made: expected {self.size} bytes "
                f"with sha256 {self.sha256[:12]}...",
                "It was not used. Reinstall the package: pip install --force-reinstall "
                f"--no-deps {self.package}=={package.version}",
            )
        return file
