package import Fabric
import Host

/// Ports of InfiniBand, RoCE and EFA: how their links stand and what they counted.
package struct FabricPorts: Signal {
    package static let name = "fabric"

    package var ports: [FabricPort]
    /// Network interfaces beside them, whose traffic may be what the ports should carry.
    package var interfaces: [NetworkInterface]
    package var gaps: Gaps

    package init(
        ports: [FabricPort] = [], interfaces: [NetworkInterface] = [], gaps: Gaps = Gaps()
    ) {
        self.ports = ports
        self.interfaces = interfaces
        self.gaps = gaps
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<FabricPorts> {
        let none = Unavailable("no InfiniBand, RoCE or EFA device in /sys/class/infiniband")
        guard !FabricPortFacts.read(from: source.host).isEmpty else { throw none }
        var reader = FabricReader(source.host)
        var network = NetworkReader(source.host)
        var due = SlowPace()
        return { () throws(Unavailable) in
            let pace: FabricPace = due.isDue(source) ? .everything : .brief
            let ports = reader.read(pace)
            guard !ports.isEmpty else { throw none }
            return FabricPorts(
                ports: ports, interfaces: network.read(pace),
                gaps: Gaps(reasons: reasons(ports)))
        }
    }

    private static func reasons(_ ports: [FabricPort]) -> [String] {
        let silent = ports.filter { $0.port.values.isEmpty && $0.hardware.values.isEmpty }
        return silent.map { "\($0.facts.name) shows no counters" }
    }

    package func since(_ earlier: FabricPorts) -> FabricPorts {
        let change = matched(ports, earlier.ports, by: \.key).map { now, before in
            // A port that came meanwhile brings the totals of its whole life.
            now.since(before ?? now)
        }
        var gaps = gaps.since(earlier.gaps)
        for port in change {
            if port.wasReset {
                gaps.reasons.append("the counters of \(port.facts.name) were set back meanwhile")
            }
        }
        for (now, before) in matched(ports, earlier.ports, by: \.key) {
            gaps.reasons += now.deaf(since: before)
        }
        let carried = matched(interfaces, earlier.interfaces, by: \.name).map { now, before in
            now.since(before ?? now)
        }
        return FabricPorts(ports: change, interfaces: carried, gaps: gaps)
    }
}

extension NetworkInterface {
    fileprivate func since(_ earlier: NetworkInterface) -> NetworkInterface {
        NetworkInterface(
            name: name, receivedBytes: growth(receivedBytes, earlier.receivedBytes),
            sentBytes: growth(sentBytes, earlier.sentBytes))
    }
}

extension FabricPort {
    /// Counters that were full already when the look began: what they count is not seen.
    fileprivate func deaf(since earlier: FabricPort?) -> [String] {
        let full = (earlier?.port.values ?? [:]).filter { name, value in
            CounterWidth.port(name).isStuck(value) && port.values[name] == value
        }
        guard !full.isEmpty else { return [] }
        let names = full.keys.sorted().joined(separator: ", ")
        return ["\(facts.name): \(names) can count no further (perfquery -x sets them back)"]
    }
}

/// When files that are dear to read are read: at the first sample, each half minute, and at the
/// last sample of a look.
struct SlowPace {
    /// Judgement: 176 firmware commands on a host of eight adapters are too many each second.
    private static let nanoseconds: UInt64 = 30_000_000_000

    private var last: UInt64?

    mutating func isDue(_ source: Source) -> Bool {
        let now = monotonicNanoseconds()
        if let last, growth(now, last) < Self.nanoseconds, !source.isAtEnd { return false }
        last = now
        return true
    }
}
