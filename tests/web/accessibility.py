"""What keeps people out of a page, as far as a program sees it: axe's rules, WCAG 2.2 AA and its best practices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import CDPSession, Page

from tests.web import needs

RUN = "axe.run(document, {resultTypes: ['violations'], rules: %s}).then((found) => found.violations)"


def check_accessibility(page: Page, without: Sequence[str] = ()) -> None:
    """Fail with every violation in the page as it is now, but for the rules of the ids in `without`.

    axe runs in a world of its own beside the page's, where the page's policy does not hold: it changes nothing of it.
    """
    rules = "{" + ", ".join(f"'{rule}': {{enabled: false}}" for rule in without) + "}"
    session = page.context.new_cdp_session(page)
    try:
        world = _own_world(session)
        _evaluate(session, world, needs.axe())
        violations = _evaluate(session, world, RUN % rules)
    finally:
        session.detach()
    assert violations == [], "\n".join(map(_described, violations))


def _own_world(session: CDPSession) -> int:
    frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    return int(session.send("Page.createIsolatedWorld", {"frameId": frame})["executionContextId"])


def _evaluate(session: CDPSession, world: int, program: str) -> Any:
    options = {"contextId": world, "awaitPromise": True, "returnByValue": True}
    answer = session.send("Runtime.evaluate", {"expression": program, **options})
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"].get("value")


def _described(violation: dict[str, Any]) -> str:
    places = [f"    {node['html']}\n      {node.get('failureSummary', '')}" for node in violation["nodes"]]
    return "\n".join([f"{violation['id']}: {violation['help']} ({violation['helpUrl']})", *places])
