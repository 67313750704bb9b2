package import Fabric
import Host

/// Links and errors of GPUs, adapters, drives and the bridges above them.
package struct PCIe: Signal {
    package static let name = "pcie"

    package var functions: [PCIeFunction]
    package var gaps: Gaps

    package init(functions: [PCIeFunction] = [], gaps: Gaps = Gaps()) {
        self.functions = functions
        self.gaps = gaps
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<PCIe> {
        let reader = PCIeReader(source.facts.devices, on: source.host)
        var functions = reader.read()
        guard functions.contains(where: \.tellsSomething) else {
            throw Unavailable("no PCI Express device tells of its link or its errors")
        }
        var pace = SlowPace()
        return { () throws(Unavailable) in
            if pace.isDue(source) { functions = reader.read() }
            return PCIe(functions: functions, gaps: Gaps(reasons: reasons(functions)))
        }
    }

    private static func reasons(_ functions: [PCIeFunction]) -> [String] {
        functions.contains { $0.correctable != nil }
            ? [] : ["no device reports errors (AER): the firmware keeps them, or has none"]
    }

    package func since(_ earlier: PCIe) -> PCIe {
        PCIe(
            functions: matched(functions, earlier.functions, by: \.address).map { now, before in
                now.since(before ?? now)
            }, gaps: gaps.since(earlier.gaps))
    }

    package func function(_ address: String) -> PCIeFunction? {
        functions.first { $0.address == address }
    }
}

extension PCIeFunction {
    fileprivate var tellsSomething: Bool { link != nil || correctable != nil }
}
