"""`/v1/responses`: made, looked at, followed, cancelled, deleted.

What is stored is made by a turn in a greenlet of its own, which outlives the request where it has to; what is not
stored is made by the request itself and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, request

from schemas.fields.ids import check_id
from schemas.objects.lists import list_object
from schemas.objects.responses import InputTokens, ResponseDeleted
from schemas.pages import load_page_query, load_wants_origin
from schemas.responses import RESPONSE, ResponsesRequest, load_retrieval
from server.answers.answer import ClientLeft
from server.answers.request import WatchStanding
from server.api.history import opened
from server.api.services import client_watch, json_body, json_response, running_stopwatch, services, wanted_model
from server.api.storage_errors import client_error
from server.api.stored_words import load_response_with_stored_words
from server.api.summaries import shown_items
from server.auth.authentication import current_caller, current_user
from server.backends.served import ServedModel
from server.errors.handlers import error_response
from server.errors.tree import DO_NOT_RETRY, InvalidRequest, ParleyError, Unauthorized
from server.http import sse
from server.http.client_watch import NOBODY
from server.responses import replay
from server.responses.builder import error_event, is_terminal
from server.responses.new_response import NewResponse
from server.responses.policy import with_policy
from server.responses.prompting import Prompting
from server.responses.repeats import Repeat, find_repeat
from server.titles.titling import title_soon
from server.turns.follow import follow_stored
from server.turns.teller import WireEvent
from server.turns.telling import produce, tell
from server.turns.turn import Turn
from storage import responses
from storage.errors import StorageError
from storage.ids import new_id

blueprint = Blueprint("responses", __name__, url_prefix="/v1/responses")


@blueprint.post("")
def create_response() -> Response:
    wanted = load_response_with_stored_words(json_body())
    model = wanted_model(wanted.model)
    wanted = with_policy(wanted, model.policy)
    return _stored(wanted, model) if wanted.store else _unstored(wanted, model)


@blueprint.get("/<response_id>")
def retrieve_response(response_id: str) -> Response:
    wanted = load_retrieval(request.args.to_dict(flat=False))
    body = _current_body(response_id)
    if not wanted.stream:
        return json_response(body)
    if body["object"] != "response":
        raise InvalidRequest("A compaction is not made as a stream and has no events.", param="stream")
    return _event_stream(_followed(response_id, wanted.starting_after))


@blueprint.delete("/<response_id>")
def delete_response(response_id: str) -> Response:
    check_id(response_id, "response_id", RESPONSE)
    services().database.run(responses.delete, current_user().id, response_id)
    if turn := services().turns.find(response_id):
        turn.leave()
    return json_response(ResponseDeleted(id=response_id))


@blueprint.post("/<response_id>/cancel")
def cancel_response(response_id: str) -> Response:
    """Only what is in the background; whatever else has its client to stop it."""
    check_id(response_id, "response_id", RESPONSE)
    found = services().database.run(responses.request_cancel, current_user().id, response_id)
    if not found.is_background:
        raise InvalidRequest("Cannot cancel a synchronous response: only one in the background can be cancelled.")
    if turn := services().turns.find(response_id):
        turn.cancel()
    return json_response(_ended_body(response_id))


@blueprint.get("/<response_id>/input_items")
def list_input_items(response_id: str) -> Response:
    check_id(response_id, "response_id", RESPONSE)
    query = request.args.to_dict(flat=False)
    has_origin = load_wants_origin(query)
    page = load_page_query(query)
    found = services().database.run(
        responses.input_items_page, current_user().id, response_id, after=page.after, limit=page.limit, order=page.order
    )
    return json_response(list_object(shown_items(found.data, has_origin=has_origin), found.has_more))


@blueprint.post("/input_tokens")
def count_input_tokens() -> Response:
    wanted = load_response_with_stored_words({**json_body(), "store": False, "background": False})
    model = wanted_model(wanted.model)
    prompting = _prompting(with_policy(wanted, model.policy), model)
    return json_response(InputTokens(input_tokens=prompting.count()))


# --- looking at what is stored --------------------------------------------------------------------------------------


def _current_body(response_id: str) -> dict[str, Any]:
    """The Response object; while it is being made, with what there is already, here or in the storage."""
    check_id(response_id, "response_id", RESPONSE)
    database, user_id = services().database, current_user().id
    found = database.run(responses.get, user_id, response_id)
    if not found.is_running:
        return found.body
    if turn := services().turns.find(response_id):
        if not turn.is_ending:
            return turn.body
        turn.wait()
        return _current_body(response_id)
    output = database.run(responses.output_items, user_id, response_id)
    return {**found.body, "output": [item.data for item in output]}


def _ended_body(response_id: str) -> dict[str, Any]:
    """The Response object in the end, once that has come."""
    for events in _followed(response_id, -1):
        if any(map(is_terminal, events)):
            break
    return _current_body(response_id)


def _followed(response_id: str, after: int) -> Iterator[list[WireEvent]]:
    """The events of a response that exists, numbered higher than `after`, for as long as this client may have them."""
    watch_standing = current_caller().watch_standing
    return _with_last_word(_while_let_in(_told(response_id, after), watch_standing), after)


def _told(response_id: str, after: int) -> Iterator[list[WireEvent]]:
    """The events, from the turn that makes them if it is here, else from the storage."""
    ping_seconds = services().settings.ping_seconds
    if turn := services().turns.find(response_id):
        return turn.follow(after, ping_seconds)
    database, user_id = services().database, current_user().id
    return follow_stored(
        replay,
        lambda last: [event.data for event in database.run(responses.events, user_id, response_id, last)],
        lambda: database.run(responses.get, user_id, response_id).body,
        after,
        ping_seconds,
    )


def _while_let_in(followed: Iterator[list[WireEvent]], watch_standing: WatchStanding) -> Iterator[list[WireEvent]]:
    """The events until whoever asked for them is let in no more: the key was revoked, say. Raises that, then."""
    lost: list[Exception] = []
    stop_watching = watch_standing(lost.append)
    try:
        for events in followed:
            if lost:
                raise lost[0]
            yield events
    finally:
        stop_watching()


def _with_last_word(followed: Iterator[list[WireEvent]], after: int) -> Iterator[list[WireEvent]]:
    """The events, and as the last one the error for which they cannot go on: the response was deleted, say."""
    try:
        for events in followed:
            after = events[-1]["sequence_number"] if events else after
            yield events
    except StorageError as error:
        yield [error_event(after + 1, client_error(error))]
    except Unauthorized as error:
        yield [error_event(after + 1, error)]


# --- not stored -----------------------------------------------------------------------------------------------------


def _unstored(wanted: ResponsesRequest, model: ServedModel) -> Response:
    """Made by this request, and gone with it."""
    prompting = _prompting(wanted, model)
    started = prompting.start()
    answer = started.answer
    builder = prompting.builder(started, new_id("resp"))
    if wanted.stream:
        streamed = _event_stream(tell(answer, builder, services().settings.ping_seconds))
        streamed.call_on_close(answer.close)  # a body that was never begun runs no `finally` of its own
        return streamed
    for _ in produce(answer, builder):
        pass
    return json_response(builder.body)


def _prompting(wanted: ResponsesRequest, model: ServedModel) -> Prompting:
    """The prompt of a request that is not stored."""
    return Prompting(model, wanted, opened(wanted), current_caller(), client_watch(), running_stopwatch())


# --- stored ---------------------------------------------------------------------------------------------------------


def _stored(wanted: ResponsesRequest, model: ServedModel) -> Response:
    """Made by a turn, which this request follows unless it is in the background."""
    repeat = find_repeat(services().database, current_user().id, wanted, request.headers.get)
    if repeat.answered_by is not None:
        return _answered_before(wanted, repeat.answered_by)
    turn = services().turns.begin(_new_response(wanted, model, repeat))
    if wanted.stream:
        return _turn_stream(turn, leaves=not wanted.background)
    if wanted.background:
        return json_response(turn.body)
    response = turn.wait()
    if turn.error is not None:
        return _final_error(turn.error)
    if turn.is_abandoned:
        raise ClientLeft
    return json_response(response)


def _answered_before(wanted: ResponsesRequest, response_id: str) -> Response:
    """The response that an earlier attempt has made, or still makes."""
    if wanted.stream:
        return _event_stream(_followed(response_id, -1))
    return json_response(_current_body(response_id) if wanted.background else _ended_body(response_id))


def _new_response(wanted: ResponsesRequest, model: ServedModel, repeat: Repeat) -> NewResponse:
    database, user_id, caller = services().database, current_user().id, current_caller()
    makes_titles = services().settings.make_titles

    def give_title() -> None:
        """After every turn of a conversation: a first attempt may have failed, and one with a title costs a query."""
        if makes_titles and wanted.conversation_id is not None:
            title_soon(database, user_id, wanted.conversation_id, model, caller)

    watch = NOBODY if wanted.background else client_watch()
    return NewResponse(
        database, user_id, wanted, model, caller, watch, running_stopwatch(), on_end=give_title, repeat=repeat
    )


def _turn_stream(turn: Turn, *, leaves: bool) -> Response:
    streamed = _event_stream(turn.follow(silence_seconds=services().settings.ping_seconds))
    if leaves:
        streamed.call_on_close(turn.leave)
    return streamed


def _final_error(error: ParleyError) -> Response:
    """What was asked is stored: were it asked again, it would be there twice."""
    response = error_response(error)
    response.headers.update(DO_NOT_RETRY)
    return response


def _event_stream(batches: Iterator[list[WireEvent]]) -> Response:
    return sse.stream_response(_encoded(batches))


def _encoded(batches: Iterator[list[WireEvent]]) -> Iterator[bytes]:
    for events in batches:
        yield b"".join(sse.named_event(event["type"], event) for event in events) or sse.PING
