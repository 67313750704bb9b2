extension ProcessFiles {
    /// Areas of a program with the usual limit of 65,530 need about 10 MB of text.
    package static let mostPlacementBytes = 16 << 20

    /// Where the memory of this process lies now; `nil` when it is gone, may not be read, or has
    /// no memory, and on kernels that know no nodes. Memory that a driver maps without telling the
    /// kernel its pages (cudaHostAlloc is of that kind) is in no such file and not in the answer.
    ///
    /// This is dear: for each area the kernel walks the page tables and looks at every page, and
    /// holds the process's mmap_lock for reading meanwhile, so that threads which map or unmap
    /// memory wait: 15 ms for a GiB of small pages and 0.6 ms of huge ones, measured on a virtual
    /// machine with Linux 6.18. `isOver` is asked after every piece of about 4 KiB of text, 40
    /// areas; a single area cannot be interrupted. When it answers true, or after `mostBytes`, what
    /// was read stays and `gap` says that it is not all.
    package func memoryPlacement(
        mostBytes: Int = mostPlacementBytes, isOver: () -> Bool
    ) -> MemoryPlacement? {
        let mounts = (try? host.bytes("\(folder)/mounts", limit: 1 << 20)) ?? []
        var sum = PlacementSum(MemoryFiles(mounts: mounts))
        var read = 0
        var why: String?
        do throws(FileError) {
            try host.stream("\(folder)/numa_maps") { piece in
                read += piece.count
                sum.add(piece)
                if read >= mostBytes {
                    why = "only the first \(read) bytes of numa_maps were read"
                } else if isOver() {
                    why = "the time for numa_maps was over after \(sum.areas) areas"
                }
                return why == nil
            }
            // A file that ends where a piece does leaves nothing unread.
            if why == nil { sum.finish() }
        } catch {
            why = "numa_maps broke off: \(error.reason)"
        }
        guard sum.areas > 0 || sum.refused > 0 else { return nil }
        var placement = sum.placement
        let refused =
            sum.refused > 0 ? "lines of numa_maps that make no sense: \(sum.refused)" : nil
        let gaps = [why, refused].compactMap { $0 }
        placement.gap = gaps.isEmpty ? nil : gaps.joined(separator: "; ")
        return placement
    }
}

/// Adds up the lines of numa_maps as they come, cut anywhere.
struct PlacementSum {
    private(set) var placement = MemoryPlacement()
    /// Lines that were taken, and lines that could not be.
    private(set) var areas = 0
    private(set) var refused = 0
    private var files: MemoryFiles
    /// The beginning of a line whose end has not come yet.
    private var pending: [UInt8] = []

    init(_ files: MemoryFiles) { self.files = files }

    mutating func add(_ piece: [UInt8]) {
        guard let end = piece.lastIndex(of: UInt8(ascii: "\n")) else { return pending += piece }
        var text = KernelText(pending + piece[...end])
        pending = Array(piece[(end + 1)...])
        while text.nextLine() {
            if let area = MemoryArea(&text) {
                areas += 1
                add(area)
            } else {
                refused += 1
            }
        }
    }

    /// The kernel ends every line: one without an end was cut off.
    mutating func finish() {
        if !pending.isEmpty { refused += 1 }
        pending = []
    }

    private mutating func add(_ area: MemoryArea) {
        guard area.total > 0 else { return }
        let all = area.total * area.pageBytes
        placement.policies[area.policy] = saturatingSum(
            placement.policies[area.policy] ?? 0, all)
        let kind: WritableKeyPath<MemoryPlacement, [Int: UInt64]> =
            if area.isHuge { \.hugetlb } else if let file = area.file {
                files.contains(file) ? \.shared : \.file
            } else { \.anonymous }
        for (node, count) in area.pages {
            let own = area.isHuge ? 0 : area.anonymousPart(of: count)
            add(own * area.pageBytes, to: \.anonymous, node)
            add((count - own) * area.pageBytes, to: kind, node)
        }
    }

    private mutating func add(
        _ bytes: UInt64, to kind: WritableKeyPath<MemoryPlacement, [Int: UInt64]>, _ node: Int
    ) {
        guard bytes > 0 else { return }
        let before = placement[keyPath: kind][node] ?? 0
        placement[keyPath: kind][node] = saturatingSum(before, bytes)
    }
}

/// Tells files that are in memory alone from those that have a place on a disk.
struct MemoryFiles {
    private var isMemory: [String: Bool] = [:]
    private var answers: [String: Bool] = [:]

    /// `mounts`: /proc/PID/mounts, whose paths are the process's own, as those of numa_maps are.
    init(mounts: [UInt8]) {
        var text = KernelText(mounts)
        while text.nextLine() {
            guard text.word() != nil, let point = text.word(), let type = text.word() else {
                continue
            }
            // The last one mounted on a folder is the one that is seen.
            isMemory[KernelText.unescaped(point)] = type == "tmpfs" || type == "ramfs"
        }
    }

    mutating func contains(_ path: String) -> Bool {
        if let known = answers[path] { return known }
        let answer = Self.hasNoFolder(path) || isOnMemory(path)
        answers[path] = answer
        return answer
    }

    /// System V and memfd memory has a name but no folder. Nothing below /dev is a file's
    /// contents: /dev/zero stands for shared memory without a name, the rest are a driver's pages.
    private static func hasNoFolder(_ path: String) -> Bool {
        ["/dev/", "/memfd:", "/SYSV"].contains { path.hasPrefix($0) }
    }

    private func isOnMemory(_ path: String) -> Bool {
        var folder = Substring(path)
        while let slash = folder.lastIndex(of: "/") {
            folder = folder[..<slash]
            if let answer = isMemory[folder.isEmpty ? "/" : String(folder)] { return answer }
        }
        return false
    }
}
