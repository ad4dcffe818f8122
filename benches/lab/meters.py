"""Limits as providers count them. The provider of the lab enforces them, and the judge computes with them what they allow.

All times are seconds of one clock. `room` may be negative: what a call really used is charged even past the limit.
"""

import collections
import math


class Bucket:
    """A token bucket: gains `limit` in each `window`, continuously, and holds at most `capacity`."""

    def __init__(self, limit, window, capacity=None):
        self.limit, self.window, self.capacity = limit, window, capacity or limit
        self.level, self.at = float(self.capacity), 0.0

    def room(self, now):
        if now > self.at:
            self.level = min(self.capacity, self.level + (now - self.at) * self.limit / self.window)
            self.at = now
        return self.level

    def take(self, now, cost):
        self.room(now)
        self.level -= cost

    def wait(self, now, cost):
        """Returns the seconds until `cost` fits."""
        return max(0.0, (cost - self.room(now)) * self.window / self.limit)

    def reset(self, now):
        return self.wait(now, self.capacity)

    def change(self, now, factor):
        self.room(now)
        self.limit, self.capacity = self.limit * factor, self.capacity * factor
        self.level = min(self.level, self.capacity)


class Sliding:
    """A sliding window: at most `limit` in every interval of length `window`."""

    def __init__(self, limit, window, capacity=None):
        self.limit, self.window = limit, window
        self.used, self.log = 0.0, collections.deque()

    def room(self, now):
        while self.log and self.log[0][0] <= now - self.window:
            self.used -= self.log.popleft()[1]
        return self.limit - self.used

    def take(self, now, cost):
        self.room(now)
        self.log.append((now, cost))
        self.used += cost

    def wait(self, now, cost):
        short = cost - self.room(now)
        for at, taken in self.log:
            if short <= 0:
                break
            short -= taken
            if short <= 0:
                return at + self.window - now
        return 0.0 if short <= 0 else self.window

    def reset(self, now):
        self.room(now)
        return self.log[-1][0] + self.window - now if self.log else 0.0

    def change(self, now, factor):
        self.limit *= factor


class Fixed:
    """A fixed window that begins at multiples of `window`."""

    def __init__(self, limit, window, capacity=None):
        self.limit, self.window = limit, window
        self.used, self.number = 0.0, 0

    def room(self, now):
        number = math.floor(now / self.window)
        if number > self.number:
            self.used, self.number = 0.0, number
        return self.limit - self.used

    def take(self, now, cost):
        self.room(now)
        self.used += cost

    def wait(self, now, cost):
        return 0.0 if self.room(now) >= cost else self.reset(now)

    def reset(self, now):
        return (math.floor(now / self.window) + 1) * self.window - now

    def change(self, now, factor):
        self.limit *= factor


KINDS = {"bucket": Bucket, "sliding": Sliding, "fixed": Fixed}


def allowed(meter, begin, end, others, step=0.001):
    """Returns the most that one caller could have been given between `begin` and `end`, beside what `others` [(at, cost)] took.

    `meter` is a copy of the limit as it stood at `begin`. A caller that takes all that there is, at each step, gets the most.
    """
    others = collections.deque(sorted(others))
    total, now = 0.0, begin
    while now <= end:
        while others and others[0][0] <= now:
            meter.take(now, others.popleft()[1])
        room = meter.room(now)
        if room > 0:
            meter.take(now, room)
            total += room
        now += step
    return total
