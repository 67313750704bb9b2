import CLibbpf

/// The running kernel's own types (BTF): what it has is asked, never derived from its version.
package struct KernelTypes: ~Copyable {
    private let types: OpaquePointer

    package init() throws(ProbeError) {
        quietLibrary()
        guard let types = btf__load_vmlinux_btf() else { throw .noKernelTypes }
        self.types = types
    }

    deinit { btf__free(types) }

    package borrowing func hasTracepoint(_ name: String) -> Bool {
        typedef(of: name) != nil
    }

    /// How many arguments the tracepoint brings; `nil` when the kernel has none of that name.
    package borrowing func argumentCount(ofTracepoint name: String) -> Int? {
        guard let typedef = typedef(of: name),
            let pointer = btf__type_by_id(types, typedef.pointee.type),
            let prototype = btf__type_by_id(types, pointer.pointee.type)
        else { return nil }
        // The first is the private data of whoever attaches.
        return Int(btf_vlen(prototype)) - 1
    }

    package borrowing func hasField(_ field: String, of structure: String) -> Bool {
        let id = btf__find_by_name_kind(types, structure, UInt32(BTF_KIND_STRUCT))
        guard id > 0, let type = btf__type_by_id(types, UInt32(id)),
            let members = btf_members(type)
        else { return false }
        return (0..<Int(btf_vlen(type))).contains { index in
            guard let name = btf__name_by_offset(types, members[index].name_off) else {
                return false
            }
            return String(cString: name) == field
        }
    }

    /// Whether the kernel was built with a function of its own of this name: one that was put
    /// into its callers is not there.
    package borrowing func hasFunction(_ name: String) -> Bool {
        // libbpf has the constant twice, as an enumeration's and as a macro.
        btf__find_by_name_kind(types, name, UInt32(BTF_KIND_FUNC as Int32)) > 0
    }

    /// The constants of an enumeration by value; empty when the kernel has none of that name.
    package borrowing func constants(of enumeration: String) -> [Int32: String] {
        let id = btf__find_by_name_kind(types, enumeration, UInt32(BTF_KIND_ENUM))
        guard id > 0, let type = btf__type_by_id(types, UInt32(id)) else { return [:] }
        let entries = UnsafeRawPointer(type + 1).assumingMemoryBound(to: btf_enum.self)
        var names: [Int32: String] = [:]
        for index in 0..<Int(btf_vlen(type)) {
            guard let name = btf__name_by_offset(types, entries[index].name_off) else { continue }
            names[entries[index].val] = String(cString: name)
        }
        return names
    }

    private borrowing func typedef(of tracepoint: String) -> UnsafePointer<btf_type>? {
        let id = btf__find_by_name_kind(
            types, "btf_trace_" + tracepoint, UInt32(BTF_KIND_TYPEDEF))
        return id > 0 ? btf__type_by_id(types, UInt32(id)) : nil
    }
}
