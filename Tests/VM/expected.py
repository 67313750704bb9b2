"""What each scenario must be called: the one place to look at, and to change, when rules change."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Expected:
    """The first finding: its cause, its rule, and what its text must say."""

    causes: tuple
    rules: tuple = ()
    # Patterns that summary, evidence, culprit and commands together must contain, each of them.
    # {home}: node of the launch thread, {far}: the other one; {nic}: that of the network card.
    says: tuple = ()
    # What "the symptom is gone" means: none of these causes is left in the second report.
    gone: tuple = ()

    @property
    def gone_causes(self):
        return self.gone or self.causes


# `info` findings may stand in any report: a setting alone is worth a word.
NO_WARNING = None

EXPECTED = {
    # Not faults. `None`: no finding of `warning` or worse.
    "well-placed": NO_WARNING,
    "balancing-off": NO_WARNING,
    # Faults.
    "far-memory": Expected(("numa-remote-memory",), says=(r"node {far}\b", r"node {home}\b")),
    "drifting": Expected(("thread-migration",), ("numa-thread-drift",),
                         says=(r"nodes {home} and {far}\b",)),
    "balancing-churn": Expected(("numa-balancing",), says=(r"numa_balancing",)),
    "hugetlb-wrong-node": Expected(("numa-remote-memory", "placement", "configuration"),
                                   says=(r"hugepages|huge pages", r"node ?{home}\b",
                                         r"node ?{far}\b")),
    "nic-vectors": Expected(("irq-load", "softirq-load"),
                            says=(r"/proc/irq/{irq}/smp_affinity_list",)),
    "wide-cpuset": Expected(("placement",), ("cpuset-spans-nodes",),
                            says=(r"nodes {home} and {far}\b", r"cpuset\.cpus")),
    "compaction": Expected(("compaction-stall",), says=(r"defrag", r"node {home}\b")),
    "fragmented": Expected(("thp-fallback",), says=(r"node {home}\b",)),
    "quota": Expected(("cpu-throttling",), ("cpu-max-throttling",), says=(r"cpu\.max",)),
}

# Hooks that a kernel is known not to have. Anything else that is not attached is a failure, and so
# is one of these that is: then this table is out of date.
MISSING_HOOKS = {"6.1": set(), "6.12": set()}

# Signals that a guest cannot give, by how far they are covered. The rest must be `ok`.
LIMITED_SIGNALS = {"power": "missing", "gpu": "missing", "fabric": "missing"}
