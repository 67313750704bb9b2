"""Medians of ratios with bootstrap 95 % intervals. Values in, values out."""
import random
import statistics

RESAMPLES = 2000


def interval(rounds, figure, seed=1):
    """(value, low, high) of `figure`, which takes a list of rounds."""
    rng, n = random.Random(seed), len(rounds)
    values = sorted(figure([rounds[rng.randrange(n)] for _ in range(n)]) for _ in range(RESAMPLES))
    return figure(rounds), values[int(0.025 * RESAMPLES)], values[int(0.975 * RESAMPLES)]


def slowdown(condition):
    """Median over rounds of (with / without) - 1."""
    return lambda rounds: statistics.median(
        r[condition]["beside"] / r[condition]["alone"] for r in rounds) - 1


def added(condition):
    """Median over rounds of the CPU time added to an operation."""
    return lambda rounds: statistics.median(
        r[condition]["beside"] - r[condition]["alone"] for r in rounds)


def share(one, other):
    """One figure as a share of another one in the same rounds."""
    def figure(rounds):
        below = other(rounds)
        return one(rounds) / below if abs(below) > 1e-9 else float("inf")
    return figure
