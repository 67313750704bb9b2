"""One scenario in one guest: what was started and set, what the kernel counted, and the way back."""

import re

JOB_SECONDS = 1.5  # until the scheduler and first scans have settled


class NotInjected(Exception):
    """The fault is not there, by the kernel's own counters: nothing to blame Stoker for."""


class Scene:
    """A class because it owns processes, groups and settings of the guest, undone by `close`."""

    def __init__(self, guest, shape):
        self.guest, self.shape = guest, shape
        self.pids, self.groups, self.undo = [], [], []
        self.job_command = None
        # Filled into the patterns of `expected.py`.
        self.names = {"home": 0, "far": shape.nodes - 1, "nic": shape.network_node}

    # -- arranging ---------------------------------------------------------

    def cpus(self, node):
        """CPUs of a node, without CPU 0: that one does the kernel's chores."""
        cpus = self.shape.cpus_of(node)
        return cpus[1:] if cpus[0] == 0 else cpus

    def start(self, command):
        pid, line = self.guest.start(command)
        self.pids.append(pid)
        return pid, line

    def job(self, options="", cpus=None, group=None):
        """Starts the job, bound to CPUs and in a control group if given; its pid."""
        words = f"job {options}"
        if cpus:
            words = f"taskset -c {','.join(map(str, cpus))} {words}"
        enter = f"echo $$ >{group}/cgroup.procs && " if group else ""
        self.job_command = f"sh -c '{enter}exec {words}'"
        return self.job_again()

    def job_again(self):
        """Starts the job that was started last once more."""
        pid, _ = self.start(self.job_command)
        self.guest.do(f"sleep {JOB_SECONDS}")
        return pid

    def group(self, **files):
        """A control group with these files written, such as cpuset_cpus='0-3'."""
        folder = f"/sys/fs/cgroup/job{len(self.groups)}"
        self.groups.append(folder)
        lines = [f"mkdir {folder}"]
        lines += [f"echo '{value}' >{folder}/{name.replace('_', '.', 1)}"
                  for name, value in files.items()]
        self.guest.do(" && ".join(lines))
        return folder

    def set(self, path, value):
        """Writes a setting and remembers the old one."""
        old = self.guest.read(path).strip()
        chosen = re.search(r"\[(\S+)\]", old)
        self.undo.append((path, chosen[1] if chosen else old))
        self.guest.do(f"echo '{value}' >{path}")

    # -- what the kernel counts --------------------------------------------

    def counters(self):
        """Totals of the guest's own counters, independent of Stoker."""
        text = self.guest.do(
            "cat /proc/vmstat; for n in /sys/devices/system/node/node*/numastat; do "
            "sed \"s@^@${n%/numastat}.@\" $n; done")
        found = {}
        for line in text.splitlines():
            name, value = line.rsplit(" ", 1)
            found[name.strip().replace("/sys/devices/system/node/", "")] = int(value)
        for label, (counts, _) in self.interrupts().items():
            for cpu, count in enumerate(counts):
                found[f"irq{label}@{cpu}"] = count
        return found

    def interrupts(self):
        """{label: ([count on each CPU], description)}"""
        lines = self.guest.read("/proc/interrupts").splitlines()
        cpus = len(lines[0].split())
        rows = {}
        for line in lines[1:]:
            label, rest = line.split(":", 1)
            words = rest.split()
            rows[label.strip()] = ([int(n) for n in words[:cpus] if n.isdigit()],
                                   " ".join(words[cpus:]))
        return rows

    def pages_by_node(self, pid):
        """Private pages of a process by node, from numa_maps; hugetlb pages counted in small ones."""
        pages = {}
        for line in self.guest.read(f"/proc/{pid}/numa_maps").splitlines():
            size = re.search(r"kernelpagesize_kB=(\d+)", line)
            if "anon=" not in line and " huge " not in line:
                continue
            for node, count in re.findall(r"\bN(\d+)=(\d+)", line):
                scale = int(size[1]) // 4 if size else 1
                pages[int(node)] = pages.get(int(node), 0) + int(count) * scale
        return pages

    def require(self, condition, what):
        if not condition:
            raise NotInjected(what)

    # -- the way back ------------------------------------------------------

    def close(self):
        for pid in self.pids:
            self.guest.type(f"kill -9 {pid}")
        for folder in self.groups:
            self.guest.type(f"while read -r p; do kill -9 $p; done <{folder}/cgroup.procs; "
                            f"for i in 1 2 3 4 5 6 7 8 9; do rmdir {folder} && break; "
                            "sleep 0.1; done")
        for path, old in reversed(self.undo):
            self.guest.type(f"echo '{old}' >{path}")
