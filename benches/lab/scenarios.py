"""What happens during a run. Times are in minutes of the run."""

from dataclasses import dataclass

from jobs import MINUTE, MINUTES, OUTPUT, INPUT, REQUESTS, MOST_OUTPUT

MODELS = ("claude-sonnet", "claude-haiku")


@dataclass
class Scenario:
    name: str
    says: str
    family: str = "anthropic"
    demand: tuple = ((0, MINUTES, 1.5),)  # from, to, jobs ÷ what the limit allows
    interactive: float = 0.0  # jobs of the interactive lane ÷ what the limit allows
    foreign: float = 0.0  # share of the limit that strangers use, from `change` on
    factor: float = 1.0  # by which the limit changes at `change`
    change: float = 0.0
    killed: int = 0  # processes killed at half time
    fallback: bool = False  # a second model may answer
    output_binds: bool = False

    def models(self):
        return MODELS if self.fallback else MODELS[:1]

    def limits(self):
        """Returns {unit: (kind, limit a minute, capacity)} of each model, as the provider enforces them."""
        if self.family == "anthropic":
            # Enough tokens for 1.4 times the requests, or output for 0.7 times: then output is what there is least of.
            output = int(REQUESTS * OUTPUT * (0.7 if self.output_binds else 1.4))
            given = int(REQUESTS * INPUT * 1.4)
            return {"requests": ("bucket", REQUESTS, REQUESTS // 5), "input": ("bucket", given, given // 5), "output": ("bucket", output, output // 5)}
        kind = "sliding" if self.family == "openai" else "fixed"
        return {"requests": (kind, REQUESTS, None), "tokens": (kind, int(REQUESTS * MOST_OUTPUT * 1.2), None)}

    def provider(self, seed):
        """Returns the configuration of the provider."""
        return {
            "seed": seed,
            "minute": MINUTE,
            "models": {model: self.limits() for model in self.models()},
            # OpenAI says that refused requests count. Anthropic says nothing about it.
            "refused_count": self.family == "openai",
            "foreign": self.foreign,
            "factor": self.factor,
            "change": self.change * MINUTE,
        }


SCENARIOS = [
    Scenario("alone", "nobody else uses the key"),
    Scenario("foreign", "strangers use 30 % of the limit, from the first minute on", foreign=0.3, change=1),
    Scenario("halved", "the provider halves its limits after the first minute", factor=0.5, change=1),
    Scenario("too-high", "the policy has four times what the provider allows, from the start", factor=0.25),
    Scenario("killed", "5 of the 50 processes are killed at half time", killed=5),
    Scenario("burst", "nothing for a minute, then all at once", demand=((0, 0.5, 1.0), (1.5, 1.6, 10.0), (1.6, 3, 1.0))),
    Scenario("fallback", "two models; a second one may answer when the first is full", fallback=True, demand=((0, MINUTES, 3.0),)),
    Scenario("lanes", "interactive calls (20 % of the limit) beside batch", interactive=0.2),
    Scenario("output", "output tokens are what there is least of", output_binds=True),
    Scenario("windows", "nobody else; sliding windows, and refused requests count", family="openai"),
    Scenario("windows-foreign", "the same, and strangers use 30 %", family="openai", foreign=0.3, change=1),
    Scenario("windows-halved", "the same, and the limits are halved after the first minute", family="openai", factor=0.5, change=1),
    Scenario("windows-too-high", "the same, and the policy has four times what the provider allows", family="openai", factor=0.25),
    Scenario("fixed", "nobody else; fixed windows, and refused requests do not count", family="generic"),
]
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
