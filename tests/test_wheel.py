"""The wheel: installed without the checkout, it serves what the checkout serves, with the chat page if that was built.

Its dependencies are those of the environment of the tests, and nothing is asked of the network.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

from server import __version__
from server.chat_page import INSTALLED
from tests.live_server import CHECKOUT
from tests.web import needs

MADE_OF = ("LICENSE", "README.md", "gunicorn.conf.py", "parley.toml.example", "pyproject.toml", "setup.cfg")
PACKAGES = ("schemas", "server", "storage")
NO_PART_OF_IT = shutil.ignore_patterns("node_modules", "__pycache__")

ASK_FOR_THE_PAGE = """
import json, os, sys, server
os.environ["_PARLEY_RUNTIME_DIR"] = sys.argv[1]
os.environ["_PARLEY_STARTED_AT"] = "0"
from server.app import create_app
from server.settings import Settings
client = create_app(Settings(model="/nowhere.gguf", data_dir=sys.argv[1])).test_client()
page, licenses = client.get("/"), client.get("/licenses.txt")
print(json.dumps([server.__file__, page.status_code, page.text, licenses.text]), flush=True)
os._exit(0)
"""


def make_wheel(folder: Path, *, has_page: bool) -> Path:
    """From a copy, as setuptools puts things into what it makes a wheel of."""
    source = folder / "source"
    for package in PACKAGES:
        shutil.copytree(CHECKOUT / package, source / package, ignore=NO_PART_OF_IT)
    for name in MADE_OF:
        shutil.copy(CHECKOUT / name, source / name)
    if not has_page:
        shutil.rmtree(source / "server" / "web" / "dist", ignore_errors=True)
    pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", folder, source)
    return folder / f"parley-{__version__}-py3-none-any.whl"


def pip(command: str, *arguments: object, python: object = sys.executable) -> None:
    line = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        command,
        "--quiet",
        "--no-index",
        *map(str, arguments),
    ]
    outcome = subprocess.run(line, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def answers_of(wheel: Path, folder: Path) -> Any:
    """What the application says that was installed from it."""
    python = folder / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    pip("install", "--no-deps", wheel, python=python)
    (site_packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    command = [str(python), "-c", ASK_FOR_THE_PAGE, str(folder)]
    outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    file, *answers = json.loads(outcome.stdout)
    assert Path(file).is_relative_to(site_packages)
    return answers


def test_a_wheel_has_the_page_that_was_built(tmp_path: Path) -> None:
    needs.built_page()
    wheel = make_wheel(tmp_path, has_page=True)
    status, page, licenses = answers_of(wheel, tmp_path)
    index = INSTALLED.index()
    assert index is not None
    assert (status, page) == (200, index.content.decode())
    assert "## preact - " in licenses
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert [name for name in names if name.startswith("server/web/") and "/dist/" not in name] == []
    assert any(name.endswith(".js.gz") for name in names)


def test_a_wheel_without_the_page_says_so(tmp_path: Path) -> None:
    status, page, _ = answers_of(make_wheel(tmp_path, has_page=False), tmp_path)
    assert status == 503
    assert "The chat page is not built" in page
