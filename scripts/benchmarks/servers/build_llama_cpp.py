"""Builds llama.cpp's own server and benchmarks from the sources that the installed llama-cpp-python was built from.

The sources are those of the source package of the same version, and they are configured by llama-cpp-python's own
CMakeLists, with the same `CMAKE_ARGS`; so both sides run the same kernels. It does not know what the programs are for.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

TARGETS = ("llama-server", "llama-bench", "llama-batched-bench")
DOWNLOAD = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
PRINT_SYSTEM_INFO = "import llama_cpp; print(llama_cpp.llama_print_system_info().decode())"
OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DLLAMA_BUILD_TOOLS=ON",
    "-DLLAMA_BUILD_SERVER=ON",
    # What the server does not need here: images (llama-cpp-python would add that part twice), HTTPS, the web page.
    "-DLLAVA_BUILD=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    # Only `cmake --install` uses it, which is never called.
    "-DSKBUILD_PLATLIB_DIR=install",
)


class BuildFailed(RuntimeError):
    """The sources could not be had, configured or compiled; the message carries the last lines of the program."""


@dataclass(frozen=True)
class Tools:
    """The directory of the programs, and where each is."""

    directory: Path

    @property
    def server(self) -> Path:
        return self.directory / "llama-server"

    @property
    def bench(self) -> Path:
        return self.directory / "llama-bench"

    @property
    def batched_bench(self) -> Path:
        return self.directory / "llama-batched-bench"

    @property
    def are_complete(self) -> bool:
        return all((self.directory / name).exists() for name in TARGETS)


def installed_version() -> str:
    return version("llama-cpp-python")


def default_cache() -> Path:
    """Where sources and builds are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parley" / "benchmarks"


def build_tools(cache: Path, source: Path | None = None, num_jobs: int | None = None) -> Tools:
    """The programs, built unless the cache has them; `source` is an unpacked source package, else pip fetches it."""
    tools = Tools(cache / build_name() / "bin")
    if not tools.are_complete:
        compile_tools(source or fetch_source(cache), tools.directory.parent, num_jobs)
    return tools


def build_name() -> str:
    """The build's directory: another version or other options are another build."""
    options = " ".join(wheel_options())
    return f"llama.cpp-{installed_version()}" + (f"-{zlib.crc32(options.encode()):08x}" if options else "")


def fetch_source(cache: Path) -> Path:
    """The unpacked source package of the installed version, through pip and whatever index it is set to."""
    target = cache / f"llama_cpp_python-{installed_version()}"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            say(f"fetching the source package of llama-cpp-python {installed_version()}")
            run([*DOWNLOAD, "--dest", scratch, f"llama-cpp-python=={installed_version()}"])
            with tarfile.open(next(Path(scratch).glob("*.tar.gz"))) as archive:
                archive.extractall(scratch, filter="data")
            next(path for path in Path(scratch).iterdir() if path.is_dir()).rename(target)
    return target


def compile_tools(source: Path, build: Path, num_jobs: int | None) -> None:
    """Configure and compile `source` into `build`; what was compiled before is kept."""
    cmake, ninja = find_program("cmake"), find_program("ninja")
    if cmake is None:
        raise BuildFailed("cmake is needed to build llama.cpp: pip install cmake ninja")
    generator = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"] if ninja else []
    say(f"building {', '.join(TARGETS)} in {build} (minutes)")
    run([cmake, "-S", str(source), "-B", str(build), *generator, *OPTIONS, *wheel_options()])
    run([cmake, "--build", str(build), f"-j{num_jobs or os.cpu_count() or 1}", "--target", *TARGETS])


def wheel_options() -> list[str]:
    """How llama-cpp-python was compiled, such as `-DGGML_CUDA=on`: from CMAKE_ARGS, or as scripts/install noted it."""
    noted = Path(sys.prefix) / "parley-cmake-args"
    options = os.environ.get("CMAKE_ARGS") or (noted.read_text() if noted.exists() else "")
    return shlex.split(options)


def find_program(name: str) -> str | None:
    """A program of this virtual environment, or else of the system."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return shutil.which(name, path=path)


def system_info(directory: Path | None = None) -> str:
    """What llama.cpp says of its kernels: the installed library's words, or those of the one in `directory`."""
    override = {"LLAMA_CPP_LIB_PATH": str(directory)} if directory else {}
    command = [sys.executable, "-c", PRINT_SYSTEM_INFO]
    environment = {**os.environ, **override}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout.strip()


def check_kernels(tools: Tools) -> bool:
    """Whether both sides were compiled for the same instructions and devices; says so where they were not."""
    ours, theirs = system_info(), system_info(tools.directory)
    if ours != theirs:
        say(f"llama-cpp-python and the built tools differ: set CMAKE_ARGS as for its installation.\n{ours}\n{theirs}")
    return ours == theirs


def run(command: list[str]) -> None:
    """Run to the end; a failure raises with the last lines that the command printed."""
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    if result.returncode != 0:
        tail = "\n".join(result.stdout.splitlines()[-20:])
        raise BuildFailed(f"{shlex.join(command)} ended with {result.returncode}:\n{tail}")


def say(message: str) -> None:
    print(f"bench: {message}", file=sys.stderr)
