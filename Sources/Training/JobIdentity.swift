/// To whom a process belongs beyond this host: container, pod, batch job and place in it.
package struct JobIdentity: Sendable, Equatable, Codable {
    /// Id of the innermost container, or its name where containers have no ids. Not escaped.
    package var container: String?
    /// `docker`, `containerd`, `cri-o`, `podman`, `systemd-nspawn`, `lxc`; `nil` where the control
    /// group does not tell.
    package var runtime: String?
    /// Uid of the Kubernetes pod.
    package var pod: String?
    /// Number of the Slurm job, and its step: a number, `batch`, `interactive` …
    package var job: String?
    package var step: String?
    package var localRank: Int?
    package var worldSize: Int?
    /// CUDA_VISIBLE_DEVICES as it was at the start; evidence, for programs may change it.
    package var visibleDevices: String?

    package init() {}

    /// From the paths of its control groups by controller name, and its environment.
    package init(groups: [String: String], environment: [String: String]) {
        // The longest path knows most; a controller that nobody limits has short ones.
        for path in Set(groups.values).sorted(by: { ($1.count, $0) < ($0.count, $1) }) {
            let parts = path.split(separator: "/").flatMap { $0.split(separator: ":") }
            note(parts.map(String.init))
        }
        job = job ?? environment["SLURM_JOB_ID"].flatMap { Self.isNumber($0) ? $0 : nil }
        if job != nil, step == nil {
            step = environment["SLURM_STEP_ID"].flatMap { Self.isNumber($0) ? $0 : nil }
        }
        localRank = Self.count(environment, Self.localRankNames)
        worldSize = Self.count(environment, Self.worldSizeNames)
        visibleDevices = environment["CUDA_VISIBLE_DEVICES"].map { String($0.prefix(256)) }
    }

    /// The rank in the whole job; launchers of one process each come before those of a whole node.
    package static func rank(_ environment: [String: String]) -> Int? {
        count(environment, rankNames)
    }

    private static let rankNames = ["RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"]
    private static let localRankNames = [
        "LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID",
    ]
    private static let worldSizeNames = [
        "WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS",
    ]

    /// The first of the variables that is set, if it is a number of ranks.
    private static func count(_ environment: [String: String], _ names: [String]) -> Int? {
        names.lazy.compactMap { environment[$0] }.first.flatMap { UInt32($0) }.map { Int($0) }
    }
}

extension JobIdentity {
    /// Takes what one path of a control group tells; what is further in counts.
    private mutating func note(_ parts: [String]) {
        let isSlurm = parts.contains { $0.contains("slurm") }
        var found: (id: String, runtime: String?)?
        for (index, part) in parts.enumerated() {
            if isSlurm, let id = Self.rest(of: part, "job_"), Self.isNumber(id) { job = job ?? id }
            if isSlurm, let id = Self.rest(of: part, "step_"), Self.isWord(id) { step = step ?? id }
            pod = pod ?? Self.pod(part)
            let above = index > 0 ? parts[index - 1] : ""
            if let inner = Self.container(part, below: above) { found = inner }
        }
        guard container == nil, let found else { return }
        (container, runtime) = (found.id, found.runtime)
    }

    /// The name of systemd's unit, or of the folder, that each runtime gives a container.
    private static let units: [(prefix: String, runtime: String)] = [
        ("docker-", "docker"), ("cri-containerd-", "containerd"), ("nerdctl-", "containerd"),
        ("crio-", "cri-o"), ("libpod-", "podman"),
    ]
    private static let folders = [
        "docker": "docker", "default": "containerd", "k8s.io": "containerd",
    ]

    private static func container(_ part: String, below above: String) -> (String, String?)? {
        let name = part.hasSuffix(".scope") ? String(part.dropLast(6)) : part
        for unit in units {
            guard let id = rest(of: name, unit.prefix), isContainerID(id) else { continue }
            return (id, unit.runtime)
        }
        if isContainerID(name) {
            let runtime = above == "cri-containerd" ? "containerd" : folders[above]
            return (name, runtime)
        }
        if above == "lxc" || above == "lxc.payload" { return (name, "lxc") }
        if let id = rest(of: name, "lxc.payload."), !id.isEmpty { return (id, "lxc") }
        return machine(part, below: above).map { ($0, "systemd-nspawn") }
    }

    /// `machine-web.scope`, `systemd-nspawn@web.service` below machine.slice. Virtual machines are
    /// registered there, too.
    private static func machine(_ part: String, below above: String) -> String? {
        guard above == "machine.slice" else { return nil }
        let names = [
            part.hasSuffix(".scope") ? rest(of: String(part.dropLast(6)), "machine-") : nil,
            part.hasSuffix(".service")
                ? rest(of: String(part.dropLast(8)), "systemd-nspawn@") : nil,
        ]
        guard let name = names.compactMap({ $0 }).first, !name.hasPrefix("qemu\\x2d") else {
            return nil
        }
        return name.replacing("\\x2d", with: "-")
    }

    /// `pod01234567-…` of the kubelet's folders, `kubepods-burstable-pod01234567_….slice` of its
    /// slices. Pods of files on the node have a uid without dashes.
    private static func pod(_ part: String) -> String? {
        let name = part.hasSuffix(".slice") ? String(part.dropLast(6)) : part
        guard name.hasPrefix("pod") || name.hasPrefix("kubepods") else { return nil }
        let last =
            name.hasPrefix("pod") ? name : name.split(separator: "-pod").last.map { "pod\($0)" }
        guard let uid = last?.dropFirst(3).replacing("_", with: "-") else { return nil }
        let lengths = uid.split(separator: "-", omittingEmptySubsequences: false).map(\.utf8.count)
        guard lengths == [8, 4, 4, 4, 12] || lengths == [32] else { return nil }
        return uid.utf8.allSatisfy({ $0 == 0x2d || isHexadecimal($0) }) ? String(uid) : nil
    }

    private static func rest(of text: String, _ prefix: String) -> String? {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
    }

    private static func isContainerID(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy(isHexadecimal)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func isNumber(_ text: String) -> Bool {
        (1...10).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func isWord(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) }
    }
}

extension JobIdentity {
    /// What processes that train together have in common, as far as it is known.
    var group: String? { job ?? pod ?? container }
}
