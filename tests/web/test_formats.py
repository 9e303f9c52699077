"""What answers are made of: markdown, formulas, code, thoughts, calls; and what hostile ones are not."""

from __future__ import annotations

from typing import Any

import pytest
from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.web.accessibility import check_accessibility
from tests.web.chatting import answers, ask, composer, open_menu, questions, say, stored_chat, wait_for_answers
from tests.web.conftest import NewPage, Picture

RICH = """# Heading

Some **bold**, *slanted* and ~~struck~~ text with `code`, a [link](https://example.org/a) and $e^{i\\pi} = -1$.

| Name | Number |
|:-----|-------:|
| one  |      1 |
| two  |     22 |

```python
def greet(name: str) -> str:
    return f"Hello {name}"  # a comment
```

$$\\int_0^1 x^2\\,dx = \\frac{1}{3}$$

- plain
    - deeper
- [x] done
- [ ] to do
    1. numbered

> A quote
> > in a quote

![a cat](https://example.org/cat.png)
"""
RIGHT_TO_LEFT = "# שלום\n\nאמת **מודגש** עם `code`.\n\n- אחת\n- שתיים\n\n> ציטוט\n\n| א | ב |\n|---|---|\n| 1 | 2 |"
HOSTILE = {
    "html": "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    "<iframe src='http://localhost:9'></iframe>",
    "links": "[a](javascript:document.title='run') [b](data:text/html,<script>1</script>) "
    "[c](vbscript:1) <javascript:1>",
    "formula": "$\\href{javascript:document.title='run'}{x}$ $\\includegraphics{http://localhost:9/x}$ "
    "$$\\def\\a{\\a\\a}\\a$$",
    "quotes": ">" * 2000 + " deep",
    "lists": "\n".join(f"{'  ' * depth}- x" for depth in range(400)),
    "items": "\n".join(f"- item {number}" for number in range(3000)),
    "unclosed": "**bold *slanted `code [link](http://a ~~struck <b> $x $$y \\[z | a | b\n|-|\n```py\nnever closed **",
    "line": "x" * 1_000_000,
    "marks": "\u202e\u200b\ufffd\u200b" + "e" + "\u0301" * 500,
}


def test_markdown_is_shown_as_what_it_means(page: Page, client: OpenAI, picture: Picture) -> None:
    page.goto(f"/c/{stored_chat(client, 'Show all', RICH)}")
    answer = answers(page)
    expect(answer.get_by_role("heading", name="Heading", level=3)).to_be_visible()
    link = answer.get_by_role("link", name="link")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(link).to_have_attribute("href", "https://example.org/a")
    expect(answer.get_by_role("cell", name="22")).to_be_visible()
    expect(answer.locator("math")).to_have_count(2)
    expect(answer.locator(".hljs-keyword").first).to_have_text("def")
    expect(answer.get_by_role("link", name="a cat")).to_have_attribute("href", "https://example.org/cat.png")
    expect(answer.locator("img")).to_have_count(0)
    assert answer.locator("ul").first.evaluate("(list) => getComputedStyle(list).listStyleType") == "disc"
    page.set_viewport_size({"width": 1280, "height": 1500})
    picture(page, "formats markdown")
    check_accessibility(page)


def test_markdown_in_the_dark(new_page: NewPage, client: OpenAI, picture: Picture) -> None:
    page = new_page(color_scheme="dark", viewport={"width": 1280, "height": 1500})
    page.goto(f"/c/{stored_chat(client, 'Show all', RICH)}")
    expect(answers(page).locator(".hljs-keyword").first).to_be_visible()
    expect(answers(page).locator("math")).to_have_count(2)
    picture(page, "formats markdown dark")
    check_accessibility(page)


def test_code_is_copied(new_page: NewPage, client: OpenAI) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"/c/{stored_chat(client, 'Show all', RICH)}")
    answers(page).get_by_role("button", name="Copy code, python").click()
    expect(answers(page).get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("def greet")


def test_markdown_that_grows_is_the_same_in_the_end(page: Page, client: OpenAI) -> None:
    text = RICH.rstrip()
    page.goto("/")
    ask(page, say(text))
    wait_for_answers(page, 1)
    expect(answers(page).locator("math")).to_have_count(2)
    grown = answers(page).locator(".md").inner_text()
    page.goto(f"/c/{stored_chat(client, 'Show it', text)}")
    expect(answers(page).locator("math")).to_have_count(2)
    assert answers(page).locator(".md").inner_text() == grown


def test_text_from_right_to_left_stands_on_the_right(page: Page, client: OpenAI, picture: Picture) -> None:
    page.goto(f"/c/{stored_chat(client, 'מה שלומך?', RIGHT_TO_LEFT, title='שלום עולם')}")
    paragraph = answers(page).locator("p").first
    expect(paragraph).to_be_visible()
    assert paragraph.evaluate("(element) => getComputedStyle(element).direction") == "rtl"
    list_box, item_box = answers(page).locator("ul").bounding_box(), answers(page).locator("li").first.bounding_box()
    assert list_box is not None
    assert item_box is not None
    assert item_box["x"] + item_box["width"] < list_box["x"] + list_box["width"] - 10, "there is room for the bullets"
    composer(page).fill("עוד")
    picture(page, "formats right to left")
    check_accessibility(page)


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_answer_does_nothing_and_takes_nothing_with_it(
    page: Page, client: OpenAI, picture: Picture, what: str
) -> None:
    page.goto(f"/c/{stored_chat(client, 'Be hostile', HOSTILE[what], title='Mine')}")
    expect(answers(page)).to_have_count(1)
    expect(page).to_have_title("Mine · Parley")
    schemes = page.evaluate("[...document.querySelectorAll('.answer a')].map((link) => link.protocol)")
    assert set(schemes) <= {"http:", "https:", "mailto:"}
    expect(answers(page).locator("img, script, iframe")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(composer(page)).to_be_in_viewport(ratio=1)
    composer(page).fill("still here")
    picture(page, f"formats hostile {what}")


def test_hostile_text_that_grows_is_text(page: Page) -> None:
    page.goto("/")
    ask(page, say(HOSTILE["html"] + HOSTILE["links"] + HOSTILE["unclosed"]))
    wait_for_answers(page, 1)
    expect(answers(page)).to_contain_text("onerror")
    expect(answers(page).locator("img, script, iframe")).to_have_count(0)


def test_thoughts_are_open_while_they_come_and_folded_afterwards(page: Page, picture: Picture) -> None:
    page.goto("/")
    open_menu(page, of="Model: chatml").get_by_role("button", name="thinking Ready").click()
    ask(page, say("<think>\nI think about it for a while, slowly.</think>\n\nFour is the answer.", slowly=True))
    thoughts = answers(page).locator("details")
    expect(thoughts).to_have_attribute("open", "")
    expect(thoughts).to_contain_text("I think about")
    picture(page, "formats thinking")
    check_accessibility(page)
    expect(answers(page)).to_contain_text("Four is")
    expect(thoughts).not_to_have_attribute("open", "")
    wait_for_answers(page, 1)
    expect(answers(page)).to_contain_text("Four is the answer.")
    expect(thoughts).not_to_have_attribute("open", "")
    expect(thoughts.locator("summary")).to_contain_text("Thought for")
    thoughts.locator("summary").click()
    expect(thoughts.get_by_text("for a while, slowly.")).to_be_visible()
    picture(page, "formats thoughts")
    check_accessibility(page)


def test_calls_of_functions_and_their_results_are_folded(page: Page, client: OpenAI, picture: Picture) -> None:
    call = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"town": "Ulm"}'}
    output = {"type": "function_call_output", "call_id": "call_1", "output": '{"degrees": 21}'}
    conversation = stored_chat(client, "How warm is it?")
    items: Any = [call, output, {"type": "message", "role": "assistant", "content": "21 degrees."}]
    client.conversations.items.create(conversation, items=items)
    page.goto(f"/c/{conversation}")
    expect(answers(page)).to_have_count(1)
    expect(answers(page).get_by_text('"town"')).to_be_hidden()
    answers(page).get_by_text("Call of weather").click()
    expect(answers(page).get_by_text('"town": "Ulm"')).to_be_visible()
    answers(page).get_by_text("Result").click()
    picture(page, "formats calls")
    check_accessibility(page)
    expect(questions(page)).to_have_count(1)
