"""Random conversations such as clients send and Parley itself stores, of texts that can be found again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

Message = dict[str, Any]


@dataclass
class History:
    """A conversation, and which of its words must be in a prompt."""

    random: Random
    messages: list[Message] = field(default_factory=list)
    ordered: list[str] = field(default_factory=list)
    """Words that stand in this order."""
    beside_calls: list[str] = field(default_factory=list)
    """Words that the assistant says in a message that calls: templates have them in front of the calls or behind."""
    leading: list[str] = field(default_factory=list)
    """Instructions in front, which some templates show later."""
    num_words: int = 0

    def word(self) -> str:
        self.num_words += 1
        return f"word{self.num_words}word"

    def say(self, role: str, **more: Any) -> None:
        word = self.word()
        is_leading = role in ("system", "developer") and all(
            m["role"] in ("system", "developer") for m in self.messages
        )
        (self.leading if is_leading else self.ordered).append(word)
        self.messages.append({"role": role, "content": word, **more})

    def say_nothing(self, role: str) -> None:
        self.messages.append({"role": role, "content": ""})

    def think(self) -> None:
        self.say("assistant", reasoning_content="Hm.")

    def call(self, num_calls: int, *, text: bool = False, thoughts: bool = False) -> None:
        """A round of calls with its results."""
        ids = [f"call_{self.word()}" for _ in range(num_calls)]
        words = {call_id: (self.word(), self.word()) for call_id in ids}
        beside = [self.word()] if text else []
        self.beside_calls += beside
        self.messages.append(
            {
                "role": "assistant",
                "content": "".join(beside),
                **({"reasoning_content": "Hm."} if thoughts else {}),
                "tool_calls": [_call(call_id, argument) for call_id, (argument, _) in words.items()],
            }
        )
        for call_id, (_, result) in words.items():
            self.messages.append({"role": "tool", "tool_call_id": call_id, "content": result})
        self.ordered += [result for _, result in words.values()]
        self.beside_calls += [argument for argument, _ in words.values()]


def _call(call_id: str, argument: str) -> dict[str, Any]:
    function = {"name": "probe", "arguments": f'{{"x": "{argument}"}}'}
    return {"id": call_id, "type": "function", "function": function}


def random_history(seed: int) -> History:
    random = Random(seed)
    history = History(random)
    for role in random.choice([[], [], ["system"], ["developer"], ["system", "developer"], ["system", "system"]]):
        history.say(role)
    steps: list[Callable[[], None]] = [
        lambda: history.say("user"),
        lambda: history.say("user"),
        lambda: history.say("assistant"),
        lambda: history.say(random.choice(["system", "developer"])),
        lambda: history.say_nothing(random.choice(["user", "assistant"])),
        history.think,
        lambda: history.call(random.choice([1, 1, 2, 3]), text=random.random() < 0.4, thoughts=random.random() < 0.4),
    ]
    for _ in range(random.randrange(1, 9)):
        random.choice(steps)()
    return history
