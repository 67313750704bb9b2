import Glibc

/// What a process has open, as far as it tells what the process does.
package struct OpenFiles: Sendable, Equatable {
    /// Descriptors that were looked at.
    package var count = 0
    /// Device files of GPUs and RDMA adapters, sorted, each once.
    package var devices: [String] = []
    /// Inodes of its pipes, but for the three standard streams, which a whole job may share.
    package var pipes: Set<UInt64> = []

    package init() {}

    /// Names of the GPUs' own files: `nvidia3`, and `renderD128` of a program that computes on it.
    package var gpuFiles: [String] {
        let names = devices.compactMap { $0.split(separator: "/").last.map(String.init) }
        let isAMD = devices.contains("/dev/kfd")
        return names.filter {
            Self.isNumbered($0, "nvidia") || isAMD && Self.isNumbered($0, "renderD")
        }
    }

    /// A GPU itself is open, not only what manages GPUs.
    package var hasGPU: Bool { devices.contains("/dev/kfd") || !gpuFiles.isEmpty }

    /// It has open what a program that computes needs beside the GPU. Tools that only ask the
    /// driver (NVML) and programs that draw do not open the unified memory of CUDA.
    package var isSetToCompute: Bool {
        devices.contains("/dev/kfd") || hasGPU && devices.contains("/dev/nvidia-uvm")
    }

    package var hasFabric: Bool { devices.contains { $0.hasPrefix("/dev/infiniband/uverbs") } }

    private static func isNumbered(_ name: String, _ prefix: String) -> Bool {
        name.hasPrefix(prefix) && UInt32(name.dropFirst(prefix.count)) != nil
    }
}

extension ProcessFiles {
    /// At most this many descriptors of one process are looked at. Judgement: a loader keeps
    /// thousands of files open, and each costs a system call.
    package static let mostDescriptors = 16_384

    /// `nil` when they may not be seen, or the process is gone.
    package func descriptors(most: Int = mostDescriptors) -> OpenFiles? {
        guard let listing = opendir(host.root + folder + "/fd") else { return nil }
        defer { closedir(listing) }
        var files = OpenFiles()
        var devices: Set<String> = []
        while files.count < most, let entry = readdir(listing) {
            withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { name in
                    guard name.pointee != CChar(UInt8(ascii: ".")) else { return }
                    files.count += 1
                    note(name, in: dirfd(listing), &devices, &files.pipes)
                }
            }
        }
        files.devices = devices.sorted()
        return files
    }

    private func note(
        _ name: UnsafePointer<CChar>, in listing: CInt, _ devices: inout Set<String>,
        _ pipes: inout Set<UInt64>
    ) {
        // What matters is short; the rest of a long path is cut off.
        withUnsafeTemporaryAllocation(byteCount: 128, alignment: 1) { buffer in
            let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            guard let start else { return }
            let count = readlinkat(listing, name, start, buffer.count)
            guard count > 5 else { return }
            let target = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            if target.starts(with: "/dev/".utf8) {
                var path = String(decoding: target, as: UTF8.self)
                if path.hasSuffix(" (deleted)") { path.removeLast(10) }
                if Self.isDevice(path) { devices.insert(path) }
            } else if target.starts(with: "pipe:[".utf8), strlen(name) > 1 || name.pointee > 50,
                let inode = UInt64(String(decoding: target.dropFirst(6).dropLast(), as: UTF8.self))
            {
                pipes.insert(inode)
            }
        }
    }

    private static func isDevice(_ path: String) -> Bool {
        isTrainingDevice(path) || path.hasPrefix("/dev/dri/renderD")
    }
}

/// Files that a process has mapped which tell of GPUs.
package struct MappedDevices: Sendable, Equatable {
    /// The library that every program needs to compute on a GPU: of CUDA, ROCm or HIP.
    package var hasRuntime = false
    /// `nvidia3`: a program has mapped registers of each GPU that it has a context on.
    package var gpuFiles: Set<String> = []
    /// The library of GDRCopy, by which a program writes to a GPU's memory itself.
    package var hasGDRCopy = false

    package init() {}
}

extension ProcessFiles {
    private static let runtimes = ["libcuda.so", "libhsa-runtime64.so", "libamdhip64.so"]
    /// Bytes of the table that are looked at: some 600,000 areas.
    private static let mostText = 64 << 20

    /// `nil` when it may not be seen, or the process is gone.
    package var mappedDevices: MappedDevices? {
        var found = MappedDevices()
        var rest: [UInt8] = []
        var seen = 0
        do throws(FileError) {
            try host.stream("\(folder)/maps") { piece in
                seen += piece.count
                rest += piece
                let end = rest.lastIndex(of: UInt8(ascii: "\n")) ?? rest.startIndex
                for line in rest[..<end].split(separator: UInt8(ascii: "\n")) {
                    found.note(line, Self.runtimes)
                }
                rest.removeFirst(end)
                return seen < Self.mostText && rest.count < 1 << 20
            }
        } catch { return nil }
        found.note(rest[...], Self.runtimes)
        return found
    }
}

extension MappedDevices {
    fileprivate mutating func note(_ line: ArraySlice<UInt8>, _ runtimes: [String]) {
        let slash = UInt8(ascii: "/")
        guard let last = line.lastIndex(of: slash) else { return }
        let name = line[(last + 1)...]
        if runtimes.contains(where: { name.starts(with: $0.utf8) }) {
            hasRuntime = true
        } else if name.starts(with: "libgdrapi.so".utf8) {
            hasGDRCopy = true
        } else if name.starts(with: "nvidia".utf8),
            line[..<last].suffix(4).elementsEqual("/dev".utf8)
        {
            gpuFiles.insert(String(decoding: name.prefix { $0 > 32 }, as: UTF8.self))
        }
    }
}
