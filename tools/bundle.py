"""Writes what a machine without a network installs from: `dist/pacte-eval-bundle-…`, and its tar.

The folder holds the project's wheel and those of the locked packages that it needs, for the Python
and the kind of machine that this runs on; what comes as source only is built here. Packages that
serve development are left out. Only the standard library is used.
"""

import hashlib
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
from importlib.util import find_spec
from pathlib import Path

PROJECT = "pacte-eval"
EXTRAS = ("postgres",)
PIP_OPTIONS = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
PIP_OPTIONS += ["--no-build-isolation", "--use-pep517"]


class BundleError(Exception):
    """What stops the bundle, in one sentence that says what to do."""


def version_of(root: Path) -> str:
    """The version that the project file declares."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def name_of(version: str) -> str:
    """The name of the bundle of a version, for this Python and this kind of machine."""
    machine = re.sub(r"\W", "_", sysconfig.get_platform())
    return f"{PROJECT}-bundle-{version}-cp{sys.version_info[0]}{sys.version_info[1]}-{machine}"


def needed(packages: list[dict]) -> set[str]:
    """The locked `name==version` of all that the project and its `EXTRAS` need on any platform.

    Parameters
    ----------
    packages : list of dict
        The packages of `uv.lock`.
    """
    root = next(package for package in packages if package["name"] == PROJECT)
    waiting = [*root["dependencies"]]
    for extra in EXTRAS:
        waiting += root["optional-dependencies"][extra]
    reached: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        for package in packages:
            if package["name"] != wanted["name"]:
                continue
            if wanted.get("version", package["version"]) != package["version"]:
                continue
            pin = f"{package['name']}=={package['version']}"
            for extra in ("", *wanted.get("extra", ())):
                if (pin, extra) not in reached:
                    reached.add((pin, extra))
                    waiting += (
                        package["optional-dependencies"][extra]
                        if extra
                        else package.get("dependencies", [])
                    )
    return {pin for pin, _ in reached}


def without_development(requirements: str, pins: set[str]) -> str:
    """The entries of a requirements file that are of these pins, markers and hashes kept.

    Raises
    ------
    BundleError
        If a pin has no entry.
    """
    entries = {
        entry.split(maxsplit=1)[0]: entry
        for entry in re.findall(r"^[^\s#].*\n(?:[ \t].*\n)*", requirements, flags=re.MULTILINE)
    }
    missing = sorted(pins - set(entries))
    if missing:
        raise BundleError(
            f"requirements.txt lacks {missing[0]}, which uv.lock has: run make lock and try again."
        )
    return "".join(entry for pin, entry in entries.items() if pin in pins)


def lock_of(wheels: Path) -> str:
    """A requirements file that pins every wheel of a folder to its version and hash."""
    lines = []
    for wheel in sorted(wheels.glob("*.whl"), key=lambda wheel: wheel.name.lower()):
        name, version = wheel.name.split("-")[:2]
        lines.append(f"{name.replace('_', '-')}=={version} --hash=sha256:{digest_of(wheel)}\n")
    return "".join(lines)


def digest_of(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def collect_wheels(root: Path, wheels: Path, scratch: Path) -> None:
    """Bring to a folder the wheels of the project and of what it needs, checked by their hashes."""
    packages = tomllib.loads((root / "uv.lock").read_text(encoding="utf-8"))["package"]
    locked = (root / "requirements.txt").read_text(encoding="utf-8")
    wanted = scratch / "requirements.txt"
    wanted.write_text(without_development(locked, needed(packages)), encoding="utf-8")
    for module in ("venv", "ensurepip"):
        if find_spec(module) is None:
            package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
            raise BundleError(
                f"this Python comes without {module}, which Debian has in the package {package}: "
                "install it and run make bundle again."
            )
    environment = scratch / "environment"
    _run([sys.executable, "-m", "venv", str(environment)], root)
    pip = [str(environment / "bin" / "python"), "-m", "pip"]
    into = ["wheel", *PIP_OPTIONS, "--wheel-dir", str(wheels)]
    _say("installing the build tools, for what is built from source")
    build_tools = ["--require-hashes", "--requirement", "requirements-build.txt"]
    _run([*pip, "install", *PIP_OPTIONS, *build_tools], root)
    _say("collecting the locked packages (a minute or more)")
    _run([*pip, *into, "--require-hashes", "--requirement", str(wanted)], root)
    _say("building the project")
    _run([*pip, *into, "."], root)


def _run(command: list[str], root: Path) -> None:
    code = subprocess.call(command, cwd=root, stdin=subprocess.DEVNULL)
    if code != 0:
        raise BundleError(
            f"`{' '.join(command)}` ended with code {code}; its own message is above, and nothing "
            "was written."
        )


def describe(root: Path, folder: Path, version: str) -> None:
    """Write beside `wheels/` their lock, the installer, its page, and the checksums of all."""
    words = {
        "VERSION": version,
        "PYTHON": f"python{sys.version_info[0]}.{sys.version_info[1]}",
        "PLATFORM": sysconfig.get_platform(),
        "GLIBC": platform.libc_ver()[1],
    }
    (folder / "requirements.txt").write_text(lock_of(folder / "wheels"), encoding="utf-8")
    for template in sorted((root / "tools" / "offline").iterdir()):
        text = template.read_text(encoding="utf-8")
        text = re.sub("@([A-Z]+)@", lambda found: words[found[1]], text)
        (folder / template.name).write_text(text, encoding="utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = "".join(f"{digest_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    (folder / "SHA256SUMS").write_text(sums, encoding="utf-8")


def pack(folder: Path, archive: Path) -> None:
    """Write a folder as a tar whose bytes do not say who made it nor when."""

    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        member.mode = 0o755 if member.isdir() else 0o644
        return member

    with tarfile.open(archive, "w") as tar:
        tar.add(folder, arcname=folder.name, filter=anonymous)


def write_bundle(root: Path, dist: Path) -> Path:
    """Write the bundle and its tar in `dist`, in place of those of the same name, or nothing.

    Returns
    -------
    Path
        The tar; the folder beside it has its name without the suffix.
    """
    version = version_of(root)
    name = name_of(version)
    dist.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=dist) as temporary:
        scratch = Path(temporary)
        folder = scratch / name
        (folder / "wheels").mkdir(parents=True)
        collect_wheels(root, folder / "wheels", scratch)
        describe(root, folder, version)
        _say("writing the tar")
        pack(folder, scratch / f"{name}.tar")
        if (dist / name).exists():
            shutil.rmtree(dist / name)
        folder.rename(dist / name)
        (scratch / f"{name}.tar").replace(dist / f"{name}.tar")
    return dist / f"{name}.tar"


def _say(sentence: str) -> None:
    print(f"bundle: {sentence}", flush=True)


def main() -> int:
    """Write the bundle of the project this file belongs to."""
    root = Path(__file__).resolve().parents[1]
    try:
        archive = write_bundle(root, root / "dist")
    except BundleError as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 2
    size = archive.stat().st_size / 1e6
    _say(f"{archive.relative_to(root)}, {size:.0f} MB, sha256 {digest_of(archive)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
