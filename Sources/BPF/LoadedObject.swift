import CLibbpf
import Glibc

/// What is set in an object before the kernel sees it.
package struct ProbeSetup {
    /// Content of constant sections, by map name such as `.rodata.config`.
    package var constants: [String: [UInt8]] = [:]
    /// Entries of maps whose size depends on the host.
    package var mapEntries: [String: UInt32] = [:]
    /// Programs that are not to be loaded.
    package var without: Set<String> = []

    package init() {}
}

/// A program of an object, and the hook that it is for.
package struct ProgramName: Hashable, Sendable {
    package var name: String
    /// `tp_btf/sched_switch`, `iter/task`
    package var section: String

    package init(name: String, section: String) {
        self.name = name
        self.section = section
    }

    /// The tracepoint of a `tp_btf` program: those that the kernel's own types tell of.
    package var tracepoint: String? {
        section.hasPrefix("tp_btf/") ? String(section.dropFirst(7)) : nil
    }

    /// What it is attached to: a tracepoint's name, or a function's or a module's tracepoint's with
    /// the way there in front, such as `fentry/task_numa_work`. `nil` for programs that are run
    /// when somebody asks.
    package var hook: String? {
        let others = ["fentry/", "fexit/", "kprobe/", "kretprobe/", "raw_tp/"]
        return others.contains { section.hasPrefix($0) } ? section : tracepoint
    }
}

/// A BPF object in the kernel. Its programs are detached and its maps freed with this value.
package struct LoadedObject: ~Copyable {
    let object: OpaquePointer
    private var links: [String: OpaquePointer] = [:]

    package init(_ image: [UInt8], _ setup: ProbeSetup) throws(ProbeError) {
        quietLibrary()
        _ = takeWarning()
        let opened = try Self.open(image)
        do throws(ProbeError) {
            try Self.prepare(opened, setup)
            let status = bpf_object__load(opened)
            guard status == 0 else {
                throw .loading(errno: -status, detail: takeWarning())
            }
        } catch {
            bpf_object__close(opened)
            throw error
        }
        // What libbpf said of an attempt that then succeeded is no later failure's reason.
        _ = takeWarning()
        object = opened
    }

    deinit {
        for link in links.values { bpf_link__destroy(link) }
        bpf_object__close(object)
    }

    /// The programs in an image, without asking the kernel for anything.
    package static func programs(in image: [UInt8]) throws(ProbeError) -> [ProgramName] {
        quietLibrary()
        let opened = try open(image)
        defer { bpf_object__close(opened) }
        var names: [ProgramName] = []
        var program = bpf_object__next_program(opened, nil)
        while let current = program {
            names.append(
                ProgramName(
                    name: String(cString: bpf_program__name(current)),
                    section: String(cString: bpf_program__section_name(current))))
            program = bpf_object__next_program(opened, current)
        }
        return names
    }

    /// Attaches one program, until it is detached or this value goes.
    package mutating func attach(_ name: String) throws(ProbeError) {
        guard links[name] == nil else { return }
        let program = try self.program(name)
        guard let link = bpf_program__attach(program) else {
            throw .refused(step: .attach, errno: errno, detail: takeWarning())
        }
        links[name] = link
    }

    /// Detaches one program; it stays loaded.
    package mutating func detach(_ name: String) {
        guard let link = links.removeValue(forKey: name) else { return }
        bpf_link__destroy(link)
    }

    borrowing func program(_ name: String) throws(ProbeError) -> OpaquePointer {
        guard let program = bpf_object__find_program_by_name(object, name) else {
            throw .noSuchPart(name)
        }
        return program
    }

    borrowing func map(_ name: String) throws(ProbeError) -> OpaquePointer {
        guard let map = bpf_object__find_map_by_name(object, name) else { throw .noSuchPart(name) }
        return map
    }

    private static func open(_ image: [UInt8]) throws(ProbeError) -> OpaquePointer {
        let opened = image.withUnsafeBytes { bytes in
            bpf_object__open_mem(bytes.baseAddress, bytes.count, nil)
        }
        guard let opened else { throw .refused(step: .open, errno: errno, detail: takeWarning()) }
        return opened
    }

    private static func prepare(
        _ object: OpaquePointer, _ setup: ProbeSetup
    ) throws(ProbeError) {
        for (name, bytes) in setup.constants {
            guard let map = bpf_object__find_map_by_name(object, name) else {
                throw .noSuchPart(name)
            }
            var bytes = bytes
            let size = Int(bpf_map__value_size(map))
            guard size == bytes.count else {
                throw .recordSize(part: name, kernel: size, swift: bytes.count)
            }
            let status = bpf_map__set_initial_value(map, &bytes, bytes.count)
            guard status == 0 else {
                throw .refused(step: .open, errno: -status, detail: takeWarning())
            }
        }
        for (name, entries) in setup.mapEntries {
            guard let map = bpf_object__find_map_by_name(object, name) else {
                throw .noSuchPart(name)
            }
            bpf_map__set_max_entries(map, entries)
        }
        for name in setup.without {
            guard let program = bpf_object__find_program_by_name(object, name) else {
                throw .noSuchPart(name)
            }
            bpf_program__set_autoload(program, false)
        }
    }
}

/// CPUs that the kernel could ever have, online or not: the length of per-CPU values.
package func possibleCPUs() -> Int { max(1, Int(libbpf_num_possible_cpus())) }
