"""Makes `.venv` with the locked environment and this project; does nothing when it is already made.

A stamp in `.venv`, written last, names what the environment was made from: the locked files, the
interpreter, the folder and the project file. Whatever changes one of them, and whatever interrupts
the set-up, leaves no matching stamp, and the next run sets up again; where only the project file
changed, the project alone. Only the standard library is used, and the file parses on Python 3.6, so
that an old interpreter is answered by a sentence.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Optional

SUPPORTED = ((3, 11), (3, 12), (3, 13))
LOCKED_FILES = ("uv.lock", "requirements-build.txt", "requirements.txt")
PIP = [".venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
PIP += ["--no-input", "--no-deps", "--no-build-isolation", "--use-pep517"]


class SetupError(Exception):
    """What stops the set-up, in one sentence that says what to do."""


def choose_interpreter(version: tuple, executable: str, search_path: str) -> str:
    """The running interpreter if it is supported, else the newest supported one on the PATH."""
    if tuple(version[:2]) in SUPPORTED:
        return os.path.realpath(executable)
    for major, minor in reversed(SUPPORTED):
        found = shutil.which(f"python{major}.{minor}", path=search_path)
        if found and _is_version(found, major, minor):
            return found
    raise SetupError(
        f"Python 3.11, 3.12 or 3.13 is needed, but python3 is {version[0]}.{version[1]} and none "
        "of python3.13, python3.12 and python3.11 is on the PATH: install one and run make again."
    )


def _is_version(executable: str, major: int, minor: int) -> bool:
    question = f"import sys; sys.exit(sys.version_info[:2] != ({major}, {minor}))"
    answer = subprocess.call(
        [executable, "-c", question], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return answer == 0


def describe(root: Path, executable: str, version: tuple) -> str:
    """What an environment made now would be made from: the text of the stamp, project file last."""
    number = ".".join(str(part) for part in version[:3])
    return (
        f"locked files {_digest(root, LOCKED_FILES)}\n"
        f"python {number} {executable}\n"
        f"folder {root}\n"
        f"project file {_digest(root, ('pyproject.toml',))}\n"
    )


def _digest(root: Path, names: tuple) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def install_with_uv(uv: str, root: Path, executable: str) -> None:
    """Brings `.venv` exactly to the lock, the project included."""
    environment = dict(
        os.environ, UV_PYTHON_DOWNLOADS="never", UV_PROJECT_ENVIRONMENT=str(root / ".venv")
    )
    environment.pop("VIRTUAL_ENV", None)
    _run([uv, "sync", "--frozen", "--python", executable], root, environment)


def install_with_pip(root: Path, executable: str) -> None:
    """Makes `.venv` anew from `requirements.txt`, every file checked against its locked hash."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
            raise SetupError(
                f"{executable} comes without {module}, which Debian has in the package {package}: "
                "install it (or uv) and run make again."
            )
    _run([executable, "-m", "venv", "--clear", ".venv"], root)
    _say("installing the build tools, for what is built from source")
    _run([*PIP, "--require-hashes", "--requirement", "requirements-build.txt"], root)
    _say("installing the locked packages (some minutes)")
    _run([*PIP, "--require-hashes", "--requirement", "requirements.txt"], root)
    install_project_with_pip(root)


def install_project_with_pip(root: Path) -> None:
    """Installs the project alone in a `.venv` that already holds the locked packages."""
    _say("installing the project")
    _run([*PIP, "--editable", "."], root)


def _run(command: list, root: Path, environment: Optional[dict] = None) -> None:
    code = subprocess.call(command, cwd=str(root), env=environment, stdin=subprocess.DEVNULL)
    if code != 0:
        raise SetupError(
            f"`{' '.join(command)}` ended with code {code}; its own message is above, and the next "
            "run starts again."
        )


def set_up(root: Path, executable: str) -> None:
    """Makes the environment of `root` unless its stamp says that it is already made."""
    stamp = root / ".venv" / "set-up"
    wanted = describe(root, executable, sys.version_info)
    former = stamp.read_text() if stamp.is_file() else ""
    if former == wanted:
        return
    if stamp.exists():
        stamp.unlink()
    if (root / ".venv").exists() and not (root / ".venv" / "bin" / "python").exists():
        shutil.rmtree(str(root / ".venv"))
    uv = shutil.which("uv")
    has_pip = (root / ".venv" / "bin" / "pip").exists()
    if uv:
        _say(f"making .venv with {executable}, installing with uv")
        install_with_uv(uv, root, executable)
    elif former.splitlines()[:-1] == wanted.splitlines()[:-1] and has_pip:
        install_project_with_pip(root)
    else:
        _say(f"making .venv with {executable}, installing with pip")
        install_with_pip(root, executable)
    stamp.write_text(wanted)
    _say("done")


def _say(sentence: str) -> None:
    print(f"set-up: {sentence}", flush=True)


def main() -> int:
    """Sets up the project this file belongs to, handing over to a supported Python if need be."""
    script = Path(__file__).resolve()
    try:
        search_path = os.environ.get("PATH", os.defpath)
        chosen = choose_interpreter(sys.version_info, sys.executable, search_path)
        if chosen != os.path.realpath(sys.executable):
            os.execv(chosen, [chosen, str(script)])
        set_up(script.parents[1], chosen)
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
