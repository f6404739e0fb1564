"""The set-up installs the lock, once, and refuses in one sentence what it cannot serve."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "tools" / "setup.py"


@pytest.fixture
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("project_setup", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the set-up script, small locked files, and a `uv` that notes its calls."""
    root = tmp_path / "project"
    (root / "tools").mkdir(parents=True)
    shutil.copy(SCRIPT, root / "tools")
    for name in ("pyproject.toml", "uv.lock", "requirements-build.txt", "requirements.txt"):
        (root / name).write_text(f"{name}\n")
    commands = tmp_path / "bin"
    commands.mkdir()
    uv = commands / "uv"
    uv.write_text(
        "#!/bin/sh\n"
        f'echo "$UV_PYTHON_DOWNLOADS $@" >> {tmp_path}/calls\n'
        f"mkdir -p .venv/bin && touch .venv/bin/python && exit $(cat {tmp_path}/code)\n"
    )
    uv.chmod(0o755)
    (tmp_path / "code").write_text("0")
    return root


def run(project: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(project.parent / "bin"), "/usr/bin", "/bin"])
    return subprocess.run(
        [sys.executable, "tools/setup.py"],
        cwd=project,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def calls(project: Path) -> list[str]:
    log = project.parent / "calls"
    return log.read_text().splitlines() if log.exists() else []


def test_second_run_installs_nothing(project: Path) -> None:
    assert run(project).returncode == 0
    (call,) = calls(project)
    assert call.startswith("never sync --frozen --python /")
    second = run(project)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert len(calls(project)) == 1


@pytest.mark.parametrize("name", ["pyproject.toml", "uv.lock", "requirements.txt"])
def test_changed_lock_sets_up_again(project: Path, name: str) -> None:
    run(project)
    (project / name).write_text("changed\n")
    run(project)
    assert len(calls(project)) == 2


def test_moved_folder_sets_up_again(project: Path) -> None:
    run(project)
    moved = project.rename(project.with_name("elsewhere"))
    run(moved)
    assert len(calls(moved)) == 2


def test_interrupted_set_up_is_made_again(project: Path) -> None:
    (project.parent / "code").write_text("3")
    stopped = run(project)
    assert stopped.returncode == 2
    assert "ended with code 3" in stopped.stderr
    (project.parent / "code").write_text("0")
    assert run(project).returncode == 0
    assert len(calls(project)) == 2


def test_failed_update_forgets_the_former_environment(project: Path) -> None:
    run(project)
    former = (project / "uv.lock").read_text()
    (project / "uv.lock").write_text("newer\n")
    (project.parent / "code").write_text("1")
    assert run(project).returncode == 2
    (project / "uv.lock").write_text(former)
    (project.parent / "code").write_text("0")
    run(project)
    assert len(calls(project)) == 3


def test_stamp_distinguishes_interpreters(setup: ModuleType, project: Path) -> None:
    made_from = {
        setup.describe(project, executable, version)
        for executable in ("/usr/bin/python3.11", "/opt/python3.11")
        for version in ((3, 11, 2), (3, 11, 7))
    }
    assert len(made_from) == 4


@pytest.mark.parametrize(
    ("changed", "made_again"),
    [
        ("pyproject.toml", ["project"]),
        ("requirements.txt", ["environment"]),
        ("pip", ["environment"]),
        ("", []),
    ],
)
def test_pip_makes_again_only_what_changed(
    setup: ModuleType,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: str,
    made_again: list[str],
) -> None:
    made: list[str] = []

    def environment(root: Path, executable: str) -> None:
        made.append("environment")
        (root / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
        for name in ("python", "pip"):
            (root / ".venv" / "bin" / name).touch()

    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    monkeypatch.setattr(setup, "install_with_pip", environment)
    monkeypatch.setattr(setup, "install_project_with_pip", lambda root: made.append("project"))
    setup.set_up(project, sys.executable)
    assert made == ["environment"]
    if changed == "pip":
        (project / ".venv" / "bin" / "pip").unlink()
        (project / "pyproject.toml").write_text("changed\n")
    elif changed:
        (project / changed).write_text("changed\n")
    setup.set_up(project, sys.executable)
    assert made[1:] == made_again


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (3, 14, 0)])
def test_unsupported_python_is_refused_in_one_sentence(
    setup: ModuleType, tmp_path: Path, version: tuple[int, int, int]
) -> None:
    with pytest.raises(setup.SetupError) as refusal:
        setup.choose_interpreter(version, "/usr/bin/python3", str(tmp_path))
    sentence = str(refusal.value)
    assert f"python3 is {version[0]}.{version[1]} " in sentence
    assert "\n" not in sentence


def test_unsupported_python_hands_over_to_a_supported_one(
    setup: ModuleType, tmp_path: Path
) -> None:
    broken = tmp_path / "python3.13"
    broken.write_text("#!/bin/sh\nexit 127\n")
    working = tmp_path / "python3.12"
    working.write_text("#!/bin/sh\nexit 0\n")
    for command in (broken, working):
        command.chmod(0o755)
    chosen = setup.choose_interpreter((3, 10, 0), "/usr/bin/python3", str(tmp_path))
    assert chosen == str(working)


def test_missing_ensurepip_names_the_debian_package(
    setup: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = importlib.util.find_spec
    monkeypatch.setattr(
        setup.importlib.util,
        "find_spec",
        lambda name: None if name == "ensurepip" else present(name),
    )
    with pytest.raises(setup.SetupError) as refusal:
        setup.install_with_pip(project, sys.executable)
    major, minor = sys.version_info[:2]
    assert f"python{major}.{minor}-venv" in str(refusal.value)
    assert not (project / ".venv").exists()


def test_script_parses_on_python_3_6() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 6))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "__future__" not in imported


def test_no_target_installs_every_extra() -> None:
    for name in ("Makefile", ".ci/run", "tools/setup.py"):
        assert "--all-extras" not in (ROOT / name).read_text(encoding="utf-8")


def lock() -> dict[str, dict[str, Any]]:
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    return {f"{package['name']}=={package['version']}": package for package in packages}


def installed_by(lock: dict[str, dict[str, Any]], groups: list[str], project: bool) -> set[str]:
    """The locked packages that the project and its dependency groups need, extras apart."""
    root = next(package for package in lock.values() if package["name"] == "pacte-eval")
    waiting = list(root["dependencies"]) if project else []
    for group in groups:
        waiting += root["dev-dependencies"][group]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        for pin, package in lock.items():
            if package["name"] != wanted["name"]:
                continue
            if wanted.get("version", package["version"]) != package["version"]:
                continue
            for extra in ["", *wanted.get("extra", [])]:
                if (pin, extra) in seen:
                    continue
                seen.add((pin, extra))
                waiting += (
                    package.get("optional-dependencies", {}).get(extra, [])
                    if extra
                    else package.get("dependencies", [])
                )
    return {pin for pin, _ in seen}


def exported(name: str) -> dict[str, set[str]]:
    """The pins of a requirements file, each with its hashes."""
    text = re.sub(r"\\\n", " ", (ROOT / name).read_text(encoding="utf-8"))
    lines = [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    return {
        re.split(r"[ ;]", line, maxsplit=1)[0]: set(re.findall(r"--hash=(sha256:\w+)", line))
        for line in lines
    }


@pytest.mark.parametrize(
    ("name", "groups", "project"),
    [
        ("requirements.txt", ["dev"], True),
        ("requirements-build.txt", ["build"], False),
        ("requirements-spark.txt", ["spark"], False),
        ("requirements-benchmarks.txt", ["benchmarks"], False),
    ],
)
def test_requirements_are_the_lock(name: str, groups: list[str], project: bool) -> None:
    locked = lock()
    pins = exported(name)
    assert set(pins) == installed_by(locked, groups, project)
    for pin, hashes in pins.items():
        package = locked[pin]
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert hashes == {file["hash"] for file in files}


def test_lock_is_of_this_project() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = next(package for package in lock().values() if package["name"] == "pacte-eval")
    requires = [
        dependency
        for dependency in locked["metadata"]["requires-dist"]
        if "marker" not in dependency
    ]
    wanted = [Requirement(text) for text in declared["dependencies"]]
    assert {(need["name"], need.get("specifier", "")) for need in requires} == {
        (need.name, ",".join(sorted(map(str, need.specifier), reverse=True))) for need in wanted
    }
