import io
from collections.abc import Callable

import pytest

from server.models.progress import Progress
from server.protocol.report import Report


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class FakeTty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def reports() -> list[Report]:
    return []


@pytest.fixture
def make_progress(clock: FakeClock, reports: list[Report]) -> Callable[[io.StringIO], Progress]:
    return lambda terminal: Progress("downloading org/tiny:x.gguf", reports.append, terminal, clock)


MakeProgress = Callable[[io.StringIO], Progress]


def test_it_tells_bytes_percent_and_speed_over_all_files(
    make_progress: MakeProgress, clock: FakeClock, reports: list[Report]
) -> None:
    progress = make_progress(io.StringIO())
    progress.begin(98_400_000, 8_000_000)
    clock.now += 2
    progress.advance(10_000_000)
    assert reports == [
        Report(
            state="downloading",
            progress=8 / 98.4,
            message="downloading org/tiny:x.gguf: 8.0 MB of 98.4 MB (8 %)",
        ),
        Report(
            state="downloading",
            progress=18 / 98.4,
            message="downloading org/tiny:x.gguf: 18.0 MB of 98.4 MB (18 %), 5.0 MB/s",
        ),
    ]


def test_it_reports_at_most_a_few_times_a_second_however_many_pieces_come(
    make_progress: MakeProgress, clock: FakeClock, reports: list[Report]
) -> None:
    progress = make_progress(io.StringIO())
    progress.begin(100_000, 0)
    for _ in range(1000):
        clock.now += 0.01
        progress.advance(100)
    progress.finish()
    assert 30 <= len(reports) <= 50
    assert reports[-1].progress == 1.0


def test_a_log_gets_whole_lines_at_long_intervals(make_progress: MakeProgress, clock: FakeClock) -> None:
    log = io.StringIO()
    progress = make_progress(log)
    progress.begin(1000, 0)
    for _ in range(40):
        clock.now += 0.25
        progress.advance(25)
    progress.finish()
    lines = log.getvalue().splitlines()
    assert [line.partition(": ")[2].partition(")")[0] for line in lines] == [
        "0 bytes of 1.0 kB (0 %",
        "500 bytes of 1.0 kB (50 %",
        "1.0 kB of 1.0 kB (100 %",
    ]
    assert "\r" not in log.getvalue()


def test_a_terminal_sees_one_line_that_is_written_over(make_progress: MakeProgress, clock: FakeClock) -> None:
    terminal = FakeTty()
    progress = make_progress(terminal)
    progress.say("looking for it")
    progress.begin(1000, 0)
    clock.now += 0.5
    progress.advance(1000)
    progress.finish()
    first, rest = terminal.getvalue().split("\n", 1)
    assert first == "\r\x1b[Klooking for it"
    assert rest.count("\r\x1b[K") == 3
    assert rest.count("\n") == 1
    assert rest.endswith("(100 %)\n")


def test_a_turn_of_events_is_told_at_once_and_keeps_the_progress(
    make_progress: MakeProgress, reports: list[Report]
) -> None:
    log = io.StringIO()
    progress = make_progress(log)
    progress.begin(1000, 500)
    progress.say("the download was interrupted")
    assert reports[-1] == Report(state="downloading", progress=0.5, message="the download was interrupted")
    assert log.getvalue().endswith("\nthe download was interrupted\n")


def test_data_that_is_thrown_away_is_taken_back(make_progress: MakeProgress, reports: list[Report]) -> None:
    progress = make_progress(io.StringIO())
    progress.begin(1000, 600)
    progress.advance(-600)
    progress.finish()
    assert reports[-1].progress == 0.0
    assert "/s" not in reports[-1].message


def test_without_sizes_there_is_no_fraction(make_progress: MakeProgress, reports: list[Report]) -> None:
    progress = make_progress(io.StringIO())
    progress.begin(0, 0)
    progress.advance(10)
    progress.finish()
    assert reports[-1].progress is None
