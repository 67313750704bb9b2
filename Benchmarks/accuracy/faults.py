"""The faults. Each arranges a scene and says what a correct report must name first.

`right` judges a finding's culprit; `bites` judges independent counters (for --dry-run)
and returns whether the fault really acts, with the numbers that show it.
"""
import dataclasses
import typing

import host


@dataclasses.dataclass
class Expected:
    causes: set
    right: typing.Callable
    bites: typing.Callable
    strength: str = ""


def named(*words):
    """A culprit whose id or name is, or contains, one of the words (a pid: exactly)."""
    def right(finding):
        culprit = finding.get("culprit") or {}
        texts = [str(culprit.get(k, "")) for k in ("id", "name")]
        return any(t == str(w) if str(w).isdigit() else str(w) in t for w in words for t in texts)
    return right


def is_group(group):
    def right(finding):
        culprit = finding.get("culprit") or {}
        texts = [str(culprit.get(k, "")) for k in ("id", "name")]
        return any(t.rstrip("/").endswith(group.path) for t in texts)
    return right


def pair(scene):
    """A CPU for the launch thread and another one for the rest."""
    launch, other = scene.rng.sample(scene.cpus, 2)
    return launch, other, host.mask(c for c in scene.cpus if c != launch)


def cpu_hog(scene):
    draw, (cpu, _, _) = scene.rng, pair(scene)
    whole = draw.random() < 0.3
    scene.job(launch_cpu=cpu, **({"others_mask": host.mask([cpu])} if whole else {}))
    count, duty, nice = draw.choice([1, 2]), draw.randrange(60, 101), draw.choice([0, 5])
    hogs = [scene.start("hog", cpu, duty, nice) for _ in range(count)]

    def bites(m):
        late = m["job"].get("lateShare", 0)
        return late > 0.08, f"launch waits {m['launchWaited']:.1%} of the time, late {late:.1%}"
    words = [w for h in hogs for w in (h.pid, h.short_name)]
    return Expected({"cpu-contention"}, named(*words), bites,
                    f"{count} x {duty}% nice {nice} cpu {cpu}{' whole job' if whole else ''}")


def oversubscription(scene):
    threads = scene.rng.randint(3, 8) * len(scene.cpus)
    scene.job(omp=threads, omp_us=scene.rng.randrange(1000, 4000))

    def bites(m):
        return m["jobWaited"] > 1.5, (f"{threads} threads: {m['jobWaited']:.1f} thread-seconds "
                                      f"of waiting a second, late {m['job']['lateShare']:.1%}")
    job = scene.job_process
    return Expected({"cpu-oversubscription"}, named(job.pid, job.short_name, "OMP_NUM_THREADS"),
                    bites, f"{threads} threads")


def quota(scene, on_parent):
    parent = scene.group("cpu", "/" + host.random_name(scene.rng))
    own = scene.group("cpu", f"{parent.path}/{host.random_name(scene.rng)}")
    limited = parent if on_parent else own
    scene.job(groups=[own])
    used, share = scene.cpu_use(), scene.rng.uniform(0.3, 0.6)
    limited.quota(max(0.02, used * share))

    def bites(m):
        hit, periods = m[f"throttled{limited.path}"], m[f"periods{limited.path}"]
        return hit > 0.5 * periods > 0, (f"uses {used:.2f} CPU, gets {used * share:.2f}: {hit:.1f} of "
                                         f"{periods:.1f} periods/s throttled, "
                                         f"late {m['job'].get('lateShare', 0):.1%}")
    return Expected({"cpu-throttling"}, is_group(limited), bites, f"{share:.0%} of its use")


def quota_own(scene):
    return quota(scene, False)


def quota_parent(scene):
    return quota(scene, True)


def softirq_net(scene):
    cpu, other, _ = pair(scene)
    scene.job(launch_cpu=cpu, launch_us=scene.rng.randrange(300, 500))
    rate = scene.rng.randrange(10000, 20000)
    flood = scene.start("flood", other, cpu, rate)

    def bites(m):
        runs, late = m[f"NET_RX@{cpu}"], m["job"]["lateShare"]
        return runs > 1000 and flood.poll() is None, (
            f"{runs:.0f} NET_RX runs/s on the launch CPU, late {late:.1%}, "
            f"busy {m['job']['busyShare']:.1%}")
    return Expected({"softirq-load"}, named("NET_RX", "net_rx", f"ksoftirqd/{cpu}"), bites,
                    f"{rate} sends/s onto cpu {cpu}")


def irq_device(scene):
    path = scene.data_file(64 << 20)
    _, device = host.device_of(path)
    found = host.disk_interrupt(device)
    if found is None:
        raise OSError(f"no interrupt line of {device} found in /proc/interrupts")
    number, name, cpu = found
    other = scene.rng.choice([c for c in scene.cpus if c != cpu])
    scene.job(launch_cpu=cpu, launch_us=scene.rng.randrange(500, 700))
    depth = scene.rng.choice([24, 48, 64])
    scene.start("reader", other, path, depth)

    def bites(m):
        rate, blocks = m[f"irq{number}@{cpu}"], m[f"BLOCK@{cpu}"]
        return rate > 5000, (f"{rate:.0f} irq/s and {blocks:.0f} BLOCK softirq/s on the launch CPU, "
                             f"late {m['job']['lateShare']:.1%}, busy {m['job']['busyShare']:.1%}")
    return Expected({"irq-load"}, named(number, name, device), bites, f"{name} depth {depth} cpu {cpu}")


def memory_limit(scene):
    group = scene.group("memory", "/" + host.random_name(scene.rng))
    limit, batch = scene.rng.randrange(48, 128) << 20, scene.rng.choice([2, 3, 4]) << 20
    group.memory_limit(limit)
    # A file of holes: reading it fills the page cache and never touches the disk.
    scene.job(groups=[group], loader_file=scene.data_file(1 << 30, sparse=True),
              batch_bytes=batch, batch_every=5, worker_us=300)

    def bites(m):
        hits, stalled = m[f"limitHits{group.path}"], m["memoryStalled"]
        return hits > 1000 and stalled > 0.02, (f"{hits:.0f} limit hits/s, memory stall "
                                                f"{stalled:.1%}, late {m['job']['lateShare']:.1%}")
    return Expected({"memory-reclaim"}, is_group(group), bites,
                    f"limit {limit >> 20} MiB, batch {batch >> 20} MiB")


def page_cache_thrash(scene):
    path = scene.data_file(192 << 20)
    scene.job(loader_file=path, loader_mode="mmap", batch_bytes=4 << 20,
              touch=scene.rng.randrange(16, 48), batch_every=scene.rng.choice([5, 10]))
    evictor = scene.start("evictor", path, scene.rng.choice([2, 5, 10]))
    words = [w for p in (scene.job_process, evictor) for w in (p.pid, p.short_name)]
    device = host.device_of(path)[1]

    def bites(m):
        return m["jobMajor"] > 200, (f"{m['jobMajor']:.0f} major faults/s, io stall "
                                     f"{m['ioStalled']:.1%}, launch waits for batches "
                                     f"{m['job']['batchWaitShare']:.1%}")
    return Expected({"major-faults"}, named(*words, *scene.job_pids(), device, path), bites,
                    "evicted every few ms")


def tlb_storm(scene):
    cpu, _, rest = pair(scene)
    threads, total = scene.rng.randint(6, 12), scene.rng.randrange(12000, 20000)
    scene.job(launch_cpu=cpu, others_mask=rest, munmap_storm=threads,
              storm_rate=total // threads, launch_us=scene.rng.randrange(450, 650))
    job = scene.job_process

    def bites(m):
        here = m[f"irqTLB@{cpu}"]
        return here > 2000, (f"{here:.0f} TLB shootdowns/s on the launch CPU, late "
                             f"{m['job']['lateShare']:.1%}, busy {m['job']['busyShare']:.1%}")
    return Expected({"tlb-shootdown"}, named(job.pid, job.short_name), bites,
                    f"{threads} threads, {total} munmaps/s, cpu {cpu}")


def slow_storage(scene):
    path = scene.data_file(64 << 20)
    number, device = host.device_of(path)
    group = scene.group("io" if host.Group.v2 else "blkio", "/" + host.random_name(scene.rng))
    limit = scene.rng.randrange(20, 60)
    group.read_limit(number, limit)
    scene.job(groups=[group], loader_file=path, loader_mode="direct")
    in_group = is_group(group)

    def bites(m):
        waits = m["job"]["batchWaitShare"]
        return waits > 0.3, f"{limit} reads/s: io stall {m['ioStalled']:.1%}, launch starved {waits:.1%}"
    return Expected({"storage-stall"}, lambda f: named(device, number)(f) or in_group(f), bites,
                    f"{limit} reads/s")


def bounce(scene):
    one, two = scene.rng.sample(scene.cpus, 2)
    scene.job(launch_us=scene.rng.randrange(250, 450))
    rate = scene.rng.randrange(100, 500)
    bouncer = scene.start("bouncer", scene.launch, rate, one, two)

    def bites(m):
        moves = m["job"]["moves"] / m["job"]["seconds"]
        return moves > 70, f"{moves:.0f} moves/s of the launch thread, busy {m['job']['busyShare']:.1%}"
    words = (bouncer.pid, bouncer.short_name, "affinity", scene.launch)
    return Expected({"thread-migration"}, named(*words), bites, f"{rate}/s")


def healthy(scene):
    draw = scene.rng
    options = {"comm": draw.choice(["sleep", "spin-yield", "none"])}
    if draw.random() < 0.5:
        options["loader_file"] = scene.data_file(64 << 20)
        options["loader_mode"] = draw.choice(["read", "mmap"])
    neighbour = draw.random() < 0.5
    if neighbour:
        cpu, other, _ = pair(scene)
        scene.job(launch_cpu=cpu, **options)
        # What an agent takes. One of 10 % costs an unpinned launch thread 2.5 %: no health.
        scene.start("hog", other, draw.randrange(1, 4), 0)
    else:
        scene.job(**options)

    def bites(m):
        late = m["job"]["lateShare"]
        return late < 0.08, (f"late {late:.1%} (p99 {m['job']['lateP99Us']} us), "
                             f"uses {m['jobRan']:.2f} CPU, waits {m['jobWaited']:.1%}")
    return Expected(set(), lambda f: True, bites,
                    f"comm {options['comm']}{', quiet neighbour' if neighbour else ''}")


ALL = {f.__name__.replace("_", "-"): f for f in (
    cpu_hog, oversubscription, quota_own, quota_parent, softirq_net, irq_device, memory_limit,
    page_cache_thrash, tlb_storm, slow_storage, bounce, healthy)}
