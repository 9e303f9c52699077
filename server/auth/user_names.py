"""What may be a user's name: whatever an operator or a proxy calls them, a UUID, an e-mail address, a word.

Names are compared as they are: no case is folded and nothing is cut off, since they may be somebody else's ids.
"""

from __future__ import annotations

from typing import ClassVar

MAX_USER_NAME_LENGTH = 255


class InvalidUserName(ValueError):
    RULE: ClassVar[str] = (
        f"a user's name has 1 to {MAX_USER_NAME_LENGTH} visible characters, no commas, and no spaces at its ends"
    )

    def __init__(self) -> None:
        super().__init__(self.RULE)


def parse_user_name(text: str) -> str:
    """Return `text`, or raise InvalidUserName.

    Commas are how several headers of one name arrive, so a name with one might be two names; what cannot be seen
    (control characters, zero-width ones) makes two users look like one.
    """
    is_valid = 1 <= len(text) <= MAX_USER_NAME_LENGTH and text.isprintable() and "," not in text
    if not is_valid or text != text.strip():
        raise InvalidUserName
    return text
