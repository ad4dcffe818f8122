"""No limiter: a call and no more, or what the SDK's own retries make of it."""

from .call import Refused, System


class Nothing(System):
    """A refused call is lost."""

    retries = 0

    async def call(self, text, lane):
        for model in self.models:
            try:
                await self.caller.call_async(text, model)
                return True
            except Refused:
                continue
        return False


class Sdk(Nothing):
    """The SDK as it is: 2 retries, after `retry-after`."""

    retries = None


class Sdk10(Nothing):
    """10 retries, as the SDK's documentation suggests for those who get many refusals."""

    retries = 10
