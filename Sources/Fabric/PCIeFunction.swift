package import Host

/// A device, or a bridge above one: the state of its link and the errors that it reported (AER).
package struct PCIeFunction: Sendable, Equatable, Codable {
    package var address: String
    /// The function at the upper end of its link; `nil` where it has no link upward of its own:
    /// root ports, what is inside of a processor, and the lower ports of a switch.
    package var upper: String?
    package var link: LinkFacts?
    /// Errors by the kernel's name of the kind, totals left out; `nil` without AER.
    package var correctable: [String: UInt64]?
    package var nonfatal: [String: UInt64]?
    package var fatal: [String: UInt64]?

    package init(address: String) { self.address = address }

    package func since(_ earlier: PCIeFunction) -> PCIeFunction {
        var change = self
        change.correctable = Self.growth(correctable, earlier.correctable)
        change.nonfatal = Self.growth(nonfatal, earlier.nonfatal)
        change.fatal = Self.growth(fatal, earlier.fatal)
        return change
    }

    /// The kernel's totals are 64 bits wide.
    private static func growth(
        _ later: [String: UInt64]?, _ earlier: [String: UInt64]?
    ) -> [String: UInt64]? {
        guard let later, let earlier else { return nil }
        return Dictionary(
            uniqueKeysWithValues: later.map { name, now in
                let before = earlier[name] ?? now
                return (name, now >= before ? now - before : 0)
            })
    }
}

/// Reads the functions that matter: devices that training cares about, and the bridges above them.
package struct PCIeReader: Sendable {
    private let host: Host
    /// By address.
    private let functions: [(address: String, upper: String?, folder: String)]

    package init(_ devices: [DeviceFacts], on host: Host) {
        var upper: [String: String?] = [:]
        for device in devices {
            let chain = device.bridges + [device.address]
            for (index, address) in chain.enumerated() {
                // Below a root port a switch is two bridges: one that faces up, and one that faces
                // down without a link between them. The lower end of a link has an odd number.
                let isLowerEnd = index > 0 && (index % 2 == 1 || index == chain.count - 1)
                upper[address] = isLowerEnd ? chain[index - 1] : .some(nil)
            }
        }
        self.host = host
        functions = upper.sorted { $0.key < $1.key }.compactMap { address, upper in
            PCIBus.folder(of: address, host).map { (address, upper, $0) }
        }
    }

    package func read() -> [PCIeFunction] {
        functions.map { address, upper, folder in
            var function = PCIeFunction(address: address)
            function.upper = upper
            function.link = LinkFacts(reading: folder, host)
            function.correctable = errors("\(folder)/aer_dev_correctable")
            function.nonfatal = errors("\(folder)/aer_dev_nonfatal")
            function.fatal = errors("\(folder)/aer_dev_fatal")
            return function
        }
    }

    /// Lines read `RxErr 0` or, as the documentation has it, `Receiver Error 0`.
    private func errors(_ path: String) -> [String: UInt64]? {
        guard let text = try? host.text(path) else { return nil }
        var errors: [String: UInt64] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 1, let count = words.last.flatMap({ UInt64($0) }) else { continue }
            let name = words.dropLast().joined(separator: " ")
            if !name.hasPrefix("TOTAL_ERR") { errors[name] = count }
        }
        return errors
    }
}
