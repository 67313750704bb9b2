package import Accelerators
package import Host

/// Whose time the ledger keeps.
package struct Watch: Sendable, Equatable {
    /// Every user process of the host.
    package var everything: Bool
    /// Processes to watch from the start; their descendants follow.
    package var pids: [Int32]
    /// Watch the processes that Stoker itself starts.
    package var children: Bool

    package init(everything: Bool = false, pids: [Int32] = [], children: Bool = false) {
        self.everything = everything
        self.pids = pids
        self.children = children
    }
}

/// What readers read from: files, and the probes where the kernel took them. A class because
/// the readers of several signals share the one loaded ledger.
package final class Source {
    package let host: Host
    package let facts: HostFacts
    package let watch: Watch
    /// Who asks the drivers of GPUs; `nil` on a host that has none.
    package let gpus: GPUWorker?
    /// The ledger in the kernel, or why there is none.
    package let ledger: Result<LedgerProbe, Unavailable>
    /// The block probe, or why there is none.
    let block: Result<BlockProbe, Unavailable>
    /// The NUMA probe, or why there is none; `nil` where fewer than two nodes have memory, for
    /// there the kernel does nothing that it could see.
    let numa: Result<NUMAProbe, Unavailable>?
    /// The probe at NVIDIA's driver, or why there is none; `nil` where its module is not loaded. The
    /// kernel's log tells of its errors too.
    let gpuProbe: Result<GPUProbe, Unavailable>?
    /// Processes whose threads stood in the last reading of the ledger.
    package internal(set) var watchedPids: Set<Int32>
    /// The next sample is the last of this look: what is read rarely is read once more for it.
    package var isAtEnd = false
    /// How far back readings are compared, ns. What ended before is forgotten; `nil`: nothing is,
    /// for a look that ends.
    package var memoryNanoseconds: UInt64?
    private var looks: [() -> Void] = []

    /// `probes` false: read files only, as a user without privileges would.
    package init(
        host: Host, facts: HostFacts, watch: Watch, probes: Bool = true, gpus: GPUWorker? = nil
    ) {
        self.host = host
        self.gpus = gpus
        self.facts = facts
        self.watch = watch
        watchedPids = Set(watch.pids)
        let off = Unavailable("probes are switched off")
        let wanted = probes && !host.isCaptured
        ledger = Result { () throws(Unavailable) in
            guard wanted else { throw off }
            return try LedgerProbe(watch: watch, topology: facts.topology)
        }
        block = Result { () throws(Unavailable) in
            guard wanted else { throw off }
            return try BlockProbe()
        }
        let hasRemoteMemory = facts.topology.nodesWithMemory.count > 1
        numa =
            !hasRemoteMemory
            ? nil
            : Result { () throws(Unavailable) in
                guard wanted else { throw off }
                return try NUMAProbe()
            }
        gpuProbe =
            wanted && host.exists("/sys/module/nvidia")
            ? Result { () throws(Unavailable) in try GPUProbe() } : nil
    }

    private var attachedGPUProbe: GPUProbe? { gpuProbe.flatMap { try? $0.get() } }

    /// Every hook that the probes want, attached or not.
    package var hooks: [HookState] {
        var hooks: [HookState] = []
        switch ledger {
        case .success(let probe): hooks += probe.hooks
        case .failure(let why):
            hooks.append(HookState(probe: "ledger", hook: "*", reason: why.reason))
        }
        switch block {
        case .success(let probe): hooks += probe.hooks
        case .failure(let why):
            hooks.append(HookState(probe: "block", hook: "*", reason: why.reason))
        }
        switch numa {
        case .success(let probe): hooks += probe.hooks
        case .failure(let why):
            hooks.append(HookState(probe: "numa", hook: "*", reason: why.reason))
        case nil: break
        }
        // Older drivers have no such tracepoint: that is no trouble while the log can be read.
        hooks += attachedGPUProbe?.hooks ?? []
        return hooks
    }

    /// Watches these processes too, from now on.
    package func add(_ pids: [Int32]) {
        watchedPids.formUnion(pids)
        if case .success(let ledger) = ledger { ledger.add(pids) }
    }

    /// Has waits for a CPU counted apart by role from now on: numbers from 1 below
    /// `CPUs.waitRoles` by tid; threads that are not named have 0.
    package func assign(roles: [Int32: Int]) {
        guard case .success(let ledger) = ledger else { return }
        let known = roles.filter { (1..<CPUs.waitRoles).contains($0.value) }
        ledger.assign(
            Dictionary(
                uniqueKeysWithValues: known.map {
                    (UInt32(bitPattern: $0.key), UInt32($0.value))
                }))
    }

    /// Has `look` run at every `look()`.
    func onLook(_ look: @escaping () -> Void) { looks.append(look) }

    /// Samples what no counter keeps; to be called about ten times a second.
    package func look() {
        for look in looks { look() }
    }

    /// Takes over the records of ended threads before the kernel's ring is full of them.
    package func drainDeaths() {
        if case .success(let ledger) = ledger { ledger.drain() }
    }

    /// What each hook has cost since it was loaded, while somebody kept `RunStatistics`.
    package var costs: [HookCost] {
        var costs = (try? ledger.get().costs) ?? []
        costs += (try? block.get().costs) ?? []
        costs += (try? numa?.get().costs) ?? []
        costs += attachedGPUProbe?.costs ?? []
        return costs
    }

    /// Bytes of kernel memory in maps, without what each watched thread has of its own.
    package var mapBytes: UInt64 {
        var bytes = (try? ledger.get().mapBytes(host)) ?? 0
        bytes += (try? block.get().mapBytes(host)) ?? 0
        bytes += (try? numa?.get().mapBytes(host)) ?? 0
        bytes += attachedGPUProbe?.mapBytes(host) ?? 0
        return bytes
    }

    /// Leaves a part of the probes out from now on; `reason` is what coverage says of it.
    package func leaveOut(_ part: ProbePart, because reason: String) {
        switch part {
        case .block: try? block.get().leaveOut(part, because: reason)
        default: try? ledger.get().leaveOut(part, because: reason)
        }
    }

    /// Takes a part in again that was left out.
    package func takeIn(_ part: ProbePart) {
        switch part {
        case .block: try? block.get().takeIn(part)
        default: try? ledger.get().takeIn(part)
        }
    }
}
