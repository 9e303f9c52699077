"""States as files: a state is read back as it was written, and nothing else that lies there does any harm."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from array import array
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from server.engine.kv import files as kv_files
from server.engine.kv.cache import State
from server.engine.kv.files import BadFile, StateDir
from server.engine.kv.store import SavedState
from server.protocol.values import CachePolicy
from tests.live_server import wait_until

SIZE = 10_000
PLENTY = 1 << 30


def state_of(token: int, size: int = SIZE, scope: str = "ada") -> tuple[SavedState, State]:
    data = np.random.default_rng(token).integers(0, 256, size, dtype=np.uint8)
    return SavedState(scope, array("i", [token] * 100), size), data


def write(directory: StateDir, token: int, *, used_at: float | None = None, path: Path | None = None) -> SavedState:
    state, data = state_of(token)
    written = directory.write(state, data, [])
    assert written is not None
    state.file_name = written.file_name
    if used_at is not None and path is not None:
        os.utime(path / written.file_name, (used_at, used_at))
    return state


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and path.name != "lock")


def held_bytes(root: Path) -> int:
    return sum(path.stat().st_size for path in files(root) if path.suffix == ".kv")


def test_a_state_is_read_back_byte_for_byte_by_the_next_process(tmp_path: Path) -> None:
    state, data = state_of(7)
    state.policy = CachePolicy(conversation="conv_1", is_resumable=True)
    assert StateDir(tmp_path, "model", PLENTY).write(state, data, []) is not None
    directory = StateDir(tmp_path, "model", PLENTY)
    (found,) = directory.load()
    assert (found.scope, found.tokens, found.num_bytes, found.policy) == ("ada", state.tokens, SIZE, state.policy)
    assert np.array_equal(directory.read(found), data)


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    write(StateDir(tmp_path, "model", PLENTY), 1)
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*"))


def test_another_model_does_not_find_it_and_leaves_it_alone(tmp_path: Path) -> None:
    first = StateDir(tmp_path, "model", PLENTY)
    write(first, 1)
    assert StateDir(tmp_path, "changed", PLENTY).load() == []
    assert len(first.load()) == 1


def test_the_least_recently_used_of_all_models_make_room(tmp_path: Path) -> None:
    one_file = held_bytes_of_one(tmp_path / "measure")
    root = tmp_path / "kv"
    first, second = StateDir(root, "first", 3 * one_file), StateDir(root, "other", 3 * one_file)
    old = write(first, 1, used_at=100, path=root / "first")
    write(second, 2, used_at=50, path=root / "other")
    write(first, 3, used_at=200, path=root / "first")
    assert held_bytes(root) == 3 * one_file
    state, data = state_of(4)
    written = second.write(state, data, [])
    assert written is not None
    assert (len(written.removed), written.num_evicted) == (1, 1)
    assert (len(first.load()), len(second.load())) == (2, 1)
    state, data = state_of(5)
    written = second.write(state, data, [])
    assert written is not None
    assert (written.removed, written.num_evicted) == ([], 1)
    assert old.file_name not in [path.name for path in files(root)]
    assert held_bytes(root) == 3 * one_file


def held_bytes_of_one(root: Path) -> int:
    write(StateDir(root, "first", PLENTY), 1)
    return held_bytes(root)


def test_what_a_state_replaces_goes_first(tmp_path: Path) -> None:
    one_file = held_bytes_of_one(tmp_path / "measure")
    directory = StateDir(tmp_path / "kv", "first", 2 * one_file)
    old, replaced = write(directory, 1), write(directory, 2)
    state, data = state_of(3)
    assert replaced.file_name is not None
    written = directory.write(state, data, [replaced.file_name])
    assert written is not None
    assert (written.removed, written.num_evicted) == ([replaced.file_name], 0)
    assert {found.file_name for found in directory.load()} == {old.file_name, written.file_name}


def test_a_state_that_is_larger_than_the_budget_changes_nothing(tmp_path: Path) -> None:
    directory = StateDir(tmp_path, "model", 2 * SIZE)
    kept = write(directory, 1)
    assert directory.write(*state_of(2, size=3 * SIZE), []) is None
    assert [found.file_name for found in directory.load()] == [kept.file_name]


def test_a_use_is_noted(tmp_path: Path) -> None:
    directory = StateDir(tmp_path, "model", PLENTY)
    first = write(directory, 1, used_at=100, path=tmp_path / "model")
    second = write(directory, 2, used_at=200, path=tmp_path / "model")
    directory.read(first)
    assert [found.file_name for found in directory.load()] == [second.file_name, first.file_name]


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    match how:
        case "cut in the data":
            path.write_bytes(data[:-1])
        case "cut in the header":
            path.write_bytes(data[:30])
        case "empty":
            path.write_bytes(b"")
        case "longer":
            path.write_bytes(data + b"\0")
        case "another byte in the header":
            path.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
        case "foreign":
            path.write_bytes(b"GGUF" + data[4:])


@pytest.mark.parametrize(
    "how",
    ["cut in the data", "cut in the header", "empty", "longer", "another byte in the header", "foreign"],
)
def test_what_is_no_whole_state_is_removed_at_the_start(tmp_path: Path, how: str) -> None:
    directory = StateDir(tmp_path, "model", PLENTY)
    write(directory, 1)
    kept = write(directory, 2)
    (path,) = [path for path in files(tmp_path) if path.name != kept.file_name]
    damage(path, how)
    assert [found.file_name for found in StateDir(tmp_path, "model", PLENTY).load()] == [kept.file_name]
    assert [path.name for path in files(tmp_path)] == [kept.file_name]


def test_a_file_under_another_name_or_of_another_model_is_removed(tmp_path: Path) -> None:
    directory = StateDir(tmp_path, "model", PLENTY)
    write(directory, 1)
    (path,) = files(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / path.name).write_bytes(path.read_bytes())
    path.rename(path.with_name("a.kv"))
    assert StateDir(tmp_path, "other", PLENTY).load() == directory.load() == []
    assert files(tmp_path) == []


def test_damage_that_comes_later_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    directory = StateDir(tmp_path, "model", PLENTY)
    state = write(directory, 1)
    (path,) = files(tmp_path)
    data = path.read_bytes()
    for broken in (data[:-1] + bytes([data[-1] ^ 1]), data[:-100], data[:5], b""):
        path.write_bytes(broken)
        with pytest.raises(BadFile):
            directory.read(state)


def test_an_interrupted_write_leaves_nothing_that_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = StateDir(tmp_path, "model", PLENTY)
    kept = write(directory, 1)
    (path,) = files(tmp_path)
    path.with_name("half.kv.draft").write_bytes(path.read_bytes()[:50])  # as kill -9 leaves it
    assert [found.file_name for found in directory.load()] == [kept.file_name]
    assert files(tmp_path) == [path]

    def fill_disk(path: Path, header: bytes, data: State) -> None:
        path.write_bytes(header)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kv_files, "_write_all", fill_disk)
    with pytest.raises(OSError, match="No space left"):
        directory.write(*state_of(2), [])
    assert files(tmp_path) == [path]


WRITES_FOR_EVER = """
import sys
from array import array
from itertools import count
from pathlib import Path
import numpy as np
from server.engine.kv.files import StateDir
from server.engine.kv.store import SavedState

directory = StateDir(Path(sys.argv[1]), "model", 40_000_000)
for token in count():
    data = np.full(4_000_000, token % 251, dtype=np.uint8)
    directory.write(SavedState("ada", array("i", [token] * 100), data.nbytes), data, [])
    print(token, flush=True)
"""


def test_a_process_that_is_killed_in_the_middle_of_a_write_leaves_whole_states_only(tmp_path: Path) -> None:
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITES_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            wait_until(lambda: list(tmp_path.rglob("*.draft")), "a write")
            writer.kill()
        directory = StateDir(tmp_path, "model", PLENTY)
        states = directory.load()
        assert states
        for state in states:
            assert set(directory.read(state).tolist()) == {state.tokens[0] % 251}
        assert list(tmp_path.rglob("*.draft")) == []
        assert held_bytes(tmp_path) <= 40_000_000


def test_two_engines_share_a_directory_and_its_budget(tmp_path: Path) -> None:
    one_file = held_bytes_of_one(tmp_path / "measure")
    root = tmp_path / "kv"

    def write_some(name: str) -> None:
        directory = StateDir(root, name, 5 * one_file)
        for token in range(20):
            assert directory.write(*state_of(token), []) is not None

    with ThreadPoolExecutor() as threads:
        for outcome in [threads.submit(write_some, name) for name in ("first", "other", "third")]:
            outcome.result()
    assert held_bytes(root) == 5 * one_file
