import Host
import Signals
import Training

/// Amounts by memory node: time on CPUs, or bytes.
struct NodeShares: Equatable {
    private(set) var amounts: [Int: Double] = [:]

    init(_ amounts: [Int: Double]) { self.amounts = amounts }

    init(_ parts: [[Int: UInt64]]) {
        for part in parts {
            for (node, amount) in part { amounts[node, default: 0] += Double(amount) }
        }
    }

    var total: Double { amount(outside: []) }

    /// The node that holds most; the lower number where two hold as much.
    var main: Int? {
        amounts.filter { $0.value > 0 }.max {
            ($0.value, $1.key) < ($1.value, $0.key)
        }?.key
    }

    /// Part of the whole, 0 to 1.
    func share(of node: Int) -> Double { total > 0 ? (amounts[node] ?? 0) / total : 0 }

    /// Node by node: a sum in whatever order the dictionary has differs in its last digits.
    func amount(outside nodes: [Int]) -> Double {
        amounts.keys.sorted().reduce(0) { nodes.contains($1) ? $0 : $0 + (amounts[$1] ?? 0) }
    }

    func share(outside nodes: [Int]) -> Double {
        total > 0 ? amount(outside: nodes) / total : 0
    }

    /// The part that lies off the node that holds most.
    var shareOffMain: Double { main.map { share(outside: [$0]) } ?? 0 }

    /// Nodes that hold at least `limit`, ascending.
    func nodes(from limit: Limit) -> [Int] {
        amounts.keys.filter { limit.isReached(by: share(of: $0)) }.sorted()
    }

    /// Only what lies outside `nodes`.
    func outside(_ nodes: [Int]) -> NodeShares {
        var rest = self
        for node in nodes { rest.amounts[node] = nil }
        return rest
    }
}

/// Limits that the rules about placement share.
enum Placement {
    /// A node with less of a process's CPU time is one it strays to, not one it lives on.
    static let home = Limit(
        0.2, "share of CPU time", source: "judgement")
    /// Who computes less has little to lose by where it computes.
    static let leastCPU = Limit(0.1, "CPUs", source: "judgement")
    /// How much longer a thread takes whose memory accesses all go to another node: a share of
    /// its time. For ranking alone. Judgement: remote latency is 1.5 to 2 times the local one.
    static let remoteCost = 0.3
    /// Commands for more processes or threads than this help nobody.
    static let mostCommands = 8
}

/// A watched process: where its threads ran and where its memory lies.
struct PlacedProcess {
    var process: ProcessFacts
    fileprivate let index: LedgerIndex
    /// Time on CPUs by node, all its threads.
    var time: NodeShares
    /// Anonymous, shared and reserved huge pages by node; `nil` where they were not read.
    var memory: NodeShares?
    /// CPUs that its threads kept busy.
    var busyCPUs: Double

    var threads: [ThreadActivity] { index.threads(of: pid) }
    /// Nodes that its threads really run on.
    var home: [Int] { time.nodes(from: Placement.home) }
    var pid: Int32 { process.pid }
    /// CPUs that it needs for itself.
    var neededCPUs: Int { max(1, Int(min(busyCPUs, 65_536).rounded(.up))) }

    var words: String { "process \(pid) (\(process.name))" }
}

extension Topology {
    /// Placement is a question only on hosts of several nodes.
    var hasNodes: Bool { nodes.count > 1 }

    /// CPUs of a node that run.
    func cpus(of node: Int) -> CPUList {
        (nodes.first { $0.id == node }?.cpus ?? CPUList([])).intersection(usable)
    }

    /// Nodes that `cpus` belong to, ascending.
    func nodes(of cpus: CPUList) -> [Int] {
        nodes.filter { !$0.cpus.intersection(cpus).isEmpty }.map(\.id).sorted()
    }
}

extension Observation {
    /// The ledger with time by node; `nil` on hosts of one node.
    func placedThreads() throws(Unavailable) -> Threads? {
        guard facts.topology.hasNodes else { return nil }
        let threads = try threads()
        guard threads.threads.contains(where: { !$0.timeByNode.isEmpty }) else {
            throw Unavailable("on which node threads ran is only known with kernel probes")
        }
        return threads
    }

    /// Ranks: processes with a launch thread, or all that are watched where none is known.
    func placedRanks(_ threads: Threads) -> [PlacedProcess] {
        let launch = Set(index(threads).launch.map(\.pid))
        guard !launch.isEmpty || job.scope == .processes else { return [] }
        let ranks = job.processes.filter { launch.isEmpty || launch.contains($0.pid) }
        return placed(ranks, threads)
    }

    func placed(_ process: ProcessFacts, _ threads: Threads) -> PlacedProcess {
        placed(process, index(threads))
    }

    func placed(_ processes: [ProcessFacts], _ threads: Threads) -> [PlacedProcess] {
        let index = index(threads)
        return processes.map { placed($0, index) }
    }

    private func placed(_ process: ProcessFacts, _ index: LedgerIndex) -> PlacedProcess {
        let time = NodeShares(index.timeByNode(of: process.pid))
        let memory = process.memory.map { NodeShares([$0.anonymous, $0.shared, $0.hugetlb]) }
        let window = Double(whole.nanoseconds)
        return PlacedProcess(
            process: process, index: index, time: time, memory: memory,
            busyCPUs: window > 0 ? time.total / window : 0)
    }

    /// Threads of the process that stand for it in a finding: the critical ones, or all.
    func affected(_ placed: PlacedProcess) -> [Affected] {
        let critical = placed.threads.filter { isCritical($0) }
        return (critical.isEmpty ? placed.threads : critical).map { affected($0) }
    }

    /// CPUs of `node` that no other process's critical threads run on.
    func freeCPUs(of node: Int, for pid: Int32, in threads: Threads) -> CPUList {
        let others = index(threads).critical.filter { $0.pid != pid }
        let used = CPUList(others.map(\.cpu))
        return facts.topology.cpus(of: node).subtracting(used)
    }

    /// Binds all threads of the process, and the way back.
    func bindAll(_ placed: PlacedProcess, to cpus: CPUList) -> (to: String, back: String) {
        let old = placed.process.allowed ?? facts.topology.usable
        return (
            "taskset -apc \(cpus.description) \(placed.pid)",
            "taskset -apc \(old.description) \(placed.pid)"
        )
    }
}

/// Sentences of the rules about placement.
enum PlacementText {
    /// `node 0`, `nodes 0 and 2`, `nodes 0, 1 and 2`
    static func nodes(_ nodes: [Int]) -> String {
        guard let last = nodes.last else { return "no node" }
        guard nodes.count > 1 else { return "node \(last)" }
        return "nodes " + nodes.dropLast().map(String.init).joined(separator: ", ") + " and \(last)"
    }

    static func mebibytes(_ bytes: Double) -> Double { bytes / 1_048_576 }
}
