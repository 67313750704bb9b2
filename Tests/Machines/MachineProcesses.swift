import Host

extension Machine {
    /// The control group of the job.
    package static let jobGroup = "/job.slice/job"

    /// systemd, the daemons, and the ranks of the job with their loaders.
    func writeProcesses(to tree: borrowing Tree) throws(FileError) {
        try tree.write("/proc/1/comm", "systemd")
        try tree.write("/proc/1/stat", stat(1, "systemd", parent: 0, threads: 1, cpu: 0))
        for (index, name) in daemons.enumerated() {
            let pid = Int32(701 + index)
            try tree.write("/proc/\(pid)/comm", name)
            try tree.write("/proc/\(pid)/stat", stat(pid, name, parent: 1, threads: 1, cpu: 0))
        }
        for (number, rank) in ranks.enumerated() {
            try writeProcess(rank.pid, parent: 1, rank, number, to: tree)
            for loader in rank.loaders {
                try writeProcess(loader, parent: rank.pid, rank, number, to: tree)
            }
        }
        try writeGroups(to: tree)
    }

    /// Every process of the job.
    package var jobPids: [Int32] { ranks.flatMap { [$0.pid] + $0.loaders } }

    private func writeProcess(
        _ pid: Int32, parent: Int32, _ rank: Rank, _ number: Int, to tree: borrowing Tree
    ) throws(FileError) {
        let folder = "/proc/\(pid)"
        try tree.write("\(folder)/comm", "python3")
        try tree.write(
            "\(folder)/cmdline", bytes: Array("python3\0train.py\0--batch\0512\0".utf8))
        try tree.write("\(folder)/environ", bytes: Array("RANK=\(number)\0HOME=/\0".utf8))
        try tree.write("\(folder)/cgroup", "0::\(Self.jobGroup)")
        try tree.write("\(folder)/status", status(pid, pid, rank))
        try tree.write(
            "\(folder)/limits",
            """
            Limit                     Soft Limit           Hard Limit           Units
            Max open files            1048576              1048576              files
            Max locked memory         unlimited            unlimited            bytes
            """)
        tree.makeFolder("\(folder)/fd")
        if pid == rank.pid {
            let isAMD = devices.contains { $0.driver == "amdgpu" }
            let files = isAMD ? ["kfd", "dri/renderD\(128 + number)"] : ["nvidia\(number)"]
            for (index, file) in files.enumerated() {
                try tree.link("\(folder)/fd/\(9 + index)", to: "/dev/\(file)")
            }
        }
        for tid in pid == rank.pid ? rank.threads : [pid] {
            try tree.write("\(folder)/task/\(tid)/status", status(tid, pid, rank))
        }
    }

    private func status(_ tid: Int32, _ pid: Int32, _ rank: Rank) -> String {
        let withMemory = nodes.indices.filter { nodes[$0].memoryBytes > 0 }
        return """
            Name:\tpython3
            Tgid:\t\(pid)
            Pid:\t\(tid)
            Uid:\t1000\t1000\t1000\t1000
            Cpus_allowed_list:\t\(CPUList(rank.allowed).description)
            Mems_allowed_list:\t\(CPUList(withMemory).description)
            voluntary_ctxt_switches:\t4099
            nonvoluntary_ctxt_switches:\t7
            """
    }

    private func stat(
        _ tid: Int32, _ name: String, parent: Int32, threads: Int, cpu: Int, ticks: UInt64 = 0
    ) -> String {
        "\(tid) (\(name)) S \(parent) \(tid) \(tid) 0 -1 4194304 123 0 4 0 \(ticks) \(ticks / 4) "
            + "0 0 20 0 \(threads) 0 249251 3133440 356 18446744073709551615 1 1 1 0 0 0 0 0 0 0 "
            + "0 0 17 \(cpu) 0 0 9 0 0 1 1 1 1 1 1 1 0"
    }

    /// Microseconds a second that each thread of the job runs, and waits for a CPU.
    package static let runningMicroseconds: UInt64 = 20_000
    package static let waitingMicroseconds: UInt64 = 11

    /// The files of a thread that change while it runs.
    func writeThreadTimes(to tree: borrowing Tree, after seconds: UInt64) throws(FileError) {
        let ran = 1_000_000 + Self.runningMicroseconds * seconds
        let waited = 500 + Self.waitingMicroseconds * seconds
        for rank in ranks {
            for pid in [rank.pid] + rank.loaders {
                let tids = pid == rank.pid ? rank.threads : [pid]
                let parent = pid == rank.pid ? 1 : rank.pid
                for (index, tid) in tids.enumerated() {
                    let line = stat(
                        tid, "python3", parent: parent, threads: tids.count,
                        cpu: rank.allowed[index % rank.allowed.count], ticks: ran / 10_000)
                    let folder = "/proc/\(pid)/task/\(tid)"
                    try tree.write("\(folder)/stat", line)
                    try tree.write("\(folder)/schedstat", "\(ran * 1000) \(waited * 1000) 97")
                    if tid == pid { try tree.write("/proc/\(pid)/stat", line) }
                }
            }
        }
        try tree.write(
            "/sys/fs/cgroup\(Self.jobGroup)/cpu.stat",
            """
            usage_usec \(ran * UInt64(jobPids.count))
            nr_periods 0
            nr_throttled 0
            throttled_usec 0
            """)
    }

    private func writeGroups(to tree: borrowing Tree) throws(FileError) {
        let root = "/sys/fs/cgroup"
        try tree.write("\(root)/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc")
        try tree.write("\(root)/cpuset.cpus.effective", CPUList(online).description)
        for group in ["/job.slice", Self.jobGroup] {
            let folder = root + group
            try tree.write("\(folder)/cpu.max", "max 100000")
            try tree.write("\(folder)/memory.current", "\(8 << 30)")
            try tree.write("\(folder)/memory.max", "max")
            try tree.write("\(folder)/memory.high", "max")
            try tree.write(
                "\(folder)/memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0")
            try tree.write("\(folder)/memory.stat", "anon 4096\nworkingset_refault_file 0")
            try tree.write("\(folder)/pids.current", "\(jobPids.count)")
            try tree.write("\(folder)/pids.max", "max")
            try tree.write("\(folder)/cpuset.cpus.effective", CPUList(online).description)
            try tree.write("\(folder)/cpuset.cpus.partition", "member")
            for pressure in ["memory", "io"] {
                try tree.write(
                    "\(folder)/\(pressure).pressure", "some avg10=0.00 total=0\nfull total=0")
            }
        }
    }
}
