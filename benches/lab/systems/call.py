"""One call of the provider with the real SDK of its family. A header tells the lab's provider when the request was sent."""

import time

import anthropic
import openai

import jobs

# The SDKs wait 0.5 s before their first retry, 1 s before the next, up to 8 s. These periods scale, too.
for sdk in (anthropic, openai):
    sdk._base_client.INITIAL_RETRY_DELAY *= jobs.SCALE
    sdk._base_client.MAX_RETRY_DELAY *= jobs.SCALE

SYSTEM = [{"type": "text", "text": "s" * 4 * jobs.SYSTEM_TOKENS, "cache_control": {"type": "ephemeral"}}]


def stamp(request):
    request.headers["x-lab-admitted"] = str(time.time())


async def stamp_async(request):
    stamp(request)


class Refused(Exception):
    """The provider refused, and the SDK has given up."""


REFUSALS = (anthropic.APIStatusError, openai.APIStatusError, anthropic.APIConnectionError, openai.APIConnectionError)


class Caller:
    """`call` for threads, `call_async` for event loops. `retries` None: as the SDK does by default (2)."""

    def __init__(self, run, retries=None):
        self.run, self.of_claude = run, run.scenario.family == "anthropic"
        self.module = anthropic if self.of_claude else openai
        retries = self.module.DEFAULT_MAX_RETRIES if retries is None else retries
        self.options = {"api_key": "none", "max_retries": retries, "timeout": 60, "default_headers": {"x-lab-process": str(run.process)}}
        self.options["base_url"] = run.url if self.of_claude else f"{run.url}/v1"
        self.client = None

    def asynchronous(self):
        http = self.module.DefaultAsyncHttpxClient(event_hooks={"request": [stamp_async]})
        return (anthropic.AsyncAnthropic if self.of_claude else openai.AsyncOpenAI)(http_client=http, **self.options)

    def synchronous(self):
        http = self.module.DefaultHttpxClient(event_hooks={"request": [stamp]})
        return (anthropic.Anthropic if self.of_claude else openai.OpenAI)(http_client=http, **self.options)

    def words(self, text, model, most):
        messages = [{"role": "user", "content": text}]
        if self.of_claude:
            return {"model": model, "max_tokens": most, "messages": messages, "system": SYSTEM}
        return {"model": model, "max_completion_tokens": most, "messages": messages}

    async def call_async(self, text, model="claude-sonnet", most=jobs.MOST_OUTPUT):
        """Returns the input and output tokens that the call used."""
        self.client = self.client or self.asynchronous()
        words = self.words(text, model, most)
        try:
            if self.of_claude:
                usage = (await self.client.messages.create(**words)).usage
                return usage.input_tokens, usage.output_tokens
            usage = (await self.client.chat.completions.create(**words)).usage
            return usage.prompt_tokens, usage.completion_tokens
        except REFUSALS as error:
            raise Refused from error

    def call(self, text, model="claude-sonnet", most=jobs.MOST_OUTPUT):
        self.client = self.client or self.synchronous()
        words = self.words(text, model, most)
        try:
            return self.client.messages.create(**words) if self.of_claude else self.client.chat.completions.create(**words)
        except REFUSALS as error:
            raise Refused from error


class System:
    """What all have in common. `run` has url, redis_port, scenario, process and seed."""

    retries = None

    def __init__(self, run):
        self.run, self.models = run, run.scenario.models()
        self.caller = Caller(run, self.retries)

    async def start(self):
        pass

    async def warm(self, text):
        """Makes a call before the run, so that the run does not measure how an SDK and a connection start."""
        try:
            await self.caller.call_async(text)
        except Refused:
            pass
