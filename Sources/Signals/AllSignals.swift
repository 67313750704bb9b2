/// Every signal there is, in the order of the report's coverage. A new signal is one new file,
/// and one entry here.
package let allSignals: [any Signal.Type] = [
    Threads.self,
    CPUs.self,
    Interrupts.self,
    SoftIRQs.self,
    VirtualMemory.self,
    FreeMemory.self,
    NodeMemory.self,
    NUMABalancing.self,
    Cgroups.self,
    Pressure.self,
    Disks.self,
    Power.self,
    GPUs.self,
    FabricPorts.self,
    PCIe.self,
]
