#!/usr/bin/env python3
"""Reference values from scipy for Tests/CorrelationTests, written to Reference.swift beside this
file. --check: only say whether scipy still agrees with what is committed (0 it does, 1 it does
not, 77 no scipy here)."""

import math
import pathlib
import sys

try:
    import numpy
    from scipy import stats
except ImportError:
    sys.exit(77)

TARGET = pathlib.Path(__file__).with_name("Reference.swift")


def series():
    """Pairs of series: plain, with ties, with outliers, short, and autocorrelated."""
    random = numpy.random.default_rng(20)
    x = random.normal(size=41)
    yield "plain", x, 0.4 * x + random.normal(size=41)
    yield "ties", random.integers(0, 5, 37), random.integers(0, 4, 37)
    y = -2.5 * x + 3 + 0.1 * random.normal(size=41)
    y[[3, 17, 30]] += [40, -55, 70]
    yield "outliers", x, y
    yield "short", numpy.array([1.0, 2, 2, 5, 9]), numpy.array([3.0, 1, 4, 4, 8])
    walk = numpy.cumsum(random.normal(size=60))
    yield "walk", walk, 0.3 * walk + numpy.cumsum(random.normal(size=60))


def array(values):
    return "[" + ", ".join(repr(round(float(v), 6)) for v in values) + "]"


def case(name, x, y):
    x, y = numpy.round(numpy.asarray(x, float), 6), numpy.round(numpy.asarray(y, float), 6)
    line = stats.theilslopes(y, x)
    figures = (stats.spearmanr(x, y).statistic, line.slope, line.intercept, line.low_slope,
               line.high_slope)
    spearman, slope, intercept, low, high = (repr(round(float(f), 10)) for f in figures)
    return (f'        Reference(\n            name: "{name}",\n            x: {array(x)},\n'
            f"            y: {array(y)},\n            ranksOfX: {array(stats.rankdata(x))},\n"
            f"            spearman: {spearman}, slope: {slope}, intercept: {intercept},\n"
            f"            lowSlope: {low}, highSlope: {high}),\n")


def discoveries():
    random = numpy.random.default_rng(5)
    p = numpy.round(numpy.concatenate([random.uniform(size=12), random.uniform(0, 0.01, 4),
                                       [0.02, 0.02, 0, 1]]), 6)
    adjusted = stats.false_discovery_control(p)
    return (f"    static let p: [Double] = {array(p)}\n    static let adjusted: [Double] = [" +
            ", ".join(repr(round(float(v), 10)) for v in adjusted) + "]\n")


def tails():
    rows = ", ".join(f"({t!r}, {d}, {float(stats.t.sf(t, d)):.10f})"
                     for t in (-1.5, 0.0, 0.7, 3.0, 8.25) for d in (2, 4, 10, 58))
    return f"    static let tails: [(t: Double, degrees: Int, p: Double)] = [{rows}]\n"


def main():
    text = ("// Written by reference.py with scipy; not to be edited.\n"
            "// swift-format-ignore-file\n\n"
            "/// What scipy makes of a pair of series.\n"
            "struct Reference: Sendable {\n    var name: String\n    var x: [Double]\n"
            "    var y: [Double]\n    var ranksOfX: [Double]\n    var spearman: Double\n"
            "    var slope: Double\n    var intercept: Double\n    var lowSlope: Double\n"
            "    var highSlope: Double\n\n    static let cases: [Reference] = [\n" +
            "".join(case(*each) for each in series()) + "    ]\n\n" + discoveries() + tails() + "}\n")
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(text)
    elif not agrees(text, TARGET.read_text()):
        sys.exit("Tests/CorrelationTests/Reference.swift differs from what scipy says now")


def agrees(ours, committed):
    """The same but for the last digits, which move between versions of numpy."""
    def split(text):
        for mark in "[](),:":
            text = text.replace(mark, f" {mark} ")
        return text.split()

    def same(one, other):
        try:
            return math.isclose(float(one), float(other), rel_tol=1e-7, abs_tol=1e-9)
        except ValueError:
            return one == other

    ours, committed = split(ours), split(committed)
    return len(ours) == len(committed) and all(map(same, ours, committed))


if __name__ == "__main__":
    main()
