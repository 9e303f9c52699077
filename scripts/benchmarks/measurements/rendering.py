"""What chat templates of real models make of short conversations, here and in llama-server, and why where they differ.

The templates are those in the source package of llama-cpp-python. Both sides get the beginning and the end of text from
one model, today's date, and the orders to think and to forget the thoughts of turns that are over. It judges by the
prompts alone, and does not know templates.
"""

from __future__ import annotations

import difflib
import http.client
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.benchmarks.asking.client import Address
from scripts.benchmarks.asking.histories import HISTORIES, PARAMETERS, TOOL_DESCRIPTION, TOOL_NAME, History
from scripts.benchmarks.report import json_line, table
from scripts.benchmarks.servers.build_llama_cpp import Tools
from scripts.benchmarks.servers.running import ServerDied, Setup, llama_server
from server.chat.prompted_tools import render_chat
from server.chat.template.template import ChatTemplate, TemplateError
from server.chat.tools import NO_TOOLS, Tool, ToolUse

TEMPLATES = Path("vendor/llama.cpp/models/templates")
"""In the source package."""
ARGUMENTS = {"enable_thinking": True, "thinking": True}
THEIR_ARGUMENTS = {**ARGUMENTS, "preserve_reasoning": False}
"""llama-server keeps the thoughts of turns that are over in the prompt, unless told otherwise."""
USE = ToolUse((Tool(TOOL_NAME, PARAMETERS, TOOL_DESCRIPTION),))
SAME = "the same"


def published_templates(source: Path) -> dict[str, str]:
    """The templates of an unpacked source package by name."""
    folder = source / TEMPLATES
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jinja"))}


@dataclass(frozen=True)
class Refusal:
    """What a side says that gives no prompt."""

    reason: str


Prompt = str | Refusal


@dataclass(frozen=True)
class Pair:
    """One conversation through one template on both sides."""

    template: str
    history: str
    ours: Prompt
    theirs: Prompt

    @property
    def verdict(self) -> str:
        """`SAME`, or why the prompts differ, as far as can be told from them."""
        if isinstance(self.theirs, Refusal):
            return "llama-server refuses" if isinstance(self.ours, str) else "both refuse"
        if isinstance(self.ours, Refusal):
            return "Parley refuses"
        return verdict(self.ours, self.theirs, HISTORIES[self.history].words)


def verdict(ours: str, theirs: str, words: Mapping[str, Sequence[str]]) -> str:
    """How two prompts for the same words, by what they stand in, differ."""
    if ours == theirs:
        return SAME
    losses = [
        f"{'llama-server' if is_in_ours else 'Parley'} loses {kind}"
        for kind, own in words.items()
        for is_in_ours, is_in_theirs in [(holds(ours, own), holds(theirs, own))]
        if is_in_ours != is_in_theirs
    ]
    if losses:
        return ", ".join(losses)
    bare, their_bare = "".join(ours.split()), "".join(theirs.split())
    if bare == their_bare:
        return "white space"
    return "another order" if sorted(bare) == sorted(their_bare) else "other words"


def holds(prompt: str, words: Sequence[str]) -> bool:
    return all(word in prompt for word in words)


# --- the two sides --------------------------------------------------------------------------------------------------


def our_prompt(template: ChatTemplate, history: History) -> Prompt:
    # In the API no content and an empty one are the same.
    messages = [{**message, "content": message["content"] or ""} for message in history.messages]
    try:
        pieces = render_chat(template, messages, USE if history.has_tools else NO_TOOLS, ARGUMENTS)
    except TemplateError as error:
        return Refusal(error.message)
    return "".join(piece.text for piece in pieces)


def their_prompt(address: Address, history: History) -> Prompt:
    body: dict[str, Any] = {"messages": history.messages, "chat_template_kwargs": THEIR_ARGUMENTS}
    if history.has_tools:
        body["tools"] = [tool.as_shown for tool in USE.tools]
    answer = ask(address, "POST", "/apply-template", body)
    return answer["prompt"] if "prompt" in answer else Refusal(answer["error"]["message"])


def ask(address: Address, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    with closing(http.client.HTTPConnection(address.host, address.port)) as connection:
        payload = None if body is None else json.dumps(body)
        connection.request(method, path, payload, {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())


def pairs_of(name: str, source: str, setup: Setup, tools: Tools, scratch: Path) -> Iterator[Pair]:
    """Every conversation through this template. llama-server takes one at its start."""
    path = scratch / "template.jinja"
    path.write_text(source, encoding="utf-8")
    with llama_server(setup, tools.server, scratch, "--jinja", "--chat-template-file", str(path)) as server:
        props = ask(server.address, "GET", "/props")
        template = ChatTemplate(source, props["bos_token"], props["eos_token"], ())
        for shape, history in HISTORIES.items():
            yield Pair(name, shape, our_prompt(template, history), their_prompt(server.address, history))


def all_pairs(sources: Mapping[str, str], setup: Setup, tools: Tools, scratch: Path) -> Iterator[Pair]:
    for name, source in sources.items():
        try:
            yield from pairs_of(name, source, setup, tools, scratch)
        except ServerDied as error:
            yield from (Pair(name, shape, "", Refusal(str(error))) for shape in HISTORIES)


# --- what comes out -------------------------------------------------------------------------------------------------


def grouped(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """The pairs by verdict, the most frequent first."""
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.verdict].append(pair)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def difference(pair: Pair) -> str:
    """The two prompts line by line, theirs first."""
    theirs, ours = (
        prompt.splitlines() if isinstance(prompt, str) else [prompt.reason] for prompt in (pair.theirs, pair.ours)
    )
    title = f"{pair.template}, {pair.history}: {pair.verdict}"
    return "\n".join([title, *difflib.unified_diff(theirs, ours, "llama-server", "Parley", lineterm="")])


def run(setup: Setup, names: Sequence[str], tools: Tools, source: Path, scratch: Path) -> None:
    """Compare and print; of templates that are named, the differences too."""
    sources = published_templates(source)
    pairs = list(all_pairs({name: sources[name] for name in names or sources}, setup, tools, scratch))
    groups = grouped(pairs)
    if names:
        print("\n\n".join(difference(pair) for pair in pairs if pair.verdict != SAME), end="\n\n")
    print(table(["verdict", "prompts"], [[each, str(len(group))] for each, group in groups.items()]))
    told = {each: [f"{pair.template}: {pair.history}" for pair in group] for each, group in groups.items()}
    figures = {"num_prompts": len(pairs), "num_same": len(told.pop(SAME, ())), "differences": told}
    print(json_line("templates", setup, figures))
