"""What those may not who are known, or what web pages may not: the part of the tree below `Forbidden`."""

from __future__ import annotations

from server.errors.tree import Forbidden, echo


class AdminOnly(Forbidden):
    """A user who is no admin wants to do something for all users."""

    default_code = "admin_only"

    def __init__(self) -> None:
        super().__init__("Only admins may do this. Whoever runs this server can make one: `parley users add --admin`.")


class HostNotAllowed(Forbidden):
    """The page calls the server by a name that is not the server's."""

    default_code = "host_not_allowed"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"This server is not called '{echo(host)}'. If it should be, its operator can add that name to the "
            "setting allowed_hosts."
        )
        self.host = host


class OriginNotAllowed(Forbidden):
    """The page is of another site, and wants something changed; `origin` is None where the browser only says that."""

    default_code = "origin_not_allowed"

    def __init__(self, origin: str | None) -> None:
        site = "another site" if origin is None else echo(origin)
        super().__init__(f"Pages of {site} must not do this. The setting cors_origins lists those that may.")
        self.origin = origin
