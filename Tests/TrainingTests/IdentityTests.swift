import Host
import Testing
import Training

/// Containers, pods and batch jobs by the paths of control groups, as each runtime writes them.
struct IdentityTests {
    private static let id = String(repeating: "0123456789abcdef", count: 4)
    private static let uid = "0a1b2c3d-0000-4e5f-8a9b-00112233aabb"

    private func identity(_ path: String, _ environment: [String: String] = [:]) -> JobIdentity {
        JobIdentity(groups: ["": path], environment: environment)
    }

    @Test(arguments: [
        ("/system.slice/docker-ID.scope", "docker"), ("/docker/ID", "docker"),
        ("/docker/ID/init", "docker"), ("/default/ID", "containerd"),
        ("/system.slice/nerdctl-ID.scope", "containerd"),
        ("/kubepods.slice/kubepods-podU.slice/cri-containerd-ID.scope", "containerd"),
        ("/kubepods.slice/kubepods-podU.slice/crio-ID.scope/container", "cri-o"),
        ("/machine.slice/libpod-ID.scope/container", "podman"),
        (
            "/user.slice/user-7.slice/user@7.service/user.slice/libpod-ID.scope", "podman"
        ),
        ("/system.slice/containerd.service/kubepods-podU.slice:cri-containerd:ID", "containerd"),
    ])
    func containersAreKnownByTheirID(path: String, runtime: String) {
        let found = identity(path.replacing("ID", with: Self.id))
        #expect(found.container == Self.id && found.runtime == runtime)
    }

    @Test(arguments: [
        ("/lxc/web", "web", "lxc"), ("/lxc.payload.web/system.slice", "web", "lxc"),
        ("/lxc.payload/web", "web", "lxc"),
        ("/machine.slice/machine-web\\x2d1.scope/payload", "web-1", "systemd-nspawn"),
        ("/machine.slice/systemd-nspawn@web.service/payload", "web", "systemd-nspawn"),
    ])
    func othersAreKnownByTheirName(path: String, name: String, runtime: String) {
        #expect(identity(path).container == name && identity(path).runtime == runtime)
    }

    @Test(arguments: [
        "/", "", "/user.slice/user-1000.slice/session-1.scope", "/system.slice/docker.service",
        "/docker", "/docker/abc", "/system.slice/docker-.scope", "/system.slice/docker-XYZ.scope",
        "/machine.slice/libpod-conmon-ID.scope", "/kubepods.slice/crio-conmon-ID.scope",
        "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "/lxc.monitor.web", "/lxc",
        "/kubepods.slice/kubepods-pod1.slice", "/pod", "/pod/..", "////", ":::",
        "/job_7/step_0", "/podxxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
    ])
    func otherGroupsAreNoContainers(path: String) {
        #expect(identity(path.replacing("ID", with: Self.id)) == JobIdentity())
    }

    @Test(arguments: [
        "/kubepods/burstable/podUID/ID",
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podSLICE.slice/crio-ID.scope",
        "/kubepods.slice/kubepods-podSLICE.slice/docker-ID.scope",
    ])
    func podsAreKnownByTheirUID(path: String) {
        let full = path.replacing("UID", with: Self.uid).replacing("ID", with: Self.id)
            .replacing("SLICE", with: Self.uid.replacing("-", with: "_"))
        #expect(identity(full).pod == Self.uid && identity(full).container == Self.id)
        let fromFile = identity("/kubepods/pod\(Self.id.prefix(32))/\(Self.id)")
        #expect(fromFile.pod == String(Self.id.prefix(32)) && fromFile.runtime == nil)
    }

    @Test(arguments: [
        ("/slurm/uid_1000/job_4711/step_3/task_0", "4711", "3"),
        ("/slurm_node7/uid_0/job_4711/step_batch", "4711", "batch"),
        ("/system.slice/slurmstepd.scope/job_4711/step_extern/user/task_special", "4711", "extern"),
        ("/system.slice/node7_slurmstepd.scope/job_4711/step_0/user/task_1", "4711", "0"),
        ("/slurm/uid_1000/job_4711", "4711", nil), ("/slurm/job_x/step_$(id)", nil, nil),
    ])
    func slurmJobsAreKnownByTheirNumber(path: String, job: String?, step: String?) {
        #expect(identity(path).job == job && identity(path).step == step)
    }

    @Test func theEnvironmentFillsGaps() {
        let set = ["SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "2", "CUDA_VISIBLE_DEVICES": "3,1"]
        #expect(identity("/", set).job == "4711" && identity("/", set).step == "2")
        #expect(identity("/", set).visibleDevices == "3,1")
        let inside = identity("/slurm/uid_1/job_5/step_0", set)
        #expect(inside.job == "5" && inside.step == "0")
        let odd = [
            "SLURM_JOB_ID": "4;rm", "WORLD_SIZE": "-1", "LOCAL_RANK": "99999999999999999999",
        ]
        #expect(identity("/", odd) == JobIdentity())
        #expect(identity("/", ["SLURM_STEP_ID": "2"]).step == nil)
        let long = String(repeating: "7,", count: 5_000)
        #expect(identity("/", ["CUDA_VISIBLE_DEVICES": long]).visibleDevices?.count == 256)
    }

    @Test func launchersOfOneProcessEachComeFirst() {
        let torchrun = ["RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "16", "SLURM_PROCID": "0"]
        #expect(JobIdentity.rank(torchrun) == 5)
        #expect(identity("/", torchrun).localRank == 1 && identity("/", torchrun).worldSize == 16)
        let mpi = [
            "OMPI_COMM_WORLD_RANK": "7", "OMPI_COMM_WORLD_LOCAL_RANK": "3",
            "OMPI_COMM_WORLD_SIZE": "8", "SLURM_NTASKS": "1",
        ]
        #expect(JobIdentity.rank(mpi) == 7 && identity("/", mpi).localRank == 3)
        #expect(identity("/", mpi).worldSize == 8)
        #expect(JobIdentity.rank(["PMI_RANK": "2"]) == 2)
        #expect(JobIdentity.rank(["SLURM_PROCID": "6"]) == 6)
        #expect(JobIdentity.rank(["LOCAL_RANK": "6"]) == nil)
        #expect(JobIdentity.rank(["RANK": "six"]) == nil && JobIdentity.rank(["RANK": "-1"]) == nil)
    }

    @Test func anyOfTheHierarchiesMayTell() {
        let groups = [
            "cpuset": "/", "name=systemd": "/docker/\(Self.id)", "": "/system.slice",
            "memory": "/slurm/uid_1/job_5/step_1",
        ]
        let found = JobIdentity(groups: groups, environment: [:])
        #expect(found.container == Self.id && found.job == "5" && found.step == "1")
    }

    @Test func aProcessBringsItAll() throws {
        let tree = Tree()
        try tree.write(
            "/proc/42/stat",
            "42 (train) S 41 42 42 0 -1 4194560 123 0 5 0 31 17 0 0 20 0 3 0 9876 1 1 1")
        try tree.write("/proc/42/cgroup", "0::/slurm/uid_1/job_5/step_1")
        try tree.write("/proc/42/environ", bytes: Array("RANK=3\0WORLD_SIZE=8\0SECRET=x\0".utf8))
        let facts = try #require(ProcessFacts(reading: tree.host.process(42), pid: 42))
        #expect(facts.rank == 3 && facts.identity.worldSize == 8 && facts.identity.job == "5")
    }

    @Test func whoTrainsTogetherIsToldByBatchJobOrProgram() {
        func process(
            _ pid: Int32, _ command: String, user: UInt32 = 1_000, slurm: String? = nil
        ) -> ProcessFacts {
            var process = ProcessFacts(pid: pid, name: "python", command: command)
            (process.executable, process.user) = ("/usr/bin/python3.11", user)
            process.identity.job = slurm
            process.cgroups = ["": "/rank-\(pid)"]
            return process
        }
        let job = Job(processes: [
            process(1, "python -u train.py --local-rank 0"),
            process(2, "python -u train.py --local-rank 1 --profile"),
            process(3, "python -m other.train"), process(4, "python -m other.train", user: 1_001),
            process(5, "python -u train.py", slurm: "7"), process(6, "python eval.py", slurm: "7"),
        ])
        #expect(job.group(of: 1) == job.group(of: 2))
        #expect(Set([2, 3, 4, 5].map { job.group(of: $0) }).count == 4)
        #expect(job.group(of: 5) == job.group(of: 6))
        #expect(job.group(of: 99).isEmpty)
    }
}
