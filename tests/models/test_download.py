"""The real child process and the real huggingface_hub against a hub of our own, over real HTTP."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from server.protocol.report import Report
from tests.models.hub_stand_in import OTHER_TOKEN, TOKEN, HubStandIn

COMMAND = (sys.executable, "-m", "server.models.download")
CHECKOUT = Path(__file__).parents[2]

REPO = "org/tiny-GGUF"
NAME = "tiny-Q4_K_M.gguf"
SOURCE = f"{REPO}:{NAME}"
CONTENT = random.Random(1).randbytes(600_000)
PARTS = {f"big-0000{number}-of-00003.gguf": random.Random(number).randbytes(200_000) for number in (1, 2, 3)}


@dataclass(frozen=True)
class Outcome:
    reports: list[Report]
    exit_code: int
    log: str

    @property
    def path(self) -> Path:
        """Where the model is, after success."""
        assert self.reports[-1].state == "downloaded", self
        assert self.exit_code == 0
        assert self.reports[-1].path is not None
        return Path(self.reports[-1].path)

    @property
    def failure(self) -> str:
        assert self.reports[-1].state == "failed", self
        assert self.exit_code == 1
        return self.reports[-1].message


class Download:
    """A download process as the supervisor starts it."""

    def __init__(self, environment: dict[str, str], log: Path, request: bytes) -> None:
        self._log = log
        with open(log, "wb") as stderr:
            self.process = subprocess.Popen(
                COMMAND,
                cwd=CHECKOUT,
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin = self.process.stdin
        self.stdout = self.process.stdout
        self.stdin.write(request)

    def finish(self) -> Outcome:
        """What came of it, when it has ended by itself; its standard input stays open until then."""
        reports = [msgspec.json.decode(line, type=Report) for line in self.stdout]
        exit_code = self.process.wait()
        self.stdin.close()
        self.stdout.close()
        return Outcome(reports, exit_code, self._log.read_text())

    def kill(self) -> None:
        self.process.kill()
        self.finish()

    def abandon(self) -> Outcome:
        """As if the parent died."""
        self.stdin.close()
        return self.finish()


Start = Callable[..., Download]


@pytest.fixture
def hub() -> Iterator[HubStandIn]:
    with HubStandIn() as hub:
        hub.add_file(REPO, "README.md", b"# Tiny")
        hub.add_file(REPO, NAME, CONTENT)
        hub.add_file(REPO, "tiny-Q8_0.gguf", b"GGUF eight")
        yield hub


@pytest.fixture
def start(hub: HubStandIn, tmp_path: Path) -> Start:
    def start(source: str = SOURCE, cache_dir: Path | None = None, **variables: str) -> Download:
        request = msgspec.json.encode({"source": source, "cache_dir": str(cache_dir) if cache_dir else None}) + b"\n"
        return Download(hub.environment(tmp_path, **variables), tmp_path / "log", request)

    return start


@pytest.fixture
def partial(tmp_path: Path) -> Callable[[], Path | None]:
    """Finds the unfinished blob."""
    return lambda: next((tmp_path / "hub" / "models--org--tiny-GGUF" / "blobs").glob("*.incomplete"), None)


Partial = Callable[[], Path | None]


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def has_size(partial: Partial, num_bytes: int) -> bool:
    path = partial()
    return path is not None and path.stat().st_size == num_bytes


# --- fetching -------------------------------------------------------------------------------------------------------


def test_a_file_of_the_hub_becomes_a_file_of_this_machine(start: Start, hub: HubStandIn) -> None:
    outcome = start().finish()
    assert outcome.path.name == NAME
    assert outcome.path.read_bytes() == CONTENT
    assert hub.num_bytes_sent == {NAME: len(CONTENT)}
    assert {report.state for report in outcome.reports[:-1]} == {"downloading"}
    assert outcome.reports[0].message == f"looking for {SOURCE} on {hub.endpoint}"
    assert outcome.reports[-2].progress == 1.0


def test_progress_is_told_in_reports_and_in_plain_lines(start: Start, hub: HubStandIn, partial: Partial) -> None:
    hold = hub.hold_after(NAME, 300_000)
    download = start()
    wait_until(lambda: has_size(partial, 300_000))
    time.sleep(0.3)  # longer than the interval between reports, so that the next piece is told
    hold.release()
    outcome = download.finish()
    assert any(0.4 < (report.progress or 0) < 1.0 for report in outcome.reports)
    assert f"downloading {SOURCE}: 0 bytes of 600.0 kB (0 %)\n" in outcome.log
    assert outcome.log.splitlines()[-1].startswith(f"downloading {SOURCE}: 600.0 kB of 600.0 kB (100 %)")
    assert "\r" not in outcome.log


def test_other_users_of_huggingface_hub_find_it_in_the_cache(start: Start, hub: HubStandIn, tmp_path: Path) -> None:
    path = start().finish().path
    program = "import sys, huggingface_hub as h; print(h.hf_hub_download(*sys.argv[1:], local_files_only=True))"
    found = subprocess.run(
        [sys.executable, "-c", program, REPO, NAME],
        env=os.environ | hub.environment(tmp_path),
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == str(path)


def test_the_second_start_asks_once_and_downloads_nothing(start: Start, hub: HubStandIn) -> None:
    path = start().finish().path
    hub.requests.clear()
    assert start().finish().path == path
    assert [(request.server, request.path) for request in hub.requests] == [("hub", f"/api/models/{REPO}")]


def test_all_parts_of_a_split_model_are_fetched_and_counted_together(start: Start, hub: HubStandIn) -> None:
    for name, content in PARTS.items():
        hub.add_file(REPO, name, content)
    outcome = start(f"{REPO}:big*.gguf").finish()
    assert outcome.path.name == "big-00001-of-00003.gguf"
    assert {path.name: path.read_bytes() for path in outcome.path.parent.iterdir()} == PARTS
    assert " of 600.0 kB" in outcome.log


@pytest.mark.parametrize("pattern", ["*q4_k_m*", "Q4_K_M", "tiny-Q4_K_M.gguf"])
def test_a_pattern_means_the_one_file_that_matches(start: Start, pattern: str) -> None:
    assert start(f"{REPO}:{pattern}").finish().path.name == NAME


def test_a_revision_may_be_named(start: Start, hub: HubStandIn) -> None:
    outcome = start(f"{REPO}@v1:{NAME}").finish()
    assert outcome.path.parent.name == hub.repo(REPO).commit
    hub.stop()
    assert start(f"{REPO}@v1:{NAME}").finish().path == outcome.path


def test_a_new_version_on_the_hub_is_fetched_and_the_old_one_stays(start: Start, hub: HubStandIn) -> None:
    old = start().finish().path
    hub.add_file(REPO, NAME, b"GGUF new")
    new = start().finish().path
    assert new.read_bytes() == b"GGUF new"
    assert old.read_bytes() == CONTENT


def test_the_cache_may_be_elsewhere(start: Start, tmp_path: Path) -> None:
    assert start(cache_dir=tmp_path / "elsewhere").finish().path.is_relative_to(tmp_path / "elsewhere")


def test_a_hub_that_does_not_tell_sizes_is_served_in_huggingface_hubs_own_way(start: Start, hub: HubStandIn) -> None:
    hub.repo(REPO).tells_sizes = False
    outcome = start().finish()
    assert outcome.path.read_bytes() == CONTENT
    assert "\r" not in outcome.log


# --- interruptions --------------------------------------------------------------------------------------------------


def test_a_broken_connection_is_continued(start: Start, hub: HubStandIn) -> None:
    hub.break_after(NAME, 100_000, 250_000)
    outcome = start().finish()
    assert outcome.path.read_bytes() == CONTENT
    assert hub.transfers()[0] is None
    assert len(hub.transfers()) == 3
    assert hub.num_bytes_sent[NAME] < len(CONTENT) + 100_000
    assert "was interrupted" in outcome.log


@pytest.mark.parametrize("way", ["its parent goes", "it is killed"])
def test_a_later_process_continues_where_an_earlier_one_ended(
    start: Start, hub: HubStandIn, partial: Partial, way: str
) -> None:
    hub.hold_after(NAME, 400_000)
    download = start()
    wait_until(lambda: has_size(partial, 400_000))
    if way == "it is killed":
        download.kill()
    else:
        download.abandon()
    assert partial() is not None

    outcome = start().finish()
    assert outcome.path.read_bytes() == CONTENT
    assert hub.transfers() == [None, "bytes=400000-"]
    assert hub.num_bytes_sent[NAME] <= len(CONTENT) + 16 * 1024
    assert partial() is None
    assert f"continuing the download of {NAME} after 400.0 kB\n" in outcome.log
    assert "400.0 kB of 600.0 kB (66 %)" in outcome.log


def test_only_what_is_missing_of_a_split_model_is_sent_again(start: Start, hub: HubStandIn, partial: Partial) -> None:
    for name, content in PARTS.items():
        hub.add_file(REPO, name, content)
    second = "big-00002-of-00003.gguf"
    hub.hold_after(second, 150_000)
    download = start(f"{REPO}:big*")
    wait_until(lambda: has_size(partial, 150_000))
    download.kill()

    assert start(f"{REPO}:big*").finish().path.name == "big-00001-of-00003.gguf"
    assert hub.transfers() == [None, None, "bytes=150000-", None]


def test_a_server_without_ranges_sends_it_all_again(start: Start, hub: HubStandIn) -> None:
    hub.ignores_ranges = True
    hub.break_after(NAME, 300_000)
    outcome = start().finish()
    assert outcome.path.read_bytes() == CONTENT
    assert outcome.reports[-2].progress == 1.0


def test_a_damaged_download_is_noticed_and_started_again_by_the_next_attempt(
    start: Start, hub: HubStandIn, partial: Partial
) -> None:
    hub.corrupts_from = 500_000
    failure = start().finish().failure
    assert failure.startswith(f"the download of {NAME} was damaged on its way (its SHA-256 is ")
    assert partial() is None
    hub.corrupts_from = None
    assert start().finish().path.read_bytes() == CONTENT


def test_two_processes_download_a_file_only_once(start: Start, hub: HubStandIn, tmp_path: Path) -> None:
    hold = hub.hold_after(NAME, 300_000)
    first = start()
    hold.is_reached.wait()
    second = start()
    line = b""
    while b"another process is downloading" not in line:
        line = second.stdout.readline()
        assert line, "it did not wait"
    hold.release()
    assert first.finish().path == second.finish().path
    assert hub.transfers() == [None]


# --- without the hub ------------------------------------------------------------------------------------------------


def test_without_network_the_copy_in_the_cache_is_used(start: Start, hub: HubStandIn) -> None:
    path = start(f"{REPO}:*Q4*").finish().path
    hub.stop()
    outcome = start(f"{REPO}:*Q4*").finish()
    assert outcome.path == path
    assert f"the model hub {hub.endpoint} cannot be reached" in outcome.log
    assert "; using the copy in the cache\n" in outcome.log


def test_in_offline_mode_the_hub_is_not_even_asked(start: Start, hub: HubStandIn) -> None:
    path = start().finish().path
    hub.requests.clear()
    assert start(HF_HUB_OFFLINE="1").finish().path == path
    assert hub.requests == []


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_hub_in_trouble_does_not_keep_a_cached_model_from_being_served(
    start: Start, hub: HubStandIn, status: int
) -> None:
    path = start().finish().path
    hub.failing_status = status
    assert start().finish().path == path


def test_a_split_model_of_which_parts_are_missing_is_not_taken_from_the_cache(start: Start, hub: HubStandIn) -> None:
    for name, content in PARTS.items():
        hub.add_file(REPO, name, content)
    path = start(f"{REPO}:big*").finish().path
    (path.parent / "big-00003-of-00003.gguf").unlink()
    hub.stop()
    assert "cannot be reached" in start(f"{REPO}:big*").finish().failure


def test_without_network_and_without_a_copy_it_says_so(start: Start, hub: HubStandIn) -> None:
    hub.stop()
    assert start().finish().failure == (
        f"the model hub {hub.endpoint} cannot be reached ([Errno 111] Connection refused)"
    )


def test_offline_mode_without_a_copy_is_told_from_a_dead_network(start: Start, hub: HubStandIn) -> None:
    failure = start(HF_HUB_OFFLINE="1").finish().failure
    assert failure == f"the model hub {hub.endpoint} cannot be reached (HF_HUB_OFFLINE is set)"


def test_an_answer_that_is_none_of_a_hub_is_told(start: Start, hub: HubStandIn) -> None:
    hub.failing_status = 200
    assert "its answer is not one of a model hub" in start().finish().failure


def test_a_failing_hub_is_quoted(start: Start, hub: HubStandIn) -> None:
    hub.failing_status = 503
    assert "it answered with HTTP status 503 Service Unavailable" in start().finish().failure


# --- refusals -------------------------------------------------------------------------------------------------------


def test_an_unknown_repository_may_be_a_private_one(start: Start, hub: HubStandIn) -> None:
    assert start("org/none:x.gguf").finish().failure == (
        f"there is no repository org/none on {hub.endpoint}; if it is private, "
        "set HF_TOKEN to an access token, or run `hf auth login` once"
    )
    assert start("org/none:x.gguf", HF_TOKEN=TOKEN).finish().failure == (
        f"there is no repository org/none on {hub.endpoint}; if it is private, check that your token may read it"
    )


def test_a_private_repository_opens_to_a_token_and_the_token_stays_with_the_hub(start: Start, hub: HubStandIn) -> None:
    hub.repo(REPO).is_private = True
    assert "there is no repository" in start().finish().failure
    assert start(HF_TOKEN=TOKEN).finish().path.read_bytes() == CONTENT
    assert {request.authorization for request in hub.requests if request.server == "storage"} == {None}


def test_the_token_of_the_login_file_is_used(start: Start, hub: HubStandIn, tmp_path: Path) -> None:
    hub.repo(REPO).is_private = True
    (tmp_path / "token").write_text(TOKEN)
    assert start().finish().path.read_bytes() == CONTENT


def test_a_gated_repository_says_where_to_ask_and_how_to_set_a_token(start: Start, hub: HubStandIn) -> None:
    hub.repo(REPO).is_gated = True
    assert start().finish().failure == (
        f"the repository {REPO} is gated: ask for access at {hub.endpoint}/{REPO}, "
        "then set HF_TOKEN to an access token, or run `hf auth login` once"
    )
    assert start(HF_TOKEN=OTHER_TOKEN).finish().failure == (
        f"the repository {REPO} is gated: ask for access at {hub.endpoint}/{REPO}, "
        "with the account that your token belongs to"
    )
    assert start(HF_TOKEN=TOKEN).finish().path.read_bytes() == CONTENT


def test_a_token_that_is_not_valid_is_blamed(start: Start, hub: HubStandIn) -> None:
    assert start(HF_TOKEN="hf_expired").finish().failure == (
        f"{hub.endpoint} refuses access to {REPO} (HTTP 401): your token is not valid for it; replace or unset HF_TOKEN"
    )


def test_an_unknown_revision_is_named(start: Start) -> None:
    assert start(f"{REPO}@v9:{NAME}").finish().failure == f"the repository {REPO} has no revision 'v9'"


def test_a_pattern_without_a_match_lists_what_there_is(start: Start) -> None:
    assert start(f"{REPO}:*Q5*").finish().failure == (
        f"nothing in {REPO} matches '*Q5*': its models are tiny-Q4_K_M.gguf, tiny-Q8_0.gguf"
    )


def test_a_pattern_with_several_matches_names_them(start: Start) -> None:
    assert start(f"{REPO}:*.gguf").finish().failure == (
        f"'*.gguf' matches 2 models of {REPO}, name one of them: tiny-Q4_K_M.gguf, tiny-Q8_0.gguf"
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("/models/x.gguf", "it is a path on this machine"),
        ("org", "does not have the form"),
        ("org/a--b:x.gguf", "a--b"),
    ],
)
def test_a_source_that_is_not_on_the_hub_is_refused(start: Start, source: str, words: str) -> None:
    assert words in start(source).finish().failure


# --- the disk -------------------------------------------------------------------------------------------------------


def test_a_model_that_does_not_fit_on_the_disk_is_refused_before_it_is_downloaded(
    start: Start, hub: HubStandIn, tmp_path: Path
) -> None:
    hub.repo(REPO).claimed_bytes = 10**17
    failure = start().finish().failure
    assert failure.startswith("the disk is too full for the download: 100000.0 TB are still needed, ")
    assert f" are free in {tmp_path / 'hub'}; make room" in failure
    assert hub.transfers() == []


def test_a_disk_that_fills_up_on_the_way_is_told_from_a_broken_connection(
    start: Start, hub: HubStandIn, partial: Partial
) -> None:
    hub.hold_after(NAME, 400_000)
    download = start()
    wait_until(lambda: has_size(partial, 400_000))
    download.kill()
    blob = partial()
    assert blob is not None
    blob.unlink()
    blob.symlink_to("/dev/full")
    assert start().finish().failure.startswith("the disk is too full for the download: 600.0 kB are still needed, ")


def test_a_cache_that_cannot_be_written_is_named(start: Start, tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("a file where the cache should be")
    assert start().finish().failure == (
        f"the download cache {tmp_path / 'hub'} cannot be used: Not a directory; "
        "set HF_HUB_CACHE to a directory that can be written"
    )


# --- the process ----------------------------------------------------------------------------------------------------


def test_it_ends_at_once_when_its_parent_does(start: Start, hub: HubStandIn) -> None:
    hold = hub.hold_after(NAME, 100_000)
    download = start()
    hold.is_reached.wait()
    assert download.abandon().exit_code == 1


def test_it_leaves_ctrl_c_to_its_parent(start: Start, hub: HubStandIn) -> None:
    hold = hub.hold_after(NAME, 100_000)
    download = start()
    hold.is_reached.wait()
    download.process.send_signal(signal.SIGINT)
    hold.release()
    assert download.finish().path.read_bytes() == CONTENT


@pytest.mark.parametrize("request_line", [b"", b'{"source": "org/ti'])
def test_a_parent_that_dies_before_it_has_asked_is_no_error_to_tell(
    hub: HubStandIn, tmp_path: Path, request_line: bytes
) -> None:
    download = Download(hub.environment(tmp_path), tmp_path / "log", request_line)
    assert download.abandon() == Outcome([], 1, "")
