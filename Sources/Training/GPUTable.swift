package import Host

/// The GPUs of a host by the names of their device files, and who computes on them as far as a
/// driver tells.
package struct GPUTable: Sendable, Equatable {
    /// PCI addresses by the name of the device file.
    private var addresses: [String: String] = [:]
    /// Processes with a context on each GPU, by its PCI address; empty where no driver was asked.
    package var listed: [String: [Int32]]

    package init(_ devices: [DeviceFacts] = [], listed: [String: [Int32]] = [:]) {
        self.listed = listed
        for device in devices where device.kind == .gpu {
            for name in device.names { addresses[name] = device.address }
        }
    }

    /// What a process does with GPUs and RDMA adapters; `nil` when nobody tells.
    package func use(by pid: Int32, _ files: ProcessFiles) -> DeviceUse? {
        let named = listed.filter { $0.value.contains(pid) }.keys.sorted()
        guard let open = files.descriptors() else {
            return named.isEmpty ? nil : DeviceUse(computes: true, gpus: named)
        }
        var use = DeviceUse(
            hasGPUOpen: open.hasGPU, hasFabric: open.hasFabric, descriptors: open.count,
            pipes: open.pipes)
        // Reading the table of mappings costs; most processes have no GPU open.
        let mapped = open.hasGPU ? files.mappedDevices : nil
        use.computes =
            !named.isEmpty || (mapped.map { $0.hasRuntime && open.isSetToCompute } ?? open.hasGPU)
        use.hasGDRCopy = mapped?.hasGDRCopy == true
        guard use.computes else { return use }
        use.gpus = named.isEmpty ? addresses(open, mapped) : named
        return use
    }

    /// Addresses of the GPUs that it has open. CUDA opens every GPU that it may see, but maps
    /// only those that it has a context on.
    private func addresses(_ open: OpenFiles, _ mapped: MappedDevices?) -> [String] {
        let used = open.gpuFiles.filter { mapped?.gpuFiles.contains($0) == true }
        return Set((used.isEmpty ? open.gpuFiles : used).compactMap { addresses[$0] }).sorted()
    }
}

/// What a process has of GPUs and of the fabric.
package struct DeviceUse: Sendable, Equatable {
    /// It has a GPU open, if only to ask it something or to draw.
    package var hasGPUOpen = false
    /// It has what a program needs to compute on a GPU.
    package var computes = false
    /// PCI addresses of the GPUs that it computes on, sorted; those of unknown files are missing.
    package var gpus: [String] = []
    package var hasFabric = false
    /// It has loaded the library of GDRCopy; not known of programs without a GPU open.
    package var hasGDRCopy = false
    /// Descriptors that were looked at.
    package var descriptors = 0
    /// `nil` when they may not be seen.
    package var pipes: Set<UInt64>?
}
