"""What a run was worth, by the provider's own log."""

import copy

from meters import allowed


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def charges(log, unit):
    """Yields (at, cost) of what was charged to a limit."""
    for entry in log:
        if entry["costs"].get(unit):
            yield entry["at"], entry["costs"][unit]
        if unit == "output":
            yield from entry.get("output") or ()


def use(provider, model, since, end):
    """Returns how much useful calls took of what the limits allow, by the limit that allows least: 1 is all of it."""
    begin, meters = provider.copies[since][0], provider.copies[since][1][model]
    log = [entry for entry in provider.log if entry["model"] == model and entry["at"] >= begin]
    useful = [entry for entry in log if entry["who"] != "foreign" and entry["status"] == 200]
    foreign = [entry for entry in log if entry["who"] == "foreign"]
    shares = {}
    for unit, meter in meters.items():
        most = allowed(copy.deepcopy(meter), begin, end, list(charges(foreign, unit)))
        taken = sum(cost for at, cost in charges(useful, unit) if begin <= at <= end)
        shares[unit] = taken / most if most else None
    return shares


def figures(provider):
    end = provider.config.get("end") or provider.now()
    own = [entry for entry in provider.log if entry["who"] != "foreign" and entry["at"] <= end]
    found = {"end": end, "requests": len(own)}
    for since in provider.copies:
        begin = provider.copies[since][0]
        part = [entry for entry in own if entry["at"] >= begin]
        refused = sum(entry["status"] == 429 for entry in part)
        shares = {model: use(provider, model, since, end) for model in provider.models}
        found[since] = {
            "requests": len(part),
            "refused": refused,
            "useful": sum(entry["status"] == 200 for entry in part),
            "seconds": end - begin,
            "use": {model: max(value or 0 for value in units.values()) for model, units in shares.items()},
            "shares": shares,
        }
    found["refused_at"] = [round(entry["at"], 3) for entry in own if entry["status"] == 429]
    found["useful_at"] = [round(entry["at"], 3) for entry in own if entry["status"] == 200]
    found["delay"] = {str(share): quantile([entry["sent"] for entry in own if entry.get("sent")], share) for share in (0.5, 0.99, 0.999, 1)}
    found["foreign"] = sum(entry["who"] == "foreign" and entry["status"] == 200 for entry in provider.log)
    return found
