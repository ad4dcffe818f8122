"""What the limits allow, computed the slow way: it stores every admission and sums them."""

from collections import deque


class Slide:
    """One sliding window: its admissions that may still count."""

    def __init__(self, limit, window_ms):
        self.limit, self.window_ms = limit, window_ms
        self.held = deque()  # [instant, cost]; a settlement changes the cost
        self.most = 0
        self.last = 0

    def used(self, now):
        while self.held and self.held[0][0] + self.window_ms <= now:
            self.held.popleft()
        return sum(cost for _, cost in self.held)

    def fits(self, now, cost):
        return self.used(now) + cost <= self.limit

    def admit(self, now, cost):
        assert self.last <= now, "instants of a key run backwards"
        self.last = now
        self.most = max(self.most, self.used(now) + cost)
        entry = [now, cost]
        self.held.append(entry)
        return entry

    def remaining(self, now):
        return max(self.limit - self.used(now), 0)


class InFlight:
    """Open reservations, each until it is settled or has run out."""

    def __init__(self, limit):
        self.limit, self.open, self.most = limit, {}, 0

    def used(self, now):
        return sum(expires > now for expires in self.open.values())

    def fits(self, now, _cost):
        return self.used(now) < self.limit

    def admit(self, now, id, expires):
        self.open[id] = expires
        self.most = max(self.most, self.used(now))

    def remaining(self, now):
        return self.limit - self.used(now)
