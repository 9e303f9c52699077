import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.models.errors import HubUnreachable, TransferDamaged, TransferInterrupted
from server.models.progress import Progress
from server.models.transfer import RemoteFile, Stream, transfer
from server.protocol.report import Report

CONTENT = bytes(range(256)) * 40
NO_DELAYS = (0.0, 0.0, 0.0)


class FakeRemote:
    """Serves CONTENT, and does what `script` says for one connection after the other: how many bytes each brings."""

    def __init__(self, *script: int, content: bytes = CONTENT, etag: str | None = None) -> None:
        self.script = list(script)
        self.content = content
        self.offsets: list[int] = []
        self.ignores_offsets = False
        self.shifts_by = 0
        self.file = RemoteFile(
            "org/tiny", "c" * 40, "tiny.gguf", etag or hashlib.sha256(CONTENT).hexdigest(), len(CONTENT)
        )

    @contextmanager
    def open(self, remote: RemoteFile, offset: int) -> Iterator[Stream]:
        assert remote is self.file
        self.offsets.append(offset)
        start = 0 if self.ignores_offsets else offset + self.shifts_by
        yield Stream(start, self._chunks(self.content[start:]))

    def _chunks(self, content: bytes) -> Iterator[bytes]:
        num_bytes = self.script.pop(0) if self.script else len(content)
        for index in range(0, num_bytes, 1000):
            yield content[:num_bytes][index : index + 1000]
        if num_bytes < len(content):
            raise HubUnreachable("http://hub", "connection lost")


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    return tmp_path / "blob.incomplete"


@pytest.fixture
def reports() -> list[Report]:
    return []


@pytest.fixture
def progress(reports: list[Report]) -> Progress:
    progress = Progress("downloading", reports.append, io.StringIO())
    progress.begin(len(CONTENT), 0)
    return progress


def test_a_whole_file_comes_in_one_go(partial: Path, progress: Progress, reports: list[Report]) -> None:
    remote = FakeRemote()
    transfer(remote.file, partial, remote.open, progress, NO_DELAYS)
    assert partial.read_bytes() == CONTENT
    assert remote.offsets == [0]
    progress.finish()
    assert reports[-1].progress == 1.0


def test_after_each_interruption_it_goes_on_where_it_was(partial: Path, progress: Progress) -> None:
    remote = FakeRemote(1500, 0, 0, 2000, 1)
    transfer(remote.file, partial, remote.open, progress, NO_DELAYS)
    assert partial.read_bytes() == CONTENT
    assert remote.offsets == [0, 1500, 1500, 1500, 3500, 3501]


def test_what_an_earlier_attempt_left_is_used_and_is_part_of_the_checksum(partial: Path, progress: Progress) -> None:
    partial.write_bytes(CONTENT[:4000])
    remote = FakeRemote()
    transfer(remote.file, partial, remote.open, progress, NO_DELAYS)
    assert partial.read_bytes() == CONTENT
    assert remote.offsets == [4000]


def test_a_complete_partial_file_needs_no_connection(partial: Path, progress: Progress) -> None:
    partial.write_bytes(CONTENT)
    remote = FakeRemote()
    transfer(remote.file, partial, remote.open, progress, NO_DELAYS)
    assert remote.offsets == []


def test_a_server_that_ignores_the_offset_means_starting_again(
    partial: Path, progress: Progress, reports: list[Report]
) -> None:
    partial.write_bytes(CONTENT[:4000])
    progress.begin(len(CONTENT), 4000)
    remote = FakeRemote()
    remote.ignores_offsets = True
    transfer(remote.file, partial, remote.open, progress, NO_DELAYS)
    assert partial.read_bytes() == CONTENT
    progress.finish()
    assert reports[-1].progress == 1.0


def test_it_gives_up_when_connection_after_connection_brings_nothing(partial: Path, progress: Progress) -> None:
    remote = FakeRemote(1500, 0, 0, 0)
    with pytest.raises(TransferInterrupted) as caught:
        transfer(remote.file, partial, remote.open, progress, NO_DELAYS)
    assert str(caught.value) == (
        "the download of tiny.gguf broke off after 1.5 kB of 10.2 kB (connection lost); "
        "the next attempt continues from there"
    )
    assert partial.read_bytes() == CONTENT[:1500]


def test_bytes_from_another_place_are_never_written(partial: Path, progress: Progress) -> None:
    partial.write_bytes(CONTENT[:4000])
    remote = FakeRemote()
    remote.shifts_by = 7
    with pytest.raises(TransferInterrupted, match=r"the hub sent bytes from \d+ on instead of"):
        transfer(remote.file, partial, remote.open, progress, NO_DELAYS)
    assert partial.read_bytes() == CONTENT[:4000]


def test_a_wrong_checksum_throws_everything_away(partial: Path, progress: Progress) -> None:
    partial.write_bytes(b"x" * 4000)
    remote = FakeRemote()
    with pytest.raises(TransferDamaged, match=r"its SHA-256 is \w+ and not \w+\); the next attempt starts it again"):
        transfer(remote.file, partial, remote.open, progress, NO_DELAYS)
    assert not partial.exists()


def test_more_bytes_than_announced_are_not_accepted(partial: Path, progress: Progress) -> None:
    remote = FakeRemote(content=CONTENT + b"more")
    with pytest.raises(TransferDamaged, match="longer than 10,240 bytes"):
        transfer(remote.file, partial, remote.open, progress, NO_DELAYS)
    assert not partial.exists()


def test_a_partial_file_that_is_too_long_is_started_again(partial: Path, progress: Progress) -> None:
    partial.write_bytes(b"x" * (len(CONTENT) + 1))
    remote = FakeRemote()
    transfer(remote.file, partial, remote.open, progress, NO_DELAYS)
    assert partial.read_bytes() == CONTENT
    assert remote.offsets == [0]


def test_an_etag_that_is_no_checksum_is_not_compared(partial: Path, progress: Progress) -> None:
    remote = FakeRemote(etag="v1")
    transfer(remote.file, partial, remote.open, progress, NO_DELAYS)
    assert partial.read_bytes() == CONTENT
