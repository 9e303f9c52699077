"""The tables as Pony sees them. migrations/ makes them; a start fails if the two do not agree.

No attribute is a relation: queries join by numbers, and what the database deletes together is said in the tables.
Entities never leave this package, and most queries select tuples, which cost an eighth of an entity.
"""

from __future__ import annotations

from pony.orm import Database as Db
from pony.orm import Optional, PrimaryKey, Required


def define_entities(db: Db) -> None:
    """Give the database its entities as attributes: `db.User`, `db.Item`, ..."""
    _define_people(db)
    _define_conversations(db)
    _define_responses(db)
    _define_prompts(db)


def _define_people(db: Db) -> None:
    class User(db.Entity):
        _table_ = "users"
        id = PrimaryKey(int, size=64, auto=True)
        public_id = Required(str, unique=True)
        name = Required(str, autostrip=False)
        is_local = Required(bool)
        is_admin = Required(bool)
        is_disabled = Required(bool)
        created_at = Required(int, size=64)

    class ApiKey(db.Entity):
        _table_ = "api_keys"
        id = PrimaryKey(int, size=64, auto=True)
        public_id = Required(str, unique=True)
        user_id = Required(int, size=64)
        name = Optional(str, autostrip=False)
        prefix = Required(str)
        secret_hash = Required(str, unique=True)
        created_at = Required(int, size=64)
        expires_at = Optional(int, size=64)
        revoked_at = Optional(int, size=64)
        last_used_at = Optional(int, size=64)


def _define_conversations(db: Db) -> None:
    class Conversation(db.Entity):
        _table_ = "conversations"
        id = PrimaryKey(int, size=64, auto=True)
        public_id = Required(str, unique=True)
        user_id = Required(int, size=64)
        title = Optional(str, autostrip=False, nullable=True)
        metadata = Optional(str, autostrip=False)
        created_at = Required(int, size=64)
        active_at = Required(int, size=64)  # microseconds
        next_position = Required(int, size=64)
        lock_owner = Optional(str, nullable=True)
        lock_until = Optional(int, size=64)  # microseconds
        lock_worker = Optional(str, nullable=True)
        root_id = Optional(int, size=64)  # its own number, if it is the root
        forked_from_id = Optional(int, size=64)
        forked_item_id = Optional(str, autostrip=False, nullable=True)  # public id of the last shared item
        forked_position = Optional(int, size=64)  # the first that is not shared
        family_active_at = Optional(int, size=64)  # microseconds; right at roots only
        instructions = Optional(str, autostrip=False, nullable=True)
        defaults = Optional(str, autostrip=False)
        is_pinned = Optional(bool)
        is_archived = Optional(bool)

    class ConversationMetadata(db.Entity):
        _table_ = "conversation_metadata"
        conversation_id = Required(int, size=64)
        key = Required(str, autostrip=False)
        value = Optional(str, autostrip=False)
        PrimaryKey(conversation_id, key)

    class Item(db.Entity):
        _table_ = "items"
        id = PrimaryKey(int, size=64, auto=True)
        public_id = Required(str, autostrip=False)
        user_id = Required(int, size=64)
        type = Optional(str, autostrip=False)
        status = Optional(str, autostrip=False, nullable=True)
        data = Optional(str, autostrip=False)
        created_at = Required(int, size=64)

    class ConversationItem(db.Entity):
        _table_ = "conversation_items"
        conversation_id = Required(int, size=64)
        position = Required(int, size=64)
        item_id = Required(int, size=64)
        PrimaryKey(conversation_id, position)


def _define_responses(db: Db) -> None:
    class Response(db.Entity):
        _table_ = "responses"
        id = PrimaryKey(int, size=64, auto=True)
        public_id = Required(str, unique=True)
        user_id = Required(int, size=64)
        status = Required(str)
        conversation_public_id = Optional(str, nullable=True)
        conversation_position = Optional(int, size=64)  # of its first input item: what lies before was its context
        previous_response_id = Optional(str, nullable=True)
        is_background = Required(bool)
        is_cancel_requested = Required(bool)
        idempotency_key = Optional(str, autostrip=False, nullable=True)
        owner = Optional(str, nullable=True)
        lease_until = Optional(int, size=64)  # microseconds; none after the end
        next_position = Required(int, size=64)
        body = Optional(str, autostrip=False)
        summary = Optional(str, autostrip=False, nullable=True)
        created_at = Required(int, size=64)

    class ResponseItem(db.Entity):
        _table_ = "response_items"
        response_id = Required(int, size=64)
        position = Required(int, size=64)
        item_id = Required(int, size=64)
        is_output = Required(bool)
        PrimaryKey(response_id, position)

    class ResponseEvent(db.Entity):
        _table_ = "response_events"
        response_id = Required(int, size=64)
        sequence_number = Required(int, size=64)
        data = Optional(str, autostrip=False)
        PrimaryKey(response_id, sequence_number)


def _define_prompts(db: Db) -> None:
    class Prompt(db.Entity):
        _table_ = "prompts"
        id = PrimaryKey(int, size=64, auto=True)
        public_id = Required(str, unique=True)
        user_id = Required(int, size=64)
        name = Required(str, autostrip=False)
        version = Required(int, size=64)
        created_at = Required(int, size=64)
        updated_at = Required(int, size=64)

    class PromptVersion(db.Entity):
        _table_ = "prompt_versions"
        prompt_id = Required(int, size=64)
        version = Required(int, size=64)
        text = Optional(str, autostrip=False)
        created_at = Required(int, size=64)
        PrimaryKey(prompt_id, version)
