"""What storage refuses, as the error that the client gets.

Endpoints let `storage.errors` pass, and `server.app` answers with this; whoever is in the middle of a stream calls it.
"""

from __future__ import annotations

import logging

from server.errors.tree import (
    ConversationBusy,
    DatabaseUnavailable,
    InvalidRequest,
    ItemSentTwice,
    ParleyError,
    RecordMissing,
)
from storage.errors import (
    ConversationLocked,
    DuplicateItem,
    DuplicatePrompt,
    RecordNotFound,
    StorageError,
    StorageUnavailable,
)

logger = logging.getLogger(__name__)


def client_error(error: StorageError) -> ParleyError:
    """Our word for it on the wire. The reason why a database does not answer is for the log only."""
    match error:
        case RecordNotFound():
            return RecordMissing(error.kind, error.public_id)
        case ConversationLocked():
            return ConversationBusy(error.owner)
        case DuplicateItem():
            return ItemSentTwice(error.public_id)
        case DuplicatePrompt():
            return InvalidRequest(str(error), param="name", code="duplicate_name")
        case StorageUnavailable():
            logger.warning("%s", error)
            return DatabaseUnavailable(
                error.retry_after_seconds,
                may_have_happened=error.is_outcome_unknown,
                is_unwritable=error.is_unwritable,
            )
        case _:
            return InvalidRequest(str(error))
