import Host
import Rules
import Signals
import Testing
import Training

/// 15 s, so that limits a minute fall on whole nanoseconds.
let memoryWindow: UInt64 = 15_000_000_000
let mebibyte: UInt64 = 1 << 20

/// A thread that was seen for the whole window; what `times` leaves over it ran or slept.
func trainer(
    _ tid: Int32, pid: Int32 = 4711, name: String = "python", asleep: Bool = false,
    _ times: [ThreadState: UInt64] = [:], _ change: (inout ThreadActivity) -> Void = { _ in }
) -> ThreadActivity {
    var thread = ThreadActivity(tid: tid, pid: pid, name: name)
    thread.time = StateTimes(times)
    let rest = memoryWindow - thread.time.total
    thread.time[asleep ? .sleeping : .running] += rest
    change(&thread)
    return thread
}

/// Part of the memory window, in percent; exact for whole and half percents.
func percent(_ share: Double) -> UInt64 { UInt64(share * Double(memoryWindow / 1000) * 10) }

/// Milliseconds a minute, as nanoseconds of the memory window.
func perMinute(_ milliseconds: UInt64) -> UInt64 { milliseconds * memoryWindow / 60_000 }

/// An observation of the given threads; the first has the role `launch`.
func observe(
    _ threads: [ThreadActivity], waits: [Wait] = [], scope: Job.Scope = .processes,
    launch: Bool = true, _ signals: (inout Readings) -> Void = { _ in }
) -> Observation {
    var change = Readings()
    change[Threads.self] = .success(Threads(threads: threads, waits: waits))
    signals(&change)
    let pids = Set(threads.map(\.pid)).sorted()
    var roles: [Int32: Role] = [:]
    if launch, let first = threads.first { roles[first.tid] = .launch }
    return Observation(
        job: Job(
            scope: scope, processes: pids.map { ProcessFacts(pid: $0, name: "python") },
            roles: roles),
        whole: Window(nanoseconds: memoryWindow, change: change))
}

extension Observation {
    func with(_ change: (inout Observation) -> Void) -> Observation {
        var copy = self
        change(&copy)
        return copy
    }
}

extension Readings {
    mutating func vmstat(_ counters: [String: UInt64]) {
        self[VirtualMemory.self] = .success(VirtualMemory(counters))
    }

    mutating func meminfo(_ bytes: [String: UInt64], zones: [MemoryZone] = []) {
        self[FreeMemory.self] = .success(FreeMemory(meminfo: bytes, zones: zones))
    }

    mutating func cgroups(_ groups: CgroupActivity...) {
        self[Cgroups.self] = .success(Cgroups(groups: groups))
    }

    mutating func disk(_ name: String, _ change: (inout DiskActivity) -> Void) {
        var disk = DiskActivity(name: name, major: 259, minor: 3)
        change(&disk)
        var all = (try? self[Disks.self].get())?.disks ?? []
        all.append(disk)
        self[Disks.self] = .success(Disks(disks: all))
    }
}

/// A memory control group of the process 4711.
func memoryGroup(
    _ path: String, version: Int = 2, pids: [Int32] = [4711], _ memory: MemoryControl
) -> CgroupActivity {
    let mount = version == 2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
    var group = CgroupActivity(folder: mount + path, path: path, version: version, pids: pids)
    group.memory = memory
    return group
}

/// Claimed time by loss, all threads together.
func claimed(_ finding: Finding?, _ loss: Claim.Loss) -> UInt64 {
    (finding?.claims ?? []).filter { $0.loss == loss }.reduce(0) { $0 + $1.nanoseconds }
}

/// A host like any other: some faults, a little I/O, nothing that costs.
func healthyHost(scope: Job.Scope) -> Observation {
    let threads = [
        trainer(71, [.io: percent(0.2), .fault: percent(0.1)]) {
            $0.minorFaults = 7_003
            $0.majorFaults = 13
        },
        trainer(73, asleep: true, [.running: percent(3), .io: percent(1)]),
        trainer(79, pid: 301, name: "journald", asleep: true, [.io: percent(21)]) {
            $0.writing = scope == .host ? percent(21) : 0
            if scope == .processes { $0.time = StateTimes([.sleeping: memoryWindow]) }
        },
    ]
    return observe(threads, scope: scope, launch: scope == .processes) {
        $0.vmstat([
            "pgmajfault": 31, "thp_fault_alloc": 97, "thp_fault_fallback": 3, "pgpgin": 4_001,
            "workingset_refault_file": 7,
        ])
        $0.meminfo(["MemAvailable": 3_001 * mebibyte, "Dirty": 5 * mebibyte])
        $0.cgroups(
            memoryGroup("/system.slice", MemoryControl(current: 77 * mebibyte, fileRefaults: 3)))
        $0.disk("sda") { ($0.reads, $0.readBytes, $0.readTime) = (101, 4_100_000, 77_000_000) }
        $0[Pressure.self] = .success(Pressure(io: Stall(some: 30_000_001)))
        $0[Interrupts.self] = .success(
            Interrupts(lines: [
                InterruptLine(
                    label: "TLB", name: "TLB shootdowns", counts: [311, 297],
                    nanoseconds: [900_001, 0], watchedNanoseconds: [500_001, 0])
            ]))
        $0[Power.self] = .success(Power(cpus: [CPUPower(id: 0), CPUPower(id: 1)]))
        $0[CPUs.self] = .success(CPUs(cpus: [CPUActivity(id: 0), CPUActivity(id: 1)]))
    }.with {
        $0.facts.settings.sysctl = [
            "vm.max_map_count": "65530", "vm.zone_reclaim_mode": "0", "vm.dirty_ratio": "20",
            "vm.swappiness": "60", "vm.watermark_scale_factor": "10",
        ]
        $0.facts.settings.thpEnabled = "always"
        $0.facts.settings.thpDefrag = "madvise"
        $0.facts.settings.ksmRun = 0
        $0.facts.settings.sharedMemory = FilesystemUse(sizeBytes: 1_000_003, usedBytes: 7)
        $0.facts.power.turboDisabled = false
        $0.job.processes[0].openFiles = 97
        $0.job.processes[0].openFilesLimit = 1_024
        $0.job.processes[0].mappings = 511
    }
}
