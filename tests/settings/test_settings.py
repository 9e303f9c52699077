"""Settings: where they come from, what is refused, and what the refusal says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from server.settings import (
    ModelEntry,
    Settings,
    SettingsError,
    find_config_file,
    list_model_keys,
    list_settings,
    load_settings,
)
from server.settings.bind import TcpAddress, UnixAddress, parse_bind
from server.settings.cores import default_num_workers

CHECKOUT = Path(__file__).parents[2]
NOWHERE: dict[str, str] = {}


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "some.toml"
    path.write_text(text)
    return path


def problems_of(config: Path | None = None, **variables: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(config, variables)
    return caught.value.problems


def problem_of(config: Path | None = None, **variables: str) -> str:
    (problem,) = problems_of(config, **variables)
    return problem


# --- where values come from -----------------------------------------------------------------------------------------


def test_nothing_needs_to_be_set() -> None:
    settings = load_settings(None, NOWHERE)
    assert settings.bind == "127.0.0.1:8000"
    assert settings.slots == 4
    assert settings.model is None
    assert settings.models == ()
    assert settings.cors_origins == ("*",)
    assert settings.data_dir == Path.home() / ".local/share/parley"


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    config = write(tmp_path, "slots = 5\nthreads = 6\n")
    settings = load_settings(config, {"PARLEY_SLOTS": "7"})
    assert (settings.slots, settings.threads, settings.max_body_mb) == (7, 6, 16)


def test_every_setting_has_a_variable(tmp_path: Path) -> None:
    values = {
        "bind": "localhost:1",
        "workers": 3,
        "data_dir": tmp_path / "data",
        "database_url": "sqlite:///x.db",
        "n_ctx": 512,
        "slots": 2,
        "threads": 3,
        "n_gpu_layers": 0,
        "flash_attn": "off",
        "cache_type_k": "q8_0",
        "cache_type_v": "bf16",
        "kv_ram_mb": 0,
        "kv_disk_mb": 1,
        "kv_cache_scope": "shared",
        "embedding": True,
        "pooling": "cls",
        "lora": ("a.gguf", "b.gguf:0.5"),
        "speculative": "prompt_lookup",
        "draft_model": "small.gguf",
        "max_draft_tokens": 5,
        "load": "on-demand",
        "models_dir": "/m",
        "models_dirs": ("/n", "/o"),
        "load_timeout_seconds": 7.5,
        "idle_unload_seconds": 600.0,
        "max_model_memory_mb": 4000,
        "auth": "keys",
        "header_user": "X-OpenWebUI-User-Id",
        "trusted_proxies": ("10.0.0.5", "unix"),
        "log_level": "debug",
        "max_waiting_requests": 1,
        "max_waiting_tokens": 2,
        "max_intake_mb": 4,
        "max_step_ms": 70,
        "max_body_mb": 3,
        "body_timeout_seconds": 0.5,
        "max_bodies_mb": 64,
        "max_connections": 500,
        "max_connections_per_address": 100,
        "ping_seconds": 1.5,
        "graceful_timeout_seconds": 4,
        "engine_timeout_seconds": 50.0,
        "allowed_hosts": ("a.example", "*.b.example"),
        "cors_origins": ("https://a.example", "http://localhost:3000"),
        "allow_public_bind": True,
        "default_max_tokens": 16,
        "system_prompt": "Be brief.",
        "truncation": "auto",
        "max_context_turns": 8,
        "max_context_tokens": 2048,
        "reasoning_format": "none",
        "enable_thinking": False,
        "make_titles": False,
        "models": (ModelEntry(source="a.gguf", slots=2),),
    }
    texts = {name: str(value) for name, value in values.items()}
    texts |= {
        "allowed_hosts": "a.example, *.b.example",
        "cors_origins": "https://a.example, http://localhost:3000",
        "trusted_proxies": "10.0.0.5, unix",
        "lora": "a.gguf, b.gguf:0.5",
        "models_dirs": "/n, /o",
        "models": '[{"source": "a.gguf", "slots": 2}]',
    }
    settings = load_settings(None, {f"PARLEY_{name.upper()}": text for name, text in texts.items()})
    assert settings.model_dump() == Settings(**values).model_dump()  # type: ignore[arg-type]
    assert set(values) | {"model"} == set(Settings.model_fields)
    assert load_settings(None, {"PARLEY_MODEL": "a.gguf"}).model == "a.gguf"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings(None, {"PARLEY_SLOTS": "", "PARLEY_CONFIG": "", "PARLEY_MODEL": ""}).slots == 4


def test_a_list_in_a_variable_may_be_json() -> None:
    assert load_settings(None, {"PARLEY_CORS_ORIGINS": "[]"}).cors_origins == ()


def test_variables_of_the_test_suite_and_internal_ones_are_left_alone() -> None:
    load_settings(None, {"PARLEY_TEST_WORKERS": "3", "_PARLEY_RUNTIME_DIR": "/x", "GUNICORN_CMD_ARGS": ""})


def test_the_file_is_the_one_given_or_parley_config_or_parley_toml_here(tmp_path: Path) -> None:
    assert find_config_file(None, NOWHERE) is None
    (tmp_path / "parley.toml").write_text("")
    assert find_config_file(None, NOWHERE) == tmp_path / "parley.toml"
    variables = {"PARLEY_CONFIG": "other.toml"}
    assert find_config_file(None, variables) == tmp_path / "other.toml"
    assert find_config_file(Path("given.toml"), variables) == tmp_path / "given.toml"


def test_models_are_read_from_tables(tmp_path: Path) -> None:
    config = write(tmp_path, '[[models]]\nsource = "a.gguf"\naliases = ["x", "y"]\n[[models]]\nsource = "b.gguf"\n')
    assert load_settings(config, NOWHERE).models == (
        ModelEntry(source="a.gguf", aliases=("x", "y")),
        ModelEntry(source="b.gguf"),
    )


# --- the object -----------------------------------------------------------------------------------------------------


def test_settings_and_their_models_are_frozen() -> None:
    settings = Settings(models=(ModelEntry(source="a.gguf"),))
    with pytest.raises(ValidationError, match="frozen"):
        settings.slots = 5
    with pytest.raises(ValidationError, match="frozen"):
        settings.models[0].source = "b.gguf"


def test_the_database_password_is_not_in_the_repr() -> None:
    assert "secret" not in repr(Settings(database_url="postgresql://me:secret@localhost/parley"))


def test_the_data_directory_is_absolute_and_its_tilde_is_resolved(tmp_path: Path) -> None:
    assert Settings(data_dir=Path("data")).data_dir == tmp_path / "data"
    assert Settings(data_dir=Path("~/data")).data_dir == Path.home() / "data"


@pytest.mark.parametrize(("num_cores", "num_workers"), [(1, 1), (2, 1), (3, 1), (4, 2), (6, 3), (8, 4), (64, 4)])
def test_workers_follow_the_cores(num_cores: int, num_workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.settings.cores.num_usable_cores", lambda: num_cores)
    assert default_num_workers() == num_workers


# --- addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address", "is_loopback"),
    [
        ("127.0.0.1:8000", TcpAddress("127.0.0.1", 8000), True),
        ("127.1.2.3:0", TcpAddress("127.1.2.3", 0), True),
        ("localhost:65535", TcpAddress("localhost", 65535), True),
        ("[::1]:80", TcpAddress("::1", 80), True),
        ("[::]:80", TcpAddress("::", 80), False),
        ("0.0.0.0:80", TcpAddress("0.0.0.0", 80), False),
        ("parley.example:80", TcpAddress("parley.example", 80), False),
        ("unix:/run/parley.sock", UnixAddress("/run/parley.sock"), True),
    ],
)
def test_addresses_are_understood(text: str, address: TcpAddress | UnixAddress, is_loopback: bool) -> None:
    assert parse_bind(text) == address
    settings = Settings(bind=text, allow_public_bind=True)
    assert settings.address == address
    assert settings.is_loopback is is_loopback


@pytest.mark.parametrize(
    "text", ["8000", ":8000", "localhost", "host:port", "::1:80", "[::1]", "a b:80", "http://x:80", "1.1.1.1:80:90", ""]
)
def test_what_is_no_address_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be host:port, such as 127\.0\.0\.1:8000"):
        parse_bind(text)


def test_a_port_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ports go from 0 .* to 65535, 65536 is none"):
        parse_bind("127.0.0.1:65536")


@pytest.mark.parametrize("path", ["", "relative.sock", "/" + "x" * 107])
def test_a_unix_socket_needs_an_absolute_path_that_fits(path: str) -> None:
    with pytest.raises(ValueError, match=f"at most 107 bytes, it has {len(path)}"):
        parse_bind(f"unix:{path}")


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_bad_value_is_named_with_its_variable_and_what_is_allowed() -> None:
    assert problem_of(PARLEY_SLOTS="many") == (
        'slots = "many" (from PARLEY_SLOTS): must be a whole number from 1 to 256'
    )


def test_a_bad_value_is_named_with_its_file_and_what_is_allowed(tmp_path: Path) -> None:
    config = write(tmp_path, 'log_level = "loud"\n')
    assert problem_of(config) == (
        f'log_level = "loud" (in {config}): must be one of "debug", "info", "warning", "error"'
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("slots = 0", "a whole number from 1 to 256"),
        ("slots = 257", "a whole number from 1 to 256"),
        ("slots = true", "a whole number from 1 to 256"),
        ("slots = 1.5", "a whole number from 1 to 256"),
        ("slots = [1]", "a whole number from 1 to 256"),
        ("threads = 0", "a whole number from 1 to 512"),
        ("n_gpu_layers = -1", "a whole number from 0 to 2147483647"),
        ("ping_seconds = 0", "a number above 0 and at most 86400"),
        ("ping_seconds = nan", "a number above 0 and at most 86400"),
        ("ping_seconds = inf", "a number above 0 and at most 86400"),
        ("ping_seconds = true", "a number above 0 and at most 86400"),
        ("graceful_timeout_seconds = 2", "a whole number from 3 to 3600"),
        ('allow_public_bind = "maybe"', "true or false"),
        ("bind = 8000", "text"),
        ('model = ""', "text that is not empty"),
        ('cors_origins = ["*", 1]', "text"),
        ("cors_origins = 1", "a list of text"),
        ("models = 1", "a list of tables"),
        ('auth = "maybe"', 'one of "off", "keys", "header"'),
        ('header_user = "X_User_ID"', "they can be confused with others)"),
        ('header_user = "X-User-ID:"', "they can be confused with others)"),
        ("trusted_proxies = [1]", "text"),
        ('database_url = "mysql://localhost/x"', "sqlite:/// or postgresql://"),
        ('cors_origins = ["https://a.example/path"]', "like https://chat.example.com, without a path"),
        ('cors_origins = ["https://*.example"]', "like https://chat.example.com, without a path"),
    ],
)
def test_what_is_allowed_is_said(tmp_path: Path, line: str, reason: str) -> None:
    problem = problem_of(write(tmp_path, line))
    assert problem.startswith(line.split(" = ", maxsplit=1)[0])
    assert "must" in problem
    assert problem.endswith(reason)


def test_a_proxy_that_is_no_address_is_named() -> None:
    problem = problem_of(PARLEY_TRUSTED_PROXIES="10.0.0.5, proxy.example")
    assert '"proxy.example" is no address such as 10.0.0.5' in problem


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    config = write(tmp_path, 'slots = 0\ncolour = "red"\n[[models]]\nsource = "a"\nslots = 0\n')
    problems = problems_of(config, PARLEY_BIND="x", PARLEY_SLOT="1")
    assert [problem.split(" ")[0].rstrip(":") for problem in problems] == [
        "bind",
        "slots",
        "models[0].slots",
        "colour",
        "PARLEY_SLOT",
    ]


def test_the_message_lists_the_problems() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {"PARLEY_SLOTS": "0", "PARLEY_THREADS": "0"})
    headline, *lines = str(caught.value).splitlines()
    assert headline == "Parley cannot start with these settings:"
    assert [line[:9] for line in lines] == ["  - slots", "  - threa"]


def test_an_unknown_key_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    config = write(tmp_path, "n-ctx = 512\n")
    assert problem_of(config) == f"n-ctx (in {config}): there is no such setting; did you mean n_ctx?"


def test_an_unknown_key_that_is_near_to_none_is_refused_with_a_pointer(tmp_path: Path) -> None:
    assert problem_of(write(tmp_path, "[server]\n")).endswith("parley.toml.example lists them all")


def test_an_unknown_variable_is_refused_with_the_nearest_one() -> None:
    assert problem_of(PARLEY_WORKER="2") == "PARLEY_WORKER: there is no such setting; did you mean PARLEY_WORKERS?"
    assert problem_of(PARLEY_XYZ="2") == "PARLEY_XYZ: there is no such setting; parley.toml.example lists them all"


def test_a_model_table_is_checked_like_the_rest(tmp_path: Path) -> None:
    config = write(tmp_path, '[[models]]\nsource = "a"\nslot = 2\n[[models]]\nid = "b"\naliases = [1]\nthreads = 0\n')
    assert problems_of(config) == (
        f"models[0].slot (in {config}): there is no such setting; did you mean slots?",
        f"models[1].source (in {config}): is missing, and it must be given",
        f"models[1].aliases[0] = 1 (in {config}): must be text that is not empty",
        f"models[1].threads = 0 (in {config}): must be a whole number from 1 to 512",
    )


def test_model_and_models_together_are_refused(tmp_path: Path) -> None:
    config = write(tmp_path, '[[models]]\nsource = "a"\n')
    problem = problem_of(config, PARLEY_MODEL="b.gguf")
    assert problem.startswith("models = [")
    assert problem.endswith('cannot go together with model = "b.gguf": keep one of the two')


@pytest.mark.parametrize("bind", ["0.0.0.0:8000", "[::]:8000", "192.168.0.1:80", "myhost:80"])
def test_an_address_beyond_this_machine_must_be_allowed(bind: str) -> None:
    problem = problem_of(PARLEY_BIND=bind)
    assert problem.startswith("allow_public_bind = false (default): ")
    assert f'bind = "{bind}"' in problem
    assert load_settings(None, {"PARLEY_BIND": bind, "PARLEY_ALLOW_PUBLIC_BIND": "true"}).is_loopback is False


@pytest.mark.parametrize("auth", ["keys", "header"])
def test_an_address_beyond_this_machine_may_be_used_by_known_users(auth: str) -> None:
    assert load_settings(None, {"PARLEY_BIND": "0.0.0.0:8000", "PARLEY_AUTH": auth}).is_loopback is False


def test_the_database_is_sqlite_in_the_data_directory_unless_it_is_said(tmp_path: Path) -> None:
    assert Settings(data_dir=tmp_path).storage_url == f"sqlite:///{tmp_path}/parley.db"
    assert Settings(database_url="postgresql://localhost/x").storage_url == "postgresql://localhost/x"


def test_passwords_are_not_repeated() -> None:
    problem = problem_of(PARLEY_DATABASE_URL="mysql://me:secret@localhost/x")
    assert 'database_url = "mysql://***@localhost/x"' in problem


def test_long_values_are_cut() -> None:
    assert len(problem_of(PARLEY_LOG_LEVEL="x" * 10_000)) < 300


def test_a_models_variable_that_is_no_json_is_refused() -> None:
    assert "must be a JSON list (" in problem_of(PARLEY_MODELS='[{"source": "a"')


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"slots = = 4", "is not valid TOML: Invalid value (at line 1, column 9)"),
        (b"slots = 4\nslots = 5", "is not valid TOML: "),
        (b"\xff", "is not valid TOML: 'utf-8' codec can't decode"),
    ],
)
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    config = tmp_path / "some.toml"
    config.write_bytes(content)
    assert problem_of(config).startswith(f"the configuration file {config} {reason}")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert problem_of(PARLEY_CONFIG="gone.toml") == (
        f"the configuration file {tmp_path / 'gone.toml'} cannot be read: No such file or directory"
    )
    assert problem_of(tmp_path).endswith("cannot be read: Is a directory")


# --- the listing ----------------------------------------------------------------------------------------------------


def test_the_listing_has_every_setting_once_with_its_documentation() -> None:
    listed = list_settings()
    assert [info.name for info in listed] == list(Settings.model_fields)
    assert [info.variable for info in listed] == [f"PARLEY_{name.upper()}" for name in Settings.model_fields]
    assert all(info.doc.endswith(".") and info.type and info.default for info in listed)


def test_the_listing_has_the_keys_of_a_model() -> None:
    assert [info.name for info in list_model_keys()] == list(ModelEntry.model_fields)


def test_what_a_model_may_override_has_the_limits_of_the_setting() -> None:
    types = {info.name: info.type for info in list_settings()}
    overrides = [info for info in list_model_keys() if info.name in types]
    assert {info.name: info.type for info in overrides} == {info.name: types[info.name] for info in overrides}
    assert len(overrides) == 21


# --- starting fast --------------------------------------------------------------------------------------------------


def test_the_settings_of_a_model_are_those_of_its_table_and_else_those_of_all() -> None:
    entry = ModelEntry(source="/m/a.gguf", slots=2, kv_ram_mb=0, embedding=False, system_prompt="", lora=())
    settings = Settings(
        slots=7, kv_ram_mb=9, embedding=True, system_prompt="Be brief.", lora=("/l/a.gguf",), n_ctx=512, models=(entry,)
    )
    own = settings.for_model(entry)
    assert (own.slots, own.kv_ram_mb, own.embedding, own.system_prompt, own.lora) == (2, 0, False, "", ())
    assert (own.n_ctx, own.models) == (512, (entry,))
    assert settings.slots == 7


def test_loading_the_settings_imports_nothing_heavy() -> None:
    report = "import server.settings, sys; server.settings.load_settings(None, {}); print(*sys.modules)"
    command = [sys.executable, "-c", report]
    modules = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.split()
    heavy = {"asyncio", "flask", "gevent", "huggingface_hub", "llama_cpp", "marshmallow", "numpy", "ssl"}
    assert not heavy & set(modules)
