"""Reading and arranging the host: CPUs, control groups, counters, temporary names."""
import glob
import os
import pathlib
import random
import re
import time

WORDS = "kestrel lumen tundra sorrel quartz harbor willow ember maple cobalt fjord pixel".split()


def random_name(rng):
    """Nothing that a product could know beforehand; fits into a comm."""
    return f"{rng.choice(WORDS)}{rng.randrange(100, 999)}"


def cpus():
    return sorted(os.sched_getaffinity(0))


def mask(numbers):
    return hex(sum(1 << n for n in numbers))


def read(path, default=""):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return default


class Group:
    """A control group with one controller, v1 or v2, whichever the host mounts."""

    v2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")

    def __init__(self, controller, path):
        self.path = path
        top = "/sys/fs/cgroup" if self.v2 else f"/sys/fs/cgroup/{controller}"
        self.folder = pathlib.Path(top + path)
        if self.v2:
            for parent in [pathlib.Path(top), *list(self.folder.parents)[:-4][::-1]]:
                self._enable(parent, controller)
        self.folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def _enable(parent, controller):
        parent.mkdir(exist_ok=True)
        try:
            (parent / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError:
            pass  # the write that needs the controller says what is wrong

    def write(self, name, value):
        (self.folder / name).write_text(str(value))

    def quota(self, share):
        """share: of one CPU."""
        if self.v2:
            self.write("cpu.max", f"{int(share * 100000)} 100000")
        else:
            self.write("cpu.cfs_period_us", 100000)
            self.write("cpu.cfs_quota_us", int(share * 100000))

    def memory_limit(self, size):
        self.write("memory.max" if self.v2 else "memory.limit_in_bytes", size)

    def read_limit(self, device, operations):
        if self.v2:
            self.write("io.max", f"{device} riops={operations}")
        else:
            self.write("blkio.throttle.read_iops_device", f"{device} {operations}")

    def enter(self):
        self.write("cgroup.procs", 0)

    def numbers(self, name):
        return {k: int(v) for k, v in re.findall(r"^(\w+) (\d+)$", read(self.folder / name), re.M)}

    def throttled(self):
        facts = self.numbers("cpu.stat")
        return facts.get("nr_throttled", 0), facts.get("nr_periods", 0)

    def limit_hits(self):
        if self.v2:
            return self.numbers("memory.events").get("max", 0)
        return int(read(self.folder / "memory.failcnt", "0"))

    def remove(self):
        if self.folder.exists():
            self.folder.rmdir()


def device_of(path):
    """The block device below a file, as (major:minor, name)."""
    number = os.stat(path).st_dev
    text = f"{os.major(number)}:{os.minor(number)}"
    return text, os.path.basename(os.path.realpath(f"/sys/dev/block/{text}"))


def disk_interrupt(device):
    """The device's own interrupt and the CPU it lands on: (number, name, cpu), or None."""
    parent = os.path.basename(os.path.realpath(f"/sys/block/{device}/device"))
    best = None
    for number, counts, name in interrupts():
        if number.isdigit() and (parent in name or device in name) and sum(counts):
            if best is None or sum(counts) > sum(best[1]):
                best = (number, counts, name)
    if best is None:
        return None
    number, counts, name = best
    return number, name.split()[-1], counts.index(max(counts))


def interrupts():
    lines = read("/proc/interrupts").splitlines()
    width = len(lines[0].split())
    for line in lines[1:]:
        words = line.split()
        counts = words[1:1 + width]
        if len(counts) == width and all(c.isdigit() for c in counts):
            yield words[0].rstrip(":"), [int(c) for c in counts], " ".join(words[1 + width:])


def softirqs():
    lines = read("/proc/softirqs").splitlines()[1:]
    return {w[0].rstrip(":"): [int(c) for c in w[1:]] for w in map(str.split, lines)}


def vmstat():
    return {k: int(v) for k, v in (line.split() for line in read("/proc/vmstat").splitlines())}


def pressure(resource):
    found = re.search(r"some .*total=(\d+)", read(f"/proc/pressure/{resource}"))
    return int(found[1]) if found else 0


def thread_times(process):
    """(on a CPU, waiting for one) in ns, summed over the threads of a process."""
    on, waited = 0, 0
    for path in glob.glob(f"/proc/{process}/task/*/schedstat"):
        words = read(path, "0 0 0").split()
        on, waited = on + int(words[0]), waited + int(words[1])
    return on, waited


def machine_busy():
    """CPU seconds that the whole machine has used, by the kernel's tick count."""
    words = [int(w) for w in read("/proc/stat").split("\n", 1)[0].split()[1:9]]
    return (sum(words) - words[3] - words[4]) / os.sysconf("SC_CLK_TCK")


def wait_until_quiet(limit, most=0.25):
    """Waits, at most `limit` seconds, until the machine uses less than `most` CPUs."""
    deadline = time.monotonic() + limit
    while True:
        before, at = machine_busy(), time.monotonic()
        time.sleep(0.5)
        used = (machine_busy() - before) / (time.monotonic() - at)
        if used < most or time.monotonic() > deadline:
            return used


def children(process):
    return [int(c) for path in glob.glob(f"/proc/{process}/task/*/children")
            for c in read(path).split()]


def major_faults(process):
    words = read(f"/proc/{process}/stat", "0 () " + "0 " * 20).rsplit(")", 1)[1].split()
    return int(words[9])


def seed(text):
    return random.Random(text)
