"""Models of this machine behind the protocols of `server.answers`: template, plan, submit, engine, reader.

    ChatRequest -> prompt -> OutputPlan, Submit -> Generation -> LocalAnswer

A model that writes and one that embeds are two kinds of backend. Neither knows HTTP, or which endpoint asks.
"""

from __future__ import annotations

import msgspec

from schemas.completions import CompletionRequest
from schemas.embeddings import EmbeddingRequest
from schemas.sampling import SamplingOptions
from schemas.tokens import DetokenizeRequest, TokenizeRequest
from server.answers.backend import Card, Features, TokenList, Vectors
from server.answers.request import Caller, ChatRequest
from server.backends.local.answer import LocalAnswer
from server.backends.local.asking import ask
from server.backends.local.chat import prepare, prompt_pieces
from server.backends.local.generation import Generation
from server.backends.local.grammar_blame import grammar_blame
from server.backends.local.model import LocalModel
from server.backends.local.submission import completion_submits, embed_message, queue_key, sampling_params
from server.chat.output.plan import OutputPlan
from server.errors.tree import ContextLengthExceeded, InvalidRequest
from server.http.client_watch import ClientWatch
from server.protocol.messages import Detokenize, ModelCard, Question, Submit, Tokenize


class _LocalBackend:
    """What models for either purpose can do: say what they are, and answer for their vocabulary."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model
        self._shown: tuple[ModelCard, Card] | None = None
        self.wait_until_loaded = model.wait_until_loaded
        self.load = model.load
        self.unload = model.unload

    def card(self) -> Card | None:
        card = self._model.card()
        return None if card is None else self._as_shown(card)

    def require_card(self) -> Card:
        return self._as_shown(self._model.require_card())

    def tokenize(self, wanted: TokenizeRequest, caller: Caller, watch: ClientWatch) -> TokenList:
        question = Tokenize(
            request_id=0,
            text=wanted.content,
            parse_special=wanted.parse_special,
            adds_special=wanted.add_special,
            wants_pieces=wanted.with_pieces,
            queue_key=queue_key(caller, None),
        )
        return self._ask(question, watch, "content")

    def detokenize(self, wanted: DetokenizeRequest, caller: Caller, watch: ClientWatch) -> TokenList:
        question = Detokenize(request_id=0, token_ids=wanted.tokens, queue_key=queue_key(caller, None))
        return self._ask(question, watch, "tokens")

    def _ask(self, question: Question, watch: ClientWatch, param: str) -> TokenList:
        self._model.require_card()
        found = ask(self._model, question, watch, param)
        return TokenList(found.token_ids, found.pieces)

    def _as_shown(self, card: ModelCard) -> Card:
        """Made once per load: every request asks for it."""
        if self._shown is None or self._shown[0] is not card:
            self._shown = card, _shown(card)
        return self._shown[1]


class WritingBackend(_LocalBackend):
    """A model that writes: implements `Backend`, `Completing`, `Tokenizing`, `Rendering` and `Loading`."""

    purpose = "generates text; only models with `embedding = true` in the server's settings make embeddings."

    def __init__(self, model: LocalModel, max_waiting_requests: int) -> None:
        super().__init__(model)
        self._max_waiting_requests = max_waiting_requests

    def answer(self, request: ChatRequest, caller: Caller, watch: ClientWatch) -> LocalAnswer:
        submit, plan = prepare(self._model, request, caller)
        return LocalAnswer(self._generation(submit, request, caller, watch), plan)

    def count(self, request: ChatRequest, caller: Caller, watch: ClientWatch) -> int:
        submit, _ = prepare(self._model, request, caller)
        with self._generation(msgspec.structs.replace(submit, max_tokens=0), request, caller, watch) as generation:
            try:
                generation.start()
            except ContextLengthExceeded as error:
                return error.num_prompt_tokens
            return generation.usage.num_prompt_tokens

    def features(self) -> Features:
        return self._model.features()

    def complete(self, wanted: CompletionRequest, caller: Caller, watch: ClientWatch) -> LocalAnswer:
        card = self._model.require_card()
        check_room(len(wanted.prompts), card.num_slots + self._max_waiting_requests)
        submits = completion_submits(wanted, card, caller)
        blame = grammar_blame(wanted.output_format, submits[0].grammar)
        generation = Generation(self._model, submits, caller, watch, prompt_param="prompt", grammar_blame=blame)
        return LocalAnswer(generation, OutputPlan())

    def prompt_text(self, request: ChatRequest) -> str:
        return "".join(piece.text for piece in prompt_pieces(self._model, request))

    def _generation(self, submit: Submit, request: ChatRequest, caller: Caller, watch: ClientWatch) -> Generation:
        blame = grammar_blame(request.output_format, submit.grammar, request.blame.tools)
        return Generation(self._model, [submit], caller, watch, prompt_param=request.blame.prompt, grammar_blame=blame)


class EmbeddingBackend(_LocalBackend):
    """A model that makes vectors: implements `Embedding`, `Tokenizing` and `Loading`."""

    purpose = "makes embeddings; it cannot generate text."

    def embed(self, wanted: EmbeddingRequest, caller: Caller, watch: ClientWatch) -> Vectors:
        self._model.require_card()
        message = embed_message(wanted, caller)
        with Generation(self._model, [message], caller, watch, prompt_param="input") as generation:
            generation.start()
            return Vectors(generation.vectors(), generation.usage.num_prompt_tokens)


def check_room(num_prompts: int, most: int) -> None:
    """Refuse more prompts than slots and queue hold: there will never be room for all of them at once."""
    if num_prompts > most:
        raise InvalidRequest(
            f"'prompt' has {num_prompts} prompts, but at most {most} can run and wait at once here.",
            param="prompt",
            code="invalid_value",
        )


def _shown(card: ModelCard) -> Card:
    defaults = sampling_params(SamplingOptions(), card)
    return Card(
        n_ctx=card.n_ctx,
        description=card.description,
        n_ctx_train=card.n_ctx_train,
        n_vocab=card.n_vocab,
        n_params=card.n_params,
        size_bytes=card.size_bytes,
        num_slots=card.num_slots,
        system_fingerprint=card.system_fingerprint,
        device=card.device,
        temperature=defaults.temperature,
        top_p=defaults.top_p,
        presence_penalty=defaults.presence_penalty,
        frequency_penalty=defaults.frequency_penalty,
    )
