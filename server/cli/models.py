"""`parley models`: which models there are, and how they are loaded and unloaded.

What is configured is read from the settings. How the models are is asked of the running server that has these settings,
at its supervisor's control socket; so this works without a key, for whoever runs the server and on its machine only.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from server.cli.options import config_option, configured_models, json_option
from server.cli.printing import NEVER, table

if TYPE_CHECKING:
    from server.models.catalogue import Catalogue, ModelSpec
    from server.protocol.control import Answer, Order
    from server.protocol.runtime import ModelStatus
    from server.settings import Settings

POLL_SECONDS = 0.2

NOT_RUNNING = "not running"
"""State of the models of a server that does not run."""


@click.group(invoke_without_command=True)
@config_option
@click.pass_context
def models(context: click.Context, config: Path | None) -> None:
    """Models: which there are, and which are loaded. Without a command, what is configured."""
    if context.invoked_subcommand is None:
        print_configured(configured_models(config)[1])


def print_configured(catalogue: Catalogue) -> None:
    """The models of the settings, each with its names and its source."""
    specs = catalogue.models
    for spec in specs:
        click.echo(spec.id + (" (the default)" if spec is specs[0] and len(specs) > 1 else ""))
        if spec.aliases:
            click.echo(f"  also called {', '.join(spec.aliases)}")
        click.echo(f"  {_describe_source(spec)}")


@models.command("list")
@config_option
@json_option
def list_models(config: Path | None, as_json: bool) -> None:
    """List all models with their states, those of folders too."""
    found = _objects(*configured_models(config))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    rows = [
        (model["id"], model["state"], _share(model["progress"]), _mib(model["memory_bytes"]), model["message"] or "")
        for model in found
    ]
    click.echo(table(("MODEL", "STATE", "PROGRESS", "MEMORY", ""), rows))


@models.command("info")
@config_option
@json_option
@click.argument("name")
def show_model(config: Path | None, as_json: bool, name: str) -> None:
    """Show all that is known of the model NAME."""
    settings, catalogue = configured_models(config)
    model_id = _model_id(catalogue, name)
    found = next((model for model in _objects(settings, catalogue) if model["id"] == model_id), None)
    if found is None:
        raise click.ClickException(f"There is no model '{name}'; `parley models list` lists those that there are.")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    rows = [(key, ", ".join(value) if isinstance(value, list) else str(value)) for key, value in found.items()]
    click.echo("\n".join(f"{key:<13} {value}" for key, value in rows if value not in ("", "None")))


@models.command("load")
@config_option
@json_option
@click.option("--device", type=click.Choice(["auto", "cpu", "gpu"]), help="Where to compute it. [as it was last]")
@click.option("--no-wait", is_flag=True, help="Do not wait until it is loaded.")
@click.argument("name")
def load_model(config: Path | None, as_json: bool, device: Any, no_wait: bool, name: str) -> None:
    """Have the running server load the model NAME."""
    from server.protocol.control import Order

    settings, catalogue = configured_models(config)
    order = Order(verb="load", model=_model_id(catalogue, name), device=device)
    status = _obeyed(settings, order, () if no_wait else ("ready", "failed"))
    _print_outcome(order.model, status, as_json)
    if status.state == "failed":
        sys.exit(1)


@models.command("unload")
@config_option
@json_option
@click.option("--force", is_flag=True, help="End the answers that it is writing.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it is unloaded.")
@click.argument("name")
def unload_model(config: Path | None, as_json: bool, force: bool, no_wait: bool, name: str) -> None:
    """Have the running server unload the model NAME, when it has finished its answers."""
    from server.protocol.control import Order

    settings, catalogue = configured_models(config)
    order = Order(verb="unload", model=_model_id(catalogue, name), force=force)
    status = _obeyed(settings, order, () if no_wait else ("unloaded",))
    _print_outcome(order.model, status, as_json)


# --- the running server ---------------------------------------------------------------------------------------------


def _ask(settings: Settings, order: Order) -> Answer:
    """What the server says to an order; that there is none ends the command."""
    answer = _ask_if_running(settings, order)
    if answer is None:
        raise click.ClickException(f'No server runs here with these settings (bind = "{settings.bind}").')
    return answer


def _ask_if_running(settings: Settings, order: Order) -> Answer | None:
    from server.protocol.control import NoSupervisor, ask
    from server.protocol.runtime import RuntimeDir

    runtime_dir = RuntimeDir.find(settings.bind)
    try:
        return None if runtime_dir is None else ask(runtime_dir.control_socket, order)
    except NoSupervisor:
        return None


def _obeyed(settings: Settings, order: Order, ends: tuple[str, ...]) -> ModelStatus:
    """How the model of an order is once it is in one of these states; at once if there are none to wait for."""
    status = _status(_ask(settings, order), order)
    return _awaited(settings, order.model, status, ends) if ends else status


def _status(answer: Answer, order: Order) -> ModelStatus:
    """How the model of an order is; that the order was refused ends the command."""
    if answer.code:
        raise click.ClickException(f"{answer.message}.")
    return answer.models[order.model]


def _awaited(settings: Settings, model_id: str, status: ModelStatus, ends: tuple[str, ...]) -> ModelStatus:
    """How the model is in the end; what happens meanwhile goes to the terminal."""
    from server.protocol.control import Order

    told = ""
    while status.state not in ends:
        line = f"{model_id}: {status.state} {_share(status.progress)} {status.message}".rstrip(" -")
        if line != told:
            click.echo(line, err=True)
            told = line
        time.sleep(POLL_SECONDS)
        status = _ask(settings, Order(verb="list")).models[model_id]
    return status


def _print_outcome(model_id: str, status: ModelStatus, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"id": model_id, **_state_object(status)}))
    else:
        click.echo(f"{model_id} is {status.state}{f': {status.message}' if status.message else '.'}")


# --- what is printed ------------------------------------------------------------------------------------------------


def _objects(settings: Settings, catalogue: Catalogue) -> list[dict[str, Any]]:
    """All models for programs: those of the settings, and those that the running server has found."""
    from server.protocol.control import Order

    answer = _ask_if_running(settings, Order(verb="list"))
    statuses = {} if answer is None else answer.models
    configured = [_object(spec, statuses.get(spec.id)) for spec in catalogue.models]
    found = [
        {"id": model_id, "aliases": [], "source": status.found.path, **_state_object(status)}
        for model_id, status in statuses.items()
        if status.found is not None
    ]
    return configured + found


def _object(spec: ModelSpec, status: ModelStatus | None) -> dict[str, Any]:
    from server.models.source import NoModel
    from server.protocol.runtime import ModelStatus

    source = None if isinstance(spec.source, NoModel) else getattr(spec.source, "path", spec.source)
    state = _state_object(status or ModelStatus(state="unloaded", load=spec.load))
    if status is None:
        state["state"] = NOT_RUNNING
    return {"id": spec.id, "aliases": list(spec.aliases), "source": None if source is None else str(source), **state}


def _state_object(status: ModelStatus) -> dict[str, Any]:
    return {
        "state": status.state,
        "progress": status.progress,
        "message": status.message,
        "load": status.load,
        "memory_bytes": status.memory_bytes,
        "num_restarts": status.num_restarts,
        "pid": status.pid,
    }


def _model_id(catalogue: Catalogue, name: str) -> str:
    """The id of the model that is called so; models of folders go by their ids."""
    from server.errors.tree import ModelNotFound

    try:
        return catalogue.find(name).id
    except ModelNotFound:
        return name


def _describe_source(spec: ModelSpec) -> str:
    from server.models.source import HubFile, LocalFile, NoModel

    match spec.source:
        case LocalFile(path):
            return f"{path}{'' if path.is_file() else ' (no such file)'}"
        case HubFile():
            return f"{spec.source} on the Hugging Face hub"
        case NoModel(message):
            return message


def _share(progress: float | None) -> str:
    return NEVER if progress is None else f"{progress:.0%}"


def _mib(num_bytes: int | None) -> str:
    return NEVER if num_bytes is None else f"{num_bytes / (1 << 20):,.0f} MiB"
