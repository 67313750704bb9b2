import CLibbpf
import Glibc

/// What a program has cost since it was loaded, while the kernel kept count.
package struct ProgramCost: Equatable, Sendable {
    package var program: ProgramName
    package var runs: UInt64
    /// ns
    package var nanoseconds: UInt64

    package init(program: ProgramName, runs: UInt64, nanoseconds: UInt64) {
        self.program = program
        self.runs = runs
        self.nanoseconds = nanoseconds
    }
}

extension LoadedObject {
    /// Every program that is loaded.
    package borrowing func costs() -> [ProgramCost] {
        var costs: [ProgramCost] = []
        var next = bpf_object__next_program(object, nil)
        while let program = next {
            next = bpf_object__next_program(object, program)
            var information = bpf_prog_info()
            var size = UInt32(MemoryLayout<bpf_prog_info>.size)
            let descriptor = bpf_program__fd(program)
            guard descriptor >= 0, bpf_obj_get_info_by_fd(descriptor, &information, &size) == 0
            else { continue }
            let name = ProgramName(
                name: String(cString: bpf_program__name(program)),
                section: String(cString: bpf_program__section_name(program)))
            costs.append(
                ProgramCost(
                    program: name, runs: information.run_cnt,
                    nanoseconds: information.run_time_ns))
        }
        return costs
    }

    /// Descriptors of this process for the object's maps, by name.
    package borrowing func mapDescriptors() -> [(name: String, descriptor: CInt)] {
        var maps: [(name: String, descriptor: CInt)] = []
        var next = bpf_object__next_map(object, nil)
        while let map = next {
            next = bpf_object__next_map(object, map)
            maps.append((String(cString: bpf_map__name(map)), bpf_map__fd(map)))
        }
        return maps
    }
}

/// The kernel counts runs of BPF programs and their time for as long as this lives. It costs two
/// readings of the clock for each run, and asks for CAP_SYS_ADMIN.
package struct RunStatistics: ~Copyable {
    private let descriptor: CInt

    package init() throws(ProbeError) {
        descriptor = bpf_enable_stats(BPF_STATS_RUN_TIME)
        guard descriptor >= 0 else {
            throw .refused(step: .read, errno: errno, detail: "run statistics")
        }
    }

    deinit { close(descriptor) }
}
