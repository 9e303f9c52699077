"""Titles in the background: a greenlet of its own asks the model, and nobody waits for it.

Whatever goes wrong is logged and leaves the conversation without a title, so that the next turn tries again. What a
title is, is `server.titles.titles`' business.
"""

from __future__ import annotations

import logging
from contextlib import closing

import gevent

from server.answers.answer import ClientLeft
from server.answers.messages import Message
from server.answers.own import content_of, own_question
from server.answers.request import Blame, Caller
from server.backends.served import ServedModel
from server.errors.tree import ParleyError
from server.http.client_watch import NOBODY
from server.titles.titles import Generate, give_title
from storage.db.database import Database
from storage.errors import StorageError

logger = logging.getLogger(__name__)


def title_soon(
    database: Database, user_id: int, conversation_id: str, model: ServedModel, caller: Caller
) -> gevent.Greenlet:
    """Have a title made for this conversation, unless it has one; the greenlet never raises."""
    return gevent.spawn(_title, database, user_id, conversation_id, text_generator(model, caller))


def text_generator(model: ServedModel, caller: Caller) -> Generate:
    """Generates the likeliest answer, for nobody in particular; raises ParleyError and ClientLeft."""

    def generate(messages: list[Message], max_tokens: int) -> str:
        answer = model.answer(own_question(messages, max_tokens, Blame()), caller, NOBODY)
        answer.start()
        with closing(answer):
            return content_of(answer)

    return generate


def _title(database: Database, user_id: int, conversation_id: str, generate: Generate) -> None:
    try:
        give_title(database, user_id, conversation_id, generate)
    except (ParleyError, StorageError, ClientLeft) as error:
        logger.info("conversation %s has no title yet: %s", conversation_id, error)
    except Exception:
        logger.exception("conversation %s has no title yet", conversation_id)
