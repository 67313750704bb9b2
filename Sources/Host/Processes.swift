import Glibc

extension Host {
    /// Ticks in a second for the CPU times of /proc; the kernel's interface fixes it.
    package static let ticksPerSecond: UInt64 = 100

    /// All processes, ascending.
    package var pids: [Int32] { numbers(in: "/proc").compactMap { Int32(exactly: $0) } }

    package func process(_ pid: Int32) -> ProcessFiles {
        ProcessFiles(host: self, folder: "/proc/\(pid)")
    }

    /// Parent of every process, by pid.
    package var parents: [Int32: Int32] {
        var parents: [Int32: Int32] = [:]
        for pid in pids { parents[pid] = process(pid).stat?.parent }
        return parents
    }
}

/// `pids` and all processes below them.
package func withDescendants(_ pids: Set<Int32>, parents: [Int32: Int32]) -> Set<Int32> {
    var children: [Int32: [Int32]] = [:]
    for (pid, parent) in parents { children[parent, default: []].append(pid) }
    var found = pids
    var open = Array(pids)
    while let pid = open.popLast() {
        for child in children[pid] ?? [] where found.insert(child).inserted { open.append(child) }
    }
    return found
}

/// The files of one process or thread. Every question is a new read; a process that vanished
/// or that may not be read answers `nil`.
package struct ProcessFiles: Sendable {
    package let host: Host
    /// /proc/PID or /proc/PID/task/TID
    package let folder: String

    /// Ids of the threads, ascending; empty once the process is gone.
    package var threads: [Int32] {
        host.numbers(in: "\(folder)/task").compactMap { Int32(exactly: $0) }
    }

    /// The same questions about one thread.
    package func thread(_ tid: Int32) -> ProcessFiles {
        ProcessFiles(host: host, folder: "\(folder)/task/\(tid)")
    }

    package var stat: ProcessStat? { bytes("stat").flatMap { ProcessStat(parsing: $0) } }

    package var status: ProcessStatus? { bytes("status").map { ProcessStatus(parsing: $0) } }

    /// `nil` also on kernels without scheduler statistics.
    package var schedule: ScheduleTimes? {
        bytes("schedstat").flatMap { ScheduleTimes(parsing: $0) }
    }

    package var limits: ProcessLimits? { bytes("limits").map { ProcessLimits(parsing: $0) } }

    /// The name (comm) as the kernel has it, not escaped.
    package var name: String? {
        guard var name = bytes("comm") else { return nil }
        if name.last == UInt8(ascii: "\n") { name.removeLast() }
        return String(decoding: name, as: UTF8.self)
    }

    /// The command line, words joined by blanks, at most 4,096 bytes; empty for kernel threads.
    package var command: String? {
        guard let bytes = bytes("cmdline", limit: 4096) else { return nil }
        let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return words.joined(separator: " ")
    }

    /// Path in each hierarchy by controller name; the v2 path under "".
    package var cgroups: [String: String]? { bytes("cgroup").map(Self.cgroups(parsing:)) }

    /// Lines of maps, counted up to the first 64 MB of text.
    package var mappings: UInt64? {
        guard let bytes = bytes("maps", limit: 64 << 20) else { return nil }
        return bytes.reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
    }

    /// Environment variables that say a thread's place in its job. No other is ever kept.
    package static let environmentNames = [
        "CUDA_VISIBLE_DEVICES", "LOCAL_RANK", "MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMP_NUM_THREADS", "PMI_RANK", "PMI_SIZE",
        "RANK", "SLURM_JOB_ID", "SLURM_LOCALID", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_STEP_ID",
        "WORLD_SIZE",
    ]

    /// The `environmentNames` that are set.
    package var environment: [String: String]? {
        guard let bytes = bytes("environ", limit: 1 << 20) else { return nil }
        var found: [String: String] = [:]
        for entry in bytes.split(separator: 0) {
            guard let equals = entry.firstIndex(of: UInt8(ascii: "=")),
                let name = Self.environmentNames.first(where: {
                    entry[..<equals].elementsEqual($0.utf8)
                })
            else { continue }
            found[name] = String(decoding: entry[(equals + 1)...], as: UTF8.self)
        }
        return found
    }

    /// The program that it runs; `nil` when it may not be seen.
    package var executable: String? { host.link("\(folder)/exe") }

    /// What the file is that a thread waits to read from: `pipe:[31]`, `anon_inode:[eventfd]` …;
    /// `nil` when it waits for something else, or may not be seen.
    package var waitsToRead: String? {
        guard let bytes = bytes("syscall", limit: 256) else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        func argument(_ number: Int) -> UInt64? {
            guard words.count > number, words[number].hasPrefix("0x") else { return nil }
            return UInt64(words[number].dropFirst(2), radix: 16)
        }
        guard let call = words.first, let first = argument(1) else { return nil }
        switch call {
        // read of x86-64 and of arm64; the other's call of that number never waits.
        case "0", "63": return host.link("\(folder)/fd/\(UInt32(truncatingIfNeeded: first))")
        // poll and ppoll of x86-64, ppoll of arm64, for one file: struct pollfd begins with it.
        case "7", "271", "73":
            guard argument(2) == 1,
                let number = try? host.bytes("\(folder)/mem", at: first, count: 4)
            else { return nil }
            let descriptor = number.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return host.link("\(folder)/fd/\(descriptor)")
        default: return nil
        }
    }

    /// Number of open file descriptors.
    package var openFiles: UInt64? {
        host.canList("\(folder)/fd") ? UInt64(host.names(in: "\(folder)/fd").count) : nil
    }

    /// Device files of GPUs and RDMA adapters that are open, sorted, each once; none for Stoker's
    /// own worker.
    package var openDevices: [String]? {
        guard let devices = descriptors()?.devices.filter(Self.isTrainingDevice) else { return nil }
        return devices.isEmpty || name == gpuWorkerName ? [] : devices
    }

    static func isTrainingDevice(_ path: String) -> Bool {
        ["/dev/nvidia", "/dev/kfd", "/dev/infiniband/uverbs"].contains { path.hasPrefix($0) }
    }

    static func cgroups(parsing bytes: [UInt8]) -> [String: String] {
        var paths: [String: String] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let parts = line.split(
                separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let path = String(decoding: parts[2], as: UTF8.self)
            let names = String(decoding: parts[1], as: UTF8.self)
            for name in names.split(separator: ",", omittingEmptySubsequences: false) {
                paths[String(name)] = path
            }
        }
        return paths
    }

    private func bytes(_ file: String, limit: Int = 1 << 20) -> [UInt8]? {
        try? host.bytes("\(folder)/\(file)", limit: limit)
    }
}

extension Host {
    /// Tells an empty folder from one that may not be read.
    fileprivate func canList(_ path: String) -> Bool {
        guard let folder = opendir(root + path) else { return false }
        closedir(folder)
        return true
    }
}
