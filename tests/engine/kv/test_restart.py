"""The states that an engine leaves on disk, and how the next one continues from there, with a scripted model."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.engine.engine import Engine
from server.engine.kv import disk as kv_disk
from server.engine.kv.cache import KVCache, State
from server.engine.kv.disk import Disk
from server.engine.kv.files import StateDir
from server.engine.kv.store import SavedState
from server.engine.kv.tiers import IDLE_SECONDS, Tiers
from server.protocol.messages import Finished
from server.protocol.values import CachePolicy
from tests.engine.driving import finishes, make_request, text_of
from tests.engine.fakes import FakeMemory, FakeRunner
from tests.engine.kv.test_files import PLENTY, files

MIB = 1 << 20


def prompt_of(length: int, first: int = 50) -> list[int]:
    return [first + index % 40 for index in range(length)]


class Reborn:
    """An engine on a directory; `restart` ends it cleanly and starts the next one."""

    def __init__(self, path: Path, num_slots: int = 1) -> None:
        self._path = path
        self._num_slots = num_slots
        self._request_id = 0
        self._start()

    def restart(self) -> None:
        self.engine.flush()
        assert self.disk.wait_until_written(60)
        self._start()

    def _start(self) -> None:
        self.disk = Disk(StateDir(self._path, "model", PLENTY))
        self.was_read = threading.Event()
        self.disk.on_read = self.was_read.set
        self.runner = FakeRunner(self._num_slots, n_ctx=2000)
        self.engine = Engine(self.runner, 100, 100_000, 250, max_ram_bytes=MIB, disk=self.disk)

    def submit(self, prompt: list[int], **options: Any) -> int:
        self._request_id += 1
        self.engine.submit(make_request(prompt, self._request_id, **options))
        return self._request_id

    def run(self) -> dict[int, Finished]:
        """Step until all is done; waits for the disk where the engine's loop would."""
        events = []
        while self.engine.has_work:
            events += [event for _, event in self.engine.step()]
            if self.engine.waits_for_disk:
                assert self.was_read.wait(60)
                self.was_read.clear()
        self.engine.check()
        return {request_id: event for (request_id, _), event in finishes(events).items()}

    def compute(self, prompt: list[int], **options: Any) -> int:
        """Number of tokens of a prompt that were cached."""
        request_id = self.submit(prompt, **options)
        return self.run()[request_id].num_cached_tokens


def test_a_conversation_goes_on_after_a_restart(tmp_path: Path) -> None:
    reborn = Reborn(tmp_path)
    reborn.compute(prompt_of(100))
    reborn.compute(prompt_of(200, first=90))  # the first one is in host memory now
    reborn.restart()
    assert reborn.compute([*prompt_of(100), 7]) == 100
    assert reborn.compute([*prompt_of(200, first=90), 7]) == 200
    assert reborn.engine._tiers.stats.disk_hit_tokens == 300


def test_nobody_else_finds_it(tmp_path: Path) -> None:
    reborn = Reborn(tmp_path)
    reborn.compute(prompt_of(100), cache_scope="ada")
    reborn.restart()
    assert reborn.compute([*prompt_of(100), 7], cache_scope="eve") == 0
    assert reborn.compute([*prompt_of(100), 7], cache_scope="ada") == 100


def test_what_must_stay_off_the_disk_does(tmp_path: Path) -> None:
    reborn = Reborn(tmp_path)
    reborn.compute(prompt_of(100), cache_policy=CachePolicy(retention="in_memory"))
    reborn.compute(prompt_of(100, first=90), cache_policy=CachePolicy(retention="in_memory"))
    assert reborn.compute([*prompt_of(100), 7], cache_policy=CachePolicy(retention="in_memory")) == 100
    reborn.restart()
    assert files(tmp_path) == []


def test_a_damaged_file_is_computed_again(tmp_path: Path) -> None:
    reborn = Reborn(tmp_path)
    reborn.compute(prompt_of(100))
    reborn.restart()
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    assert reborn.compute([*prompt_of(100), 7]) == 0
    assert files(tmp_path) == []


class Barrier:
    """Holds reads up until it is lifted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_lifted = threading.Event()
        read = StateDir.read

        def read_later(directory: StateDir, state: SavedState) -> State:
            assert self.is_lifted.wait(60)
            return read(directory, state)

        monkeypatch.setattr(StateDir, "read", read_later)


def test_others_go_on_while_the_disk_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reborn = Reborn(tmp_path, num_slots=2)
    reborn.compute(prompt_of(100))
    reborn.restart()
    barrier = Barrier(monkeypatch)
    restored, other, third = (
        reborn.submit([*prompt_of(100), 7]),
        reborn.submit(prompt_of(50, first=120)),
        reborn.submit(prompt_of(50, first=150)),
    )
    events = []
    while not reborn.engine.waits_for_disk:
        events += [event for _, event in reborn.engine.step()]
    assert [event.request_id for event in events if isinstance(event, Finished)] == [other, third]
    barrier.is_lifted.set()
    assert reborn.run()[restored].num_cached_tokens == 100


def test_the_slot_of_who_waits_for_the_disk_is_not_given_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reborn = Reborn(tmp_path)
    reborn.compute(prompt_of(100))
    reborn.restart()
    barrier = Barrier(monkeypatch)
    first, second = reborn.submit([*prompt_of(100), 7]), reborn.submit(prompt_of(50, first=120))
    assert reborn.engine.step() == []
    assert reborn.engine.waits_for_disk
    barrier.is_lifted.set()
    finished = reborn.run()
    assert list(finished) == [first, second]
    assert finished[first].num_cached_tokens == 100


def test_a_disk_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reborn = Reborn(tmp_path)
    reborn.compute(prompt_of(100))
    reborn.restart()
    barrier = Barrier(monkeypatch)
    request_id = reborn.submit([*prompt_of(100), 7])
    assert reborn.engine.step() == []
    monkeypatch.setattr(kv_disk, "STUCK_SECONDS", 0.0)
    assert reborn.run()[request_id].num_cached_tokens == 0
    barrier.is_lifted.set()


def test_a_request_that_is_cancelled_while_its_state_is_read_leaves_nothing(tmp_path: Path) -> None:
    reborn = Reborn(tmp_path)
    reborn.compute(prompt_of(100))
    reborn.restart()
    request = make_request([*prompt_of(100), 7], 99)
    reborn.engine.submit(request)
    reborn.engine.step()
    reborn.engine.cancel(request)
    assert not reborn.engine.has_work
    assert reborn.was_read.wait(60)
    assert reborn.compute([*prompt_of(100), 7]) == 100


class IdleSlot:
    """One slot in front of a disk, with a clock that is set by hand."""

    def __init__(self, path: Path) -> None:
        self.now = 0.0
        self._memory = FakeMemory(1)
        kv_cache = KVCache(self._memory, 1)
        self.slot = kv_cache.slots[0]
        self.disk = Disk(StateDir(path, "model", PLENTY))
        self.tiers = Tiers(kv_cache, 0, self.disk, clock=lambda: self.now)

    def hold(self, length: int, policy: CachePolicy | None = None) -> None:
        """Let the slot hold a conversation of that many tokens, and be idle."""
        self._memory.slots[0] = prompt_of(length)
        self.slot.tokens = prompt_of(length)
        self.slot.policy = policy or CachePolicy()
        self.tiers.release(self.slot)

    def num_writes(self) -> int:
        """Number of states that have been written once everything that was due is done."""
        while (due := self.tiers.tidy()) is not None:
            self.now += due
        assert self.disk.wait_until_written(60)
        self.tiers.poll()
        return self.tiers.stats.num_writes


def test_a_slot_is_written_when_it_has_been_idle_for_a_moment(tmp_path: Path) -> None:
    idle = IdleSlot(tmp_path)
    idle.hold(500)
    assert idle.tiers.tidy() == IDLE_SECONDS
    assert idle.num_writes() == 1
    assert len(files(tmp_path)) == 1


def test_a_state_that_has_hardly_grown_is_not_written_anew_before_the_end(tmp_path: Path) -> None:
    idle = IdleSlot(tmp_path)
    idle.hold(1600)
    assert idle.num_writes() == 1
    idle.hold(1650)
    assert idle.num_writes() == 1
    idle.tiers.flush()
    assert idle.num_writes() == 2
    idle.hold(2000)
    assert idle.num_writes() == 3
    assert len(files(tmp_path)) == 1, "it replaces what it has grown from"
    idle.hold(2050, CachePolicy(retention="24h"))
    assert idle.num_writes() == 4


def sum_up(tokens: list[int]) -> int:
    """A script whose next token depends on every token before it."""
    return sum(tokens) % 200 + 1


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_is_saved_and_restored_every_answer_is_the_right_one(data: st.DataObject) -> None:
    """Little room, branching conversations, two cache scopes and restarts of the engine, with and without trimming."""
    can_trim, num_slots = data.draw(st.booleans()), data.draw(st.integers(1, 3))
    max_ram_bytes = data.draw(st.sampled_from([0, 1000, 4000]))
    with TemporaryDirectory() as path:
        conversations: list[tuple[str, list[int]]] = [("ada", prompt_of(40)), ("eve", prompt_of(40))]
        for _ in range(data.draw(st.integers(1, 3))):
            disk = Disk(StateDir(Path(path), "model", 20_000))
            runner = FakeRunner(num_slots, n_ctx=1000, script=sum_up, can_trim=can_trim)
            engine = Engine(runner, 100, 10**5, 250, max_ram_bytes, 0, disk)
            for request_id in range(data.draw(st.integers(1, 6))):
                scope, tokens = data.draw(st.sampled_from(conversations))
                prompt = [*tokens[: data.draw(st.integers(1, len(tokens)))], *data.draw(st.lists(st.integers(1, 9)))]
                policy = CachePolicy(conversation=data.draw(st.sampled_from(["", "a"])))
                engine.submit(make_request(prompt, request_id, cache_scope=scope, cache_policy=policy, max_tokens=40))
                expected = list(prompt)
                for _ in range(40):
                    expected.append(sum_up(expected))
                conversations.append((scope, expected))
                texts = ""
                while engine.has_work:
                    texts += text_of([event for _, event in engine.step()], request_id)
                assert texts == "".join(map(chr, expected[len(prompt) :]))
                engine.tidy()
            engine.check()
            engine.flush()
            assert disk.wait_until_written(60)
