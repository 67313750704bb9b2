import BPF

/// A probe with as many of its programs attached as this kernel takes. One missing hook never
/// disables the rest.
struct AttachedProbe: ~Copyable {
    var object: LoadedObject
    let hooks: [HookState]

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
