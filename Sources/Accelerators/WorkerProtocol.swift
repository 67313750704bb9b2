import Host

/// What the parent asks, one line of JSON each time.
struct WorkerRequest: Codable {
    var id: UInt64
    /// PCI addresses of devices that are not to be touched.
    var without: [String]
    /// Wait this long for devices that are still at it.
    var milliseconds: UInt64
}

/// What the worker answers, one line of JSON.
struct WorkerAnswer: Codable {
    var id: UInt64
    /// Why NVIDIA's library gives nothing, and its code; `nil` while it works, or is not wanted.
    var library: LibraryTrouble?
    var devices: [DeviceReport]

    /// A longer line is taken for damage: 64 GPUs with 1,000 processes each are a fifth of it.
    static let longest = 4 << 20
}

struct DeviceReport: Codable {
    var pci: String
    var facts: GPUFacts?
    var reading: GPUReading?
}
