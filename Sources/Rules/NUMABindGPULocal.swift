import Host
import Signals
import Training

extension Rule {
    package static let numaBindGPULocal = Rule(
        id: "numa-bind-gpu-local", cause: .placement, ceiling: .warning,
        title: "A rank runs away from the memory node of its GPU",
        explanation: Explanation(
            what: """
                Each GPU hangs on one processor of the host. What a rank sends to it goes straight \
                there from CPUs and memory of that processor's node, and over the link between the \
                processors from all others.
                """,
            why: """
                Every kernel launch, every copy of a batch and every buffer of a collective then \
                crosses that link, which all ranks share. PyTorch's authors put the usual loss at \
                1 to 10 %; copies to the host were measured three times as slow on GB200.
                """,
            seen: """
                Stoker knows the GPU by the device files that the rank has open and mapped, or \
                from the driver, and where its threads spent their CPU time. It warns from 20 % on \
                other nodes. That a rank may not use the GPU's node at all is only reported. What \
                the distance costs cannot be measured from outside.
                """,
            fix: """
                Binds the rank to its GPU's node and brings its memory along; in the launcher for \
                good, which also places memory that is pinned for the GPU.
                """,
            avoid: """
                Not where that node has too few CPUs for its ranks. Strict binding (--membind) can \
                run one node out of memory: prefer --preferred. Little is gained where the CPUs \
                idle.
                """,
            verify: "stoker diagnose: less than 20 % of the rank's CPU time on other nodes.",
            sources: [
                "https://docs.pytorch.org/docs/main/elastic/numa.html",
                "https://github.com/pytorch/torchtitan/pull/3519 (GB200)",
                "https://github.com/stas00/ml-engineering (little effect where CPUs idle)",
                "numactl(8)",
            ]),
        check: { observation throws(Unavailable) in
            guard observation.job.processes.contains(where: { !$0.gpus.isEmpty }),
                let threads = try observation.placedThreads()
            else { return [] }
            let far = observation.ranksFarFromGPU(threads)
            guard let worst = far.first else { return observation.keptOff(threads) }
            return [observation.finding(far, worst, threads)]
        })
}

/// A rank that runs on other nodes than that of its GPU.
struct FarRank {
    var placed: PlacedProcess
    /// The GPU's node.
    var node: Int
    /// Part of its CPU time on other nodes.
    var share: Double
}

extension Observation {
    /// The node of all GPUs that a process computes on; `nil` where it is not known or not one.
    func gpuNode(_ process: ProcessFacts) -> Int? {
        guard !process.gpus.isEmpty else { return nil }
        let nodes = process.gpus.map { address in
            facts.devices.first { $0.kind == .gpu && $0.address == address }?.node
        }
        guard let node = nodes.first ?? nil, nodes.allSatisfy({ $0 == node }),
            !facts.topology.cpus(of: node).isEmpty
        else { return nil }
        return node
    }

    /// Those that spend a fifth of their CPU time elsewhere, the farthest first.
    func ranksFarFromGPU(_ threads: Threads) -> [FarRank] {
        placedRanks(threads).compactMap { placed in
            guard Placement.leastCPU.isReached(by: placed.busyCPUs),
                let node = gpuNode(placed.process)
            else { return nil }
            let share = placed.time.share(outside: [node])
            return Placement.home.isReached(by: share)
                ? FarRank(placed: placed, node: node, share: share) : nil
        }
        .sorted { ($1.share, $0.placed.pid) < ($0.share, $1.placed.pid) }
    }

    fileprivate func finding(
        _ far: [FarRank], _ worst: FarRank, _ threads: Threads
    ) -> Finding {
        let placed = worst.placed
        let more = far.count > 1 ? "; \(far.count - 1) more ranks likewise" : ""
        var finding = Finding(
            rule: "numa-bind-gpu-local", cause: .placement,
            severity: job.scope == .processes ? .warning : .info, confidence: .associated,
            summary: """
                \(placed.words) spent \(SchedulingText.percent(worst.share)) of its CPU time away \
                from node \(worst.node), where its GPU \(gpuLabel(placed.process)) is\(more)
                """,
            culprit: FindingCulprit(kind: .process, id: "\(placed.pid)", name: placed.process.name),
            affected: far.flatMap { affected($0.placed) },
            evidence: [
                Placement.home.evidence("CPU time off the GPU's node", worst.share),
                Placement.leastCPU.evidence("CPUs kept busy", placed.busyCPUs),
            ] + nodeEvidence(placed),
            fix: gpuFix(far), verify: "stoker diagnose: less than 20 % on other nodes")
        finding.estimate =
            far.map { one in
                let busiest = one.placed.threads.map { share($0.time[.running], of: $0) }.max() ?? 0
                return Placement.remoteCost * one.share * min(1, busiest)
            }.max() ?? 0
        return finding
    }

    private func gpuLabel(_ process: ProcessFacts) -> String {
        let gpu = facts.devices.first { $0.address == process.gpus.first }
        return gpu?.label ?? process.gpus.first ?? ""
    }

    private func gpuFix(_ far: [FarRank]) -> Fix {
        var fix = Fix(commands: [], risk: "")
        for one in far.prefix(Placement.mostCommands) {
            let cpus = cpusets(of: one.placed.pid).reduce(facts.topology.cpus(of: one.node)) {
                $0.intersection($1.cpus)
            }
            if cpus.count >= one.placed.neededCPUs {
                let bind = bindAll(one.placed, to: cpus)
                fix.commands += [bind.to] + memory(of: one.placed, to: one.node)
                fix.rollback.append(bind.back)
            } else {
                fix.commands.append(
                    "# process \(one.placed.pid) may use too few CPUs of node \(one.node): "
                        + "its control group must give it more")
            }
        }
        fix.persist = launchers(far.first?.node ?? 0)
        fix.risk = """
            Ranks share the CPUs of the node with whatever runs there. What was pinned for the GPU \
            stays where it is until the rank is started anew; migratepages is in the package \
            numactl and is not undone by the rollback.
            """
        fix.managedBy = manager("kubelet", "slurmd", "numad")
        return fix
    }

    private func launchers(_ node: Int) -> [String] {
        [
            "numactl --cpunodebind=\(node) --preferred=\(node) COMMAND",
            "# or in the launcher: torchrun --numa-binding=node, srun --gpu-bind=closest",
        ]
    }

    /// Ranks that may not use the node of their GPU, where none was seen to run far from it.
    fileprivate func keptOff(_ threads: Threads) -> [Finding] {
        let kept = placedRanks(threads).compactMap { placed -> (PlacedProcess, Int)? in
            guard let node = gpuNode(placed.process), let allowed = placed.process.allowed,
                allowed.intersection(facts.topology.cpus(of: node)).isEmpty
            else { return nil }
            return (placed, node)
        }
        guard let (placed, node) = kept.first else { return [] }
        return [
            Finding(
                rule: "numa-bind-gpu-local", cause: .placement, severity: .info,
                confidence: .configuration,
                summary: """
                    \(placed.words) may not use any CPU of node \(node), where its GPU \
                    \(gpuLabel(placed.process)) is
                    """,
                culprit: FindingCulprit(
                    kind: .process, id: "\(placed.pid)", name: placed.process.name),
                affected: kept.flatMap { affected($0.0) },
                evidence: [
                    Evidence(
                        name: "ranks kept off their GPU's node", value: Double(kept.count),
                        unit: "ranks", threshold: 1, source: "allowed CPUs")
                ],
                fix: Fix(
                    commands: ["# start it anew on the GPU's node"], persist: launchers(node),
                    risk: "Ranks share the CPUs of the node with whatever runs there.",
                    managedBy: manager("kubelet", "slurmd", "numad")),
                verify: "stoker topology: the rank may use CPUs of the GPU's node")
        ]
    }
}
