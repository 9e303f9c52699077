"""Titles in the background: a greenlet of its own asks the model, and nobody waits for it.

Whatever goes wrong is logged and leaves the conversation without a title, so that the next turn tries again. What a
title is, is `server.titles.titles`' business.
"""

from __future__ import annotations

import logging

import gevent

from schemas.chat_completions import ChatCompletionRequest
from schemas.sampling import SamplingOptions
from server.backends.local.generation import ClientLeft, Generation
from server.backends.local.submission import Caller, make_submit
from server.backends.served_models import ServedModel
from server.chat.output.plan import plan_output
from server.chat.output.reader import content_of
from server.chat.template.template import TemplateError
from server.errors import ParleyError
from server.http.client_watch import ClientWatch
from server.protocol.messages import CachePolicy
from server.titles.titles import Generate, Message, give_title
from storage.db.database import Database
from storage.errors import StorageError

NOT_AGAIN = CachePolicy(retention="in_memory")
"""Nothing goes on from a title."""

logger = logging.getLogger(__name__)


def title_soon(
    database: Database, user_id: int, conversation_id: str, model: ServedModel, caller: Caller
) -> gevent.Greenlet:
    """Have a title made for this conversation, unless it has one; the greenlet never raises."""
    return gevent.spawn(_title, database, user_id, conversation_id, text_generator(model, caller))


def text_generator(model: ServedModel, caller: Caller) -> Generate:
    """Generates the likeliest answer, for nobody in particular; raises ParleyError, ClientLeft and TemplateError."""

    def generate(messages: list[Message], max_tokens: int) -> str:
        wanted = ChatCompletionRequest(tuple(messages), sampling=SamplingOptions(temperature=0), max_tokens=max_tokens)
        # There is no room for thoughts; templates that know none ignore it.
        template = model.chat_template()
        pieces = template.render(messages, template_kwargs={"enable_thinking": False})
        plan = plan_output(template, pieces)
        submit = make_submit(
            wanted,
            model.require_card(),
            pieces=pieces,
            shown_control_tokens=plan.shown_control_tokens,
            caller=caller,
            cache_policy=NOT_AGAIN,
        )
        with Generation(model, [submit], ClientWatch({}), prompt_param="messages") as generation:
            generation.start()
            return content_of(plan.reader(), (event for batch in generation.events() for _, event in batch))

    return generate


def _title(database: Database, user_id: int, conversation_id: str, generate: Generate) -> None:
    try:
        give_title(database, user_id, conversation_id, generate)
    except (ParleyError, StorageError, TemplateError, ClientLeft) as error:
        logger.info("conversation %s has no title yet: %s", conversation_id, error)
    except Exception:
        logger.exception("conversation %s has no title yet", conversation_id)
