"""What is built is whole: a wheel installed elsewhere has the rules, the schemas, the plugins and the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from house import PLUGINS, ROOT

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def retain(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment that has the wheel and the present dependencies, and this tree nowhere."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    python = str(next(commands.glob("python*")))
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    # A path file would run those of the present environment too, and with them the editable install of this tree.
    Path(paths["purelib"], "sitecustomize.py").write_text(
        f"import sys; sys.path.append({sysconfig.get_paths()['purelib']!r})\n"
    )
    return commands / "retain"


def run(command: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command in a folder that has nothing to do with this tree."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run([command, *arguments], cwd=cwd, env=clean, capture_output=True, text=True, check=False)


def test_the_wheel_holds_data_plugins_and_type_marks(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    plugins = [path.name for path in PLUGINS.iterdir() if any(path.glob("*.py"))]
    wanted = {f"{plugin}/py.typed" for plugin in plugins} | {
        "retain/py.typed",
        *(f"retain/{path.relative_to(ROOT)}" for path in (ROOT / "rules").rglob("*.yaml")),
        *(f"retain/{path.relative_to(ROOT)}" for path in (ROOT / "schemas").rglob("*.json")),
        *(
            f"retain/{path.relative_to(ROOT / 'engine' / 'retain')}"
            for path in (ROOT / "engine").rglob("versions/*.py")
        ),
    }
    assert wanted - names == set()
    assert {name for name in names if name.partition("/")[0] not in ("retain", *plugins)} == {
        name for name in names if ".dist-info/" in name
    }


def test_the_installed_command_runs_the_installed_code(retain: Path, tmp_path: Path) -> None:
    python = next(retain.parent.glob("python*"))
    where = run(
        python, "-c", "import retain, retain_email; print(retain.__file__, retain_email.__file__)", cwd=tmp_path
    )
    assert where.returncode == 0, where.stderr
    assert all(str(retain.parent.parent) in file for file in where.stdout.split())


def test_the_shipped_rules_pass_the_installed_check_from_another_folder(retain: Path, tmp_path: Path) -> None:
    shipped = json.loads(run(retain, "init", "--list", "--json", cwd=tmp_path).stdout)
    packs = [word for pack in shipped for word in ("--pack", pack["name"])]
    made = run(retain, "init", "shop", *packs, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    checked = run(retain, "--project", "shop", "check", "--format", "json", cwd=tmp_path)
    found = json.loads(checked.stdout)
    assert [problem for problem in found["problems"] if problem["severity"] == "error"] == []
    assert checked.returncode == 0, checked.stdout
    assert found["rules"] >= len(shipped) >= 8
