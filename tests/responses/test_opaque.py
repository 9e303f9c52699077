"""What clients keep for us: readable by anybody, and read only if it is ours."""

from __future__ import annotations

import base64
import json

from server.responses.compaction import Sealed, compaction_item
from server.responses.opaque import SealedText, seal, sealed_text, unseal, unsealed_text


def test_reasoning_is_not_encrypted() -> None:
    assert json.loads(base64.urlsafe_b64decode(sealed_text("Hm, é."))) == {"text": "Hm, é."}


def test_a_compaction_is_not_encrypted() -> None:
    item = compaction_item("cmp_1", Sealed(summary="They met.", items=[{"type": "message"}]))
    held = json.loads(base64.urlsafe_b64decode(item["encrypted_content"]))
    assert (held["summary"], held["items"]) == ("They met.", [{"type": "message"}])


def test_what_is_sealed_comes_back_and_nothing_else_does() -> None:
    assert unsealed_text(sealed_text("Hm.")) == "Hm."
    assert unseal(seal(SealedText("Hm.")), SealedText) == SealedText("Hm.")
    for foreign in (None, 5, "", "gAAAA", base64.b64encode(b"[]").decode(), base64.b64encode(b'{"text": 5}').decode()):
        assert (unsealed_text(foreign), unseal(foreign, SealedText)) == ("", None)
