"""`parley`: what its commands print, start and refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from server import __version__
from server.cli.doctor import Finding
from tests.cli.running import run

CHECKOUT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("no_settings_around")


def test_it_knows_its_version() -> None:
    assert run("--version").output == f"parley, version {__version__}\n"


# --- models ---------------------------------------------------------------------------------------------------------


def test_models_lists_what_is_configured(tmp_path: Path) -> None:
    present = tmp_path / "present.gguf"
    present.touch()
    (tmp_path / "parley.toml").write_text(
        '[[models]]\nsource = "./present.gguf"\naliases = ["gpt-4o", "mini"]\n'
        '[[models]]\nsource = "./gone.gguf"\nid = "second"\n'
        '[[models]]\nsource = "org/name-GGUF:*Q8_0.gguf"\n'
    )
    assert run("models").output.splitlines() == [
        "present (the default)",
        "  also called gpt-4o, mini",
        f"  {present}",
        "second",
        f"  {tmp_path / 'gone.gguf'} (no such file)",
        "name-GGUF",
        "  org/name-GGUF:*Q8_0.gguf on the Hugging Face hub",
    ]


@pytest.mark.parametrize("command", ["models", "doctor"])
def test_bad_settings_are_told_without_a_traceback(command: str) -> None:
    result = run(command, PARLEY_SLOTS="0")
    assert result.exit_code == 2
    assert result.stderr.startswith("Parley cannot start with these settings:\n  - slots = ")
    assert result.stdout == ""


def test_names_that_two_models_share_are_bad_settings_too() -> None:
    result = run("models", PARLEY_MODELS='[{"source": "a.gguf", "id": "x"}, {"source": "b.gguf", "id": "x"}]')
    assert result.exit_code == 2
    assert "'x'" in result.stderr


# --- doctor ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("second_is_good", "exit_code"), [(True, 0), (False, 1)])
def test_doctor_prints_its_findings_and_fails_when_one_is_bad(
    second_is_good: bool, exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = [Finding(True, "All is well."), Finding(second_is_good, "So is this.")]
    monkeypatch.setattr("server.cli.doctor.examine", lambda *_: iter(findings))
    result = run("doctor")
    assert result.output.splitlines() == ["ok   All is well.", f"{'ok  ' if second_is_good else 'BAD '} So is this."]
    assert result.exit_code == exit_code
