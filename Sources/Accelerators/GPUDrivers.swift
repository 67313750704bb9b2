package import Host

/// Which drivers of GPUs a host has, told from files alone: without any, no worker is started.
package struct GPUDrivers: Sendable, Equatable {
    /// There is a driver that can be asked: never that of a captured tree.
    package var hasNVIDIA = false
    /// Numbers of the cards that amdgpu drives, as in /sys/class/drm/card1.
    package var amdCards: [Int] = []

    package var isEmpty: Bool { !hasNVIDIA && amdCards.isEmpty }

    /// The reason when there is none.
    package static let none =
        "no GPU driver: no /proc/driver/nvidia, no /dev/nvidiactl and no card of amdgpu"

    package init(on host: Host) {
        hasNVIDIA =
            !host.isCaptured
            && (host.exists("/proc/driver/nvidia") || host.exists("/dev/nvidiactl"))
        amdCards = host.numbered("card", in: "/sys/class/drm").filter { card in
            let device = "/sys/class/drm/card\(card)/device"
            // pci.ids: Advanced Micro Devices, [AMD/ATI]
            return host.line("\(device)/vendor") == "0x1002"
                && host.exists("\(device)/gpu_busy_percent")
        }
    }
}
