/// Running totals and gauges of one GPU at one moment. `nil`: this GPU or driver does not tell.
package struct GPUReading: Sendable, Equatable, Codable {
    /// Key of the GPU: `0000:1b:00.0`.
    package var pci: String
    /// When the totals were read, CLOCK_MONOTONIC in ns; 0 when the GPU never answered.
    package var takenAt: UInt64 = 0
    /// Which process has summed up what the driver does not sum up itself; another one starts at 0.
    package var epoch: UInt64 = 0

    package var activity = GPUActivity()
    package var limits = GPULimits()
    package var link = GPULink()
    package var health = GPUHealth()

    /// mJ since the driver was loaded.
    package var energyMillijoules: UInt64?
    package var smMegahertz: UInt64?
    package var memoryMegahertz: UInt64?
    package var celsius: UInt64?
    package var memoryCelsius: UInt64?
    package var milliwatts: UInt64?
    package var memoryUsedBytes: UInt64?
    /// Who computes on it, as pids of the host; read every ten seconds.
    package var processes: [Int32]?
    /// Errors that the driver has logged since Stoker looks.
    package var xids: [XID] = []

    /// Why there is nothing newer: lost, hangs, left out after a crash …
    package var trouble: String?
    /// The driver says that it cannot reach the GPU any more.
    package var isLost = false
    /// Calls into the driver for this GPU, and the time that they took: Stoker's own cost.
    package var calls: UInt64 = 0
    package var callNanoseconds: UInt64 = 0

    package init(pci: String) { self.pci = pci }
}

/// How long the GPU was at work. Shares are of `observed`, never of wall time.
package struct GPUActivity: Sendable, Equatable, Codable {
    package enum Source: String, Sendable, Codable {
        /// The driver's ring of utilisation samples, some five a second.
        case samples
        /// Counters of the GPU itself (GPM, since Hopper; SMU of AMD).
        case counters
        /// One figure of the driver that stands for the last second or less.
        case rate
    }

    /// Something ran on the GPU, ns.
    package var active: UInt64?
    /// Time for which `active` is known, ns.
    package var observed: UInt64?
    package var source: Source?
    /// Multiprocessors at work, weighed by how many of them, and tensor cores, ns (GPM).
    package var smActive: UInt64?
    package var tensorActive: UInt64?
    /// Time for which these two are known, ns.
    package var counted: UInt64?

    package init() {}
}

/// What holds the clocks down.
package struct GPULimits: Sendable, Equatable, Codable {
    /// Time below the clocks that were asked for, ns, by policy: the driver's own counters.
    package var throttled: [ThrottlePolicy: UInt64] = [:]
    /// The driver's bits at the last reading.
    package var bits: UInt64?
    /// Time with each bit set, ns, as seen once a second.
    package var held: [ClockLimit: UInt64] = [:]
    /// The time that was looked at for `held`, ns.
    package var watched: UInt64 = 0
    /// How often heat or the power supply began to slow it down, as seen once a second.
    package var slowdowns: UInt64 = 0

    package init() {}
}

package enum ThrottlePolicy: String, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
    case power, thermal, syncBoost, boardLimit, lowUtilization, reliability
    /// Below the application clocks, or the base clocks, for any reason.
    case belowApplicationClocks, belowBaseClocks
}

/// Clock event reasons that are not "idle".
package enum ClockLimit: String, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
    case applicationClocks, powerCap, hardwareSlowdown, syncBoost, softwareThermal
    case hardwareThermal, powerBrake, display, boardLimit, reliability

    /// nvml.h, nvmlClocksEventReason…
    package var bit: UInt64 {
        switch self {
        case .applicationClocks: 0x2
        case .powerCap: 0x4
        case .hardwareSlowdown: 0x8
        case .syncBoost: 0x10
        case .softwareThermal: 0x20
        case .hardwareThermal: 0x40
        case .powerBrake: 0x80
        case .display: 0x100
        case .boardLimit: 0x200
        case .reliability: 0x400
        }
    }

    /// Heat or the power supply slow the GPU down.
    package static let slowdowns: Set = [
        Self.hardwareSlowdown, .softwareThermal, .hardwareThermal, .powerBrake,
    ]
}

/// PCI Express and NVLink.
package struct GPULink: Sendable, Equatable, Codable {
    /// As it runs now; a GPU slows its link down at rest.
    package var generation: Int?
    package var lanes: Int?
    package var replays: UInt64?
    package var sentBytes: UInt64?
    package var receivedBytes: UInt64?
    package var nvlinkSentBytes: UInt64?
    package var nvlinkReceivedBytes: UInt64?
    package var nvlinkReplays: UInt64?
    package var nvlinkRecoveries: UInt64?
    package var nvlinkCRCErrors: UInt64?

    package init() {}
}

/// Errors of the GPU's memory.
package struct GPUHealth: Sendable, Equatable, Codable {
    /// Since the driver was loaded.
    package var corrected: UInt64?
    package var uncorrected: UInt64?
    /// Of these, within a window; `nil` in a reading.
    package var newCorrected: UInt64?
    package var newUncorrected: UInt64?
    /// Rows taken out of use, ever.
    package var remappedCorrected: UInt64?
    package var remappedUncorrected: UInt64?
    /// Rows or pages wait for a reset to be taken out of use.
    package var isPending: Bool?
    /// There was no spare row left.
    package var hasFailed: Bool?
    /// Pages taken out of use, ever (before Ampere).
    package var retiredPages: UInt64?

    package init() {}
}

/// An error that the NVIDIA driver logged.
package struct XID: Sendable, Equatable, Hashable, Codable {
    /// CLOCK_MONOTONIC, ns.
    package var time: UInt64
    package var code: Int

    package init(time: UInt64, code: Int) {
        self.time = time
        self.code = code
    }
}

/// Why NVIDIA's library gives nothing, and the code that it answers.
package struct LibraryTrouble: Codable, Equatable, Sendable {
    package var reason: String
    package var code: Int32?

    /// After an update of the driver without a reboot.
    package var isMismatch: Bool { code == 18 }

    package init(reason: String, code: Int32? = nil) {
        self.reason = reason
        self.code = code
    }
}
