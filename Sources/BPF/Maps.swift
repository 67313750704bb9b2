import CLibbpf
import Glibc

extension LoadedObject {
    /// All values of an array map, in order.
    package borrowing func array<Record: BitwiseCopyable>(
        _ name: String, zero: Record
    ) throws(ProbeError) -> [Record] {
        let map = try self.map(name)
        try Self.check(name, map, MemoryLayout<Record>.stride)
        let entries = Int(bpf_map__max_entries(map))
        var records = [Record](repeating: zero, count: entries)
        for index in 0..<entries {
            var key = UInt32(index)
            let status = withUnsafeMutableBytes(of: &records[index]) { bytes in
                bpf_map_lookup_elem(bpf_map__fd(map), &key, bytes.baseAddress)
            }
            guard status == 0 else { throw .refused(step: .read, errno: errno, detail: "") }
        }
        return records
    }

    package borrowing func setArray<Record: BitwiseCopyable>(
        _ name: String, _ records: [Record]
    ) throws(ProbeError) {
        let map = try self.map(name)
        try Self.check(name, map, MemoryLayout<Record>.stride)
        for index in records.indices {
            var key = UInt32(index)
            var record = records[index]
            guard bpf_map_update_elem(bpf_map__fd(map), &key, &record, UInt64(BPF_ANY)) == 0
            else { throw .refused(step: .read, errno: errno, detail: "") }
        }
    }

    /// Every entry of a hash map; a per-CPU map has one value for each possible CPU.
    package borrowing func entries<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ name: String, key: Key, value: Value, perCPU: Bool = false
    ) throws(ProbeError) -> [(key: Key, values: [Value])] {
        let map = try self.map(name)
        try Self.check(name, map, MemoryLayout<Value>.stride)
        let descriptor = bpf_map__fd(map)
        let width = perCPU ? possibleCPUs() : 1
        var found: [(key: Key, values: [Value])] = []
        var cursor = key
        var next = key
        var isFirst = true
        while true {
            let status =
                isFirst
                ? bpf_map_get_next_key(descriptor, nil, &next)
                : bpf_map_get_next_key(descriptor, &cursor, &next)
            guard status == 0 else { break }
            isFirst = false
            cursor = next
            var values = [Value](repeating: value, count: width)
            if bpf_map_lookup_elem(descriptor, &next, &values) == 0 { found.append((next, values)) }
            // A key that is deleted under the cursor restarts the walk: bound it.
            if found.count > 2 * Int(bpf_map__max_entries(map)) { break }
        }
        return found
    }

    /// Reads every entry of a plain hash map and removes it, so that nothing is read twice.
    package borrowing func drain<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ name: String, key: Key, value: Value
    ) throws(ProbeError) -> [(key: Key, value: Value)] {
        let descriptor = bpf_map__fd(try self.map(name))
        var drained: [(key: Key, value: Value)] = []
        for entry in try entries(name, key: key, value: value) {
            var key = entry.key
            var last = value
            // Deleting returns what was counted since the look; kernels before 5.14 cannot.
            if bpf_map_lookup_and_delete_elem(descriptor, &key, &last) == 0 {
                drained.append((entry.key, last))
            } else if bpf_map_delete_elem(descriptor, &key) == 0 {
                drained.append((entry.key, entry.values[0]))
            }
        }
        return drained
    }

    package borrowing func lookup<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ name: String, key: Key, zero: Value
    ) throws(ProbeError) -> Value? {
        let map = try self.map(name)
        try Self.check(name, map, MemoryLayout<Value>.stride)
        var key = key
        var value = zero
        return bpf_map_lookup_elem(bpf_map__fd(map), &key, &value) == 0 ? value : nil
    }

    package borrowing func set<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ name: String, key: Key, value: Value
    ) throws(ProbeError) {
        let map = try self.map(name)
        var key = key
        var value = value
        guard bpf_map_update_elem(bpf_map__fd(map), &key, &value, UInt64(BPF_ANY)) == 0 else {
            throw .refused(step: .read, errno: errno, detail: name)
        }
    }

    /// Removes an entry of a hash map, if it is there.
    package borrowing func remove<Key: BitwiseCopyable>(_ name: String, key: Key) {
        guard let map = try? self.map(name) else { return }
        var key = key
        bpf_map_delete_elem(bpf_map__fd(map), &key)
    }

    static func check(_ name: String, _ map: OpaquePointer, _ stride: Int) throws(ProbeError) {
        let size = Int(bpf_map__value_size(map))
        guard size == stride else { throw .recordSize(part: name, kernel: size, swift: stride) }
    }
}
