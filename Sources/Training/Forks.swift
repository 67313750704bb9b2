/// Processes that their parent forked without starting a program: they have its device files open,
/// and no driver lets them compute with those. Loaders of PyTorch are such.
func forks(
    _ processes: [Int32: (parent: Int32, stackStart: UInt64?)]
) -> Set<Int32> {
    Set(
        processes.filter { entry in
            guard let stack = entry.value.stackStart, let parent = processes[entry.value.parent]
            else { return false }
            return parent.stackStart == stack
        }.keys)
}

extension [ProcessFacts] {
    /// The same, with the devices of each fork left to who opened them.
    package var withoutInheritedDevices: [ProcessFacts] {
        var users: [Int32: (parent: Int32, stackStart: UInt64?)] = [:]
        for process in self where process.hasDeviceOpen {
            users[process.pid] = (process.parent, process.stackStart)
        }
        let inherited = forks(users)
        return map { process in
            guard inherited.contains(process.pid) else { return process }
            var process = process
            (process.hasDeviceOpen, process.computesOnGPU, process.gpus) = (false, false, [])
            return process
        }
    }
}
