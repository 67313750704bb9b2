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
    package let watch: Watch
    package let facts: HostFacts
    /// The ledger in the kernel, or why there is none.
    package let ledger: Result<LedgerProbe, Unavailable>
    /// Processes that are watched now; signals of processes and groups read it.
    package var watchedProcesses: @Sendable () -> [(pid: Int32, cgroups: [String: String])] = { [] }
    private var drains: [() -> Void] = []

    package init(host: Host, facts: HostFacts, watch: Watch, probes: Bool = true) {
        self.host = host
        self.facts = facts
        self.watch = watch
        ledger = Result { () throws(Unavailable) in
            guard probes && !host.isCaptured else { throw Unavailable("probes are switched off") }
            return try LedgerProbe(watch: watch, topology: facts.topology)
        }
    }

    /// Has `drain` run whenever `drainAll` is called.
    package func onDrain(_ drain: @escaping () -> Void) { drains.append(drain) }

    /// Takes over what the kernel keeps only for a while; to be called about ten times a second.
    package func drainAll() {
        if case .success(let ledger) = ledger { ledger.drain() }
        for drain in drains { drain() }
    }
}
