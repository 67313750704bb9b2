import Host
import Outputs
import Rules
import Testing
import Training

/// Rank, GPU, job and container stand where a person looks for the process.
struct IdentityLineTests {
    private func text(_ change: (inout ProcessFacts) -> Void) -> String {
        var job = Samples.job
        change(&job.processes[0])
        let style = TextStyle(colour: false, unicode: false, width: 500)
        return textReport(
            Samples.observation(job: job), Samples.diagnosis, rules: [], version: "1", style: style)
    }

    @Test func allThatIsKnownIsOnOneLine() {
        let found = text { process in
            process.stepMilliseconds = 250.7
            process.gpus = ["0000:1b:00.0", "0000:5e:00.0"]
            process.identity.localRank = 3
            process.identity.worldSize = 16
            process.identity.job = "4711"
            process.identity.step = "batch"
            process.identity.pod = "0a1b"
            process.identity.container = String(repeating: "0123456789abcdef", count: 4)
            process.identity.runtime = "docker"
        }
        #expect(
            found.contains(
                """
                a step takes about 251 ms; GPUs 0000:1b:00.0, 0000:5e:00.0; local rank 3, 16 ranks \
                in all; Slurm job 4711, step batch; pod 0a1b; container 0123456789ab (docker)
                """))
    }

    @Test func nothingIsSaidOfWhatIsNotKnown() {
        let plain = text { _ in }
        #expect(!plain.contains("container") && !plain.contains("Slurm"))
        #expect(text { $0.identity.visibleDevices = "3" } == plain)
        #expect(text { $0.stepMilliseconds = .infinity } == plain)
        #expect(text { $0.stepMilliseconds = .nan } == plain)
    }

    @Test func namesOfContainersAreOnlyText() {
        let hostile = "\u{1b}[31m\u{202e}x"
        let found = text { process in
            process.identity.container = hostile
            process.identity.visibleDevices = hostile
            process.gpus = [hostile]
        }
        #expect(!found.contains("\u{1b}") && !found.contains("\u{202e}"))
    }

    @Test func theMapShowsTheGPUsOfARank() {
        var map = TopologySamples.map
        map.processes[0].facts.gpus = ["0000:1b:00.0", "0000:99:00.0"]
        let style = TextStyle(colour: false, unicode: false, width: 200)
        #expect(
            topologyMap(map, style: style).contains(
                "nvidia0 (0000:1b:00.0) on node 0, 0000:99:00.0, its node is not known"))
        let json = topologyJSON(map, version: "1")
        #expect(json.contains(#""gpus": ["0000:1b:00.0", "0000:99:00.0"]"#))
    }
}
