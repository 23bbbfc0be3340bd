"""A sender phone and its connection, which the dashboard manages and the API only shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from affidavit.sandbox.http import rfc3339
from affidavit.sandbox.model import Json

ConnectionStatus: TypeAlias = Literal["connected", "disconnected", "connecting"]
CONNECTION_STATUSES: tuple[ConnectionStatus, ...] = get_args(ConnectionStatus)


@dataclass(slots=True, eq=False)
class Phone:
    """One phone; moments are epoch seconds."""

    id: str
    number: str
    """E.164, with the plus."""
    display_name: str
    connection_status: ConnectionStatus
    created: float
    last_connected: float | None
    last_disconnected: float | None
    updated: float

    def connection(self, status: ConnectionStatus, now: float) -> None:
        """The connection is so from now on."""
        self.connection_status = status
        self.updated = now
        if status == "connected":
            self.last_connected = now
        elif status == "disconnected":
            self.last_disconnected = now

    def view(self) -> dict[str, Json]:
        """The phone as listed."""
        return {
            "id": self.id,
            "phoneNumber": self.number,
            "displayName": self.display_name,
            "connectionStatus": self.connection_status,
            "lastConnectedAt": moment(self.last_connected),
            "lastDisconnectedAt": moment(self.last_disconnected),
            "createdAt": rfc3339(self.created),
            "updatedAt": rfc3339(self.updated),
        }

    def status_view(self) -> dict[str, Json]:
        """The six fields of the status operation."""
        view = self.view()
        del view["displayName"], view["createdAt"]
        return view


def moment(at: float | None) -> str | None:
    """A moment as the provider writes it, or None."""
    return None if at is None else rfc3339(at)
