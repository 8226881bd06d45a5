"""Builds the wheel and proves it: `python -m tests.support.wheel`, a part of `make check`.

The wheel must hold all of the package and nothing else, and must install and import in a clean virtual
environment with nothing but the dependencies that it declares.
"""

import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "kaltalk_iv"

# Run inside the clean environment. `server` needs an extra and `migrations.env` runs inside Alembic alone.
_IMPORT_ALL = """
import importlib, pkgutil, sys
import kaltalk_iv
if not kaltalk_iv.__file__.startswith(sys.prefix):
    sys.exit("kaltalk_iv was imported from " + kaltalk_iv.__file__ + ", not from the wheel")
skipped = ("kaltalk_iv.server", "kaltalk_iv.migrations.env", "kaltalk_iv.migrations.versions")
names = [m.name for m in pkgutil.walk_packages(kaltalk_iv.__path__, "kaltalk_iv.")]
for name in names:
    if not name.startswith(skipped):
        importlib.import_module(name)
print(len(names), "modules of the wheel are there")
"""


def main() -> None:
    """Build the wheel, look into it, install it, import it. Exits with a sentence when something is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = _build(Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            problems = find_problems(archive.namelist(), package_files())
        if problems:
            sys.exit(f"{wheel.name}: " + "; ".join(problems))
        _install_and_import(wheel, Path(folder) / "clean")
    print(f"{wheel.name} installs and imports in a clean environment")


def package_files() -> set[str]:
    """Return every file of the package as the wheel should hold it."""
    return {
        str(file.relative_to(ROOT)) for file in PACKAGE.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    }


def find_problems(names: Iterable[str], expected: set[str]) -> list[str]:
    """Return a sentence for each thing wrong with the file names in a wheel; an empty list for a good one."""
    held = {name for name in names if not re.match(r"kaltalk_iv-[^/]+\.dist-info/", name)}
    problems = [f"lacks {name}" for name in sorted(expected - held)]
    problems += [f"holds {name}, which is not of the package" for name in sorted(held - expected)]
    kinds = {
        "py.typed": "kaltalk_iv/py.typed",
        "templates": "kaltalk_iv/templates/",
        "static files": "kaltalk_iv/static/",
        "script of the widget": "kaltalk_iv/widget/",
        "migrations": "kaltalk_iv/migrations/versions/",
    }
    return problems + [
        f"holds no {kind}" for kind, place in kinds.items() if not any(name.startswith(place) for name in held)
    ]


def locked_versions(lock: str) -> str:
    """Return the versions of a lock file without its hashes, as constraints. A package may have one for each Python.

    With hashes pip would ask for one of the wheel too, which was built a moment ago.
    """
    return "\n".join(re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==[^\s;]+(?: ; [^\\\n]*[^\\\s])?", lock, flags=re.MULTILINE))


def _build(folder: Path) -> Path:
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    return wheel


def _install_and_import(wheel: Path, environment: Path) -> None:
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    constraints = wheel.parent / "constraints.txt"
    constraints.write_text(locked_versions((ROOT / "requirements/demo.txt").read_text("utf-8")), "utf-8")
    pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check")
    _run(*pip, "install", "--no-compile", "--constraint", str(constraints), str(wheel))
    _run(*pip, "check")
    # -I: neither the checkout nor the environment of whoever calls may lend a module.
    _run(python, "-I", "-W", "error", "-c", _IMPORT_ALL, cwd=environment)


def _run(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:4])} … failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
