"""The line of this process: which waiting requests stand in the server's line, when there are more than connections.

A waiter on the server takes a connection. This class says whose turn it is to take one. It does no I/O and takes no lock.

- A higher lane goes first. Within a lane, the first to come goes first.
- Each lane keeps a place that lower lanes cannot take. So the first request of each lane always stands in the server's line, and
  the server decides between the lanes as if all stood there.
- One key takes at most half of the places, so that a line that is stuck does not hold up other keys.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from typing import Any, Callable, Deque, Hashable, Optional

LANE_COUNT = 4


@dataclass(eq=False)
class Ticket:
    """A request in the line. `call` is called when it may take a connection."""

    key: Hashable
    lane: int
    call: Callable[[], Any]
    number: int = 0
    standing: bool = False


class Line:
    """Tickets by lane and key.

    >>> line = Line(16)
    >>> order = []
    >>> for lane in (3, 0, 2):
    ...     _ = line.join(Ticket("k", lane, lambda lane=lane: order.append(lane)))
    >>> line.admit()
    >>> order
    [0, 2, 3]
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._last = 0
        self._lanes: list[OrderedDict[Hashable, Deque[Ticket]]] = [OrderedDict() for _ in range(LANE_COUNT)]
        self._standing = 0
        self._by_key: Counter[Hashable] = Counter()
        self._in_line: Counter[Hashable] = Counter()

    def join(self, ticket: Ticket) -> Ticket:
        """Puts a ticket at the end of its lane."""
        self._last += 1
        ticket.number = self._last
        self._lanes[ticket.lane].setdefault(ticket.key, deque()).append(ticket)
        self._in_line[ticket.key] += 1
        return ticket

    def is_alone(self, ticket: Ticket) -> bool:
        """Says whether no other ticket has its key."""
        return self._in_line[ticket.key] == 1

    def leave(self, ticket: Ticket) -> None:
        """Takes a ticket out, whether it stands or not. Call `admit` afterwards."""
        self._in_line[ticket.key] -= 1
        if not self._in_line[ticket.key]:
            del self._in_line[ticket.key]
        if ticket.standing:
            ticket.standing = False
            self._standing -= 1
            self._by_key[ticket.key] -= 1
            if not self._by_key[ticket.key]:
                del self._by_key[ticket.key]
        else:
            self._drop(ticket)

    def _drop(self, ticket: Ticket) -> None:
        queue = self._lanes[ticket.lane][ticket.key]
        queue.remove(ticket)
        if not queue:
            del self._lanes[ticket.lane][ticket.key]

    def admit(self) -> None:
        """Calls the tickets whose turn it is to take a connection."""
        for lane in range(LANE_COUNT):
            while self._standing < max(1, self.places - lane):
                ticket = self._first(lane)
                if ticket is None:
                    break
                self._drop(ticket)
                ticket.standing = True
                self._standing += 1
                self._by_key[ticket.key] += 1
                ticket.call()

    def _first(self, lane: int) -> Optional[Ticket]:
        most = max(1, self.places // 2 - lane)
        heads = (queue[0] for key, queue in self._lanes[lane].items() if self._by_key[key] < most)
        return min(heads, key=lambda ticket: ticket.number, default=None)
