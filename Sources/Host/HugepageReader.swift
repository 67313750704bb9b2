extension HugepagePool {
    /// The pools of every node, or those of the host as node 0 where the kernel knows no nodes.
    package static func read(from host: Host) -> [HugepagePool] {
        let folder = "/sys/devices/system/node"
        let nodes = host.numbered("node", in: folder)
        guard !nodes.isEmpty else { return pools(node: 0, in: "/sys/kernel/mm/hugepages", host) }
        return nodes.flatMap { pools(node: $0, in: "\(folder)/node\($0)/hugepages", host) }
    }

    private static func pools(node: Int, in folder: String, _ host: Host) -> [HugepagePool] {
        let pools = host.names(in: folder).compactMap { name -> HugepagePool? in
            guard name.hasPrefix("hugepages-"), name.hasSuffix("kB"),
                let kilobytes = UInt64(name.dropFirst("hugepages-".count).dropLast(2)),
                let total = host.number("\(folder)/\(name)/nr_hugepages")
            else { return nil }
            var pool = HugepagePool(
                node: node, pageBytes: kilobytes &* 1024, total: total, free: 0, surplus: 0)
            // Most pools are empty, and this is read once a second: an empty one has no parts.
            guard total > 0 else { return pool }
            pool.free = host.number("\(folder)/\(name)/free_hugepages") ?? 0
            pool.surplus = host.number("\(folder)/\(name)/surplus_hugepages") ?? 0
            return pool
        }
        return pools.sorted { $0.pageBytes < $1.pageBytes }
    }
}
