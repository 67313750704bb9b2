import BPF

/// A probe with as many of its programs attached as this kernel takes. One missing hook never
/// disables the rest.
struct AttachedProbe: ~Copyable {
    var object: LoadedObject
    private(set) var hooks: [HookState]
    private let image: ProbeImage
    private let programs: [ProgramName]

    /// Loads `image`; only the programs named in `needed` are worth failing for.
    init(
        _ image: ProbeImage, _ setup: ProbeSetup, needed: Set<String>,
        on types: borrowing KernelTypes
    ) throws(ProbeError) {
        let bytes = image.bytes
        let programs = try LoadedObject.programs(in: bytes)
        var setup = setup
        var hooks: [HookState] = []
        for program in programs where !setup.without.contains(program.name) {
            guard let hook = program.tracepoint, !types.hasTracepoint(hook) else { continue }
            setup.without.insert(program.name)
            hooks.append(
                HookState(probe: image.name, hook: hook, reason: HookState.noTracepoint))
        }
        var object: LoadedObject
        do throws(ProbeError) {
            object = try LoadedObject(bytes, setup)
        } catch {
            guard case .refused(.load, _, _) = error else { throw error }
            let refused = try Self.refusedPrograms(bytes, programs, setup, needed)
            for program in programs {
                guard let why = refused[program.name] else { continue }
                setup.without.insert(program.name)
                hooks.append(
                    HookState(
                        probe: image.name, hook: program.hook ?? program.name, reason: why))
            }
            object = try LoadedObject(bytes, setup)
        }
        for program in programs where !setup.without.contains(program.name) {
            guard let hook = program.hook else { continue }
            do throws(ProbeError) {
                try object.attach(program.name)
                hooks.append(HookState(probe: image.name, hook: hook))
            } catch {
                guard !needed.contains(program.name) else { throw error }
                hooks.append(HookState(probe: image.name, hook: hook, reason: error.reason))
            }
        }
        self.object = object
        self.hooks = hooks
        self.image = image
        self.programs = programs
    }

    /// Leaves hooks out from now on; `reason` is shown for them.
    mutating func leaveOut(_ left: [String], because reason: String) {
        for index in hooks.indices where left.contains(hooks[index].hook) {
            guard hooks[index].reason == nil else { continue }
            for program in programs where program.hook == hooks[index].hook {
                object.detach(program.name)
            }
            hooks[index].reason = reason
            hooks[index].isLeftOut = true
        }
    }

    /// Takes hooks that were left out in again; what the kernel refuses now stays out.
    mutating func takeIn(_ left: [String]) {
        for index in hooks.indices where left.contains(hooks[index].hook) {
            guard hooks[index].isLeftOut else { continue }
            do throws(ProbeError) {
                for program in programs where program.hook == hooks[index].hook {
                    try object.attach(program.name)
                }
                hooks[index].reason = nil
                hooks[index].isLeftOut = false
            } catch {
                hooks[index].reason = error.reason
            }
        }
    }

    /// What each hook's programs have cost.
    var costs: [HookCost] {
        object.costs().compactMap { cost in
            guard let hook = cost.program.hook else { return nil }
            return HookCost(
                probe: image.name, hook: hook, runs: cost.runs, nanoseconds: cost.nanoseconds)
        }
    }

    /// Tries each optional program alone beside the needed ones; says which the kernel refuses.
    private static func refusedPrograms(
        _ bytes: [UInt8], _ programs: [ProgramName], _ setup: ProbeSetup, _ needed: Set<String>
    ) throws(ProbeError) -> [String: String] {
        let optional = programs.map(\.name)
            .filter { !needed.contains($0) && !setup.without.contains($0) }
        var base = setup
        base.without.formUnion(optional)
        _ = try LoadedObject(bytes, base)
        var refused: [String: String] = [:]
        for name in optional {
            var alone = base
            alone.without.remove(name)
            do throws(ProbeError) { _ = try LoadedObject(bytes, alone) } catch {
                refused[name] = error.reason
            }
        }
        return refused
    }
}
