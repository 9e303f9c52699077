import subprocess
import sys
from pathlib import Path

import pytest

from server.models.hub_cache import RepoCache

# Takes the lock as huggingface_hub does, says so, and keeps it until its standard input ends.
HOLD_LOCK = """
import sys
from huggingface_hub.utils import WeakFileLock
with WeakFileLock(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def cache(tmp_path: Path) -> RepoCache:
    cache = RepoCache(tmp_path, "org/tiny")
    cache.make_folders()
    return cache


@pytest.mark.parametrize("etag", ["a" * 64, "d41d8cd9-8f00", "W_1.2"])
def test_ordinary_etags_may_name_files(etag: str) -> None:
    assert RepoCache.is_safe(etag)


@pytest.mark.parametrize("etag", ["", "../../etc/passwd", "a/b", ".hidden", "a\0b", "é", "a" * 201])
def test_etags_that_could_lead_elsewhere_may_not(etag: str) -> None:
    assert not RepoCache.is_safe(etag)


def test_a_partial_file_becomes_the_blob(cache: RepoCache) -> None:
    assert cache.num_partial_bytes("e") == 0
    cache.partial("e").write_bytes(b"content")
    assert cache.num_partial_bytes("e") == 7
    cache.keep("e")
    assert cache.blob("e").read_bytes() == b"content"
    assert cache.num_partial_bytes("e") == 0


def test_what_a_revision_means_is_remembered_as_huggingface_hub_does(cache: RepoCache, tmp_path: Path) -> None:
    cache.remember("refs/pr/1", "c" * 40)
    cache.remember("refs/pr/1", "d" * 40)
    cache.remember("e" * 40, "e" * 40)
    folder = tmp_path / "models--org--tiny" / "refs"
    assert [path for path in folder.rglob("*") if path.is_file()] == [folder / "refs" / "pr" / "1"]
    assert (folder / "refs" / "pr" / "1").read_text() == "d" * 40


def test_it_waits_for_another_users_download_of_the_same_blob(cache: RepoCache, tmp_path: Path) -> None:
    lock = tmp_path / ".locks" / "models--org--tiny" / "e.lock"
    command = [sys.executable, "-c", HOLD_LOCK, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        num_waits = 0

        def let_go() -> None:
            nonlocal num_waits
            num_waits += 1
            assert holder.stdin is not None
            holder.stdin.close()

        with cache.lock("e", let_go):
            assert holder.wait() == 0
    assert num_waits == 1


def test_a_free_lock_is_taken_at_once(cache: RepoCache) -> None:
    with cache.lock("e", lambda: pytest.fail("had to wait")):
        pass
    with cache.lock("e", lambda: pytest.fail("had to wait")):
        pass
