import Foundation
import Host
import Outputs
import Rules
import Testing
import Training

/// The reader learns how the watched processes were found.
struct SearchLineTests {
    private func observation(_ change: (inout TrainingSearch) -> Void) -> Observation {
        var observation = Samples.observation()
        var search = TrainingSearch()
        change(&search)
        observation.job.search = search
        return observation
    }

    private func text(_ observation: Observation) -> String {
        let style = TextStyle(colour: false, unicode: false, width: 500)
        return textReport(observation, Samples.diagnosis, rules: [], version: "1", style: style)
    }

    @Test func saysHowTheyWereFoundAndWhoWasLeftOut() {
        let seen = observation { search in
            search.ranks = [4242]
            search.bystanders = (1...5).map {
                .init(pid: $0, name: "nvidia-smi", reason: $0 == 1 ? .idle : .noContext)
            }
        }
        #expect(
            text(seen).contains(
                """
                Found by what they have open: 1 process that computes on a GPU; left out: \
                nvidia-smi (pid 1, idle), nvidia-smi (pid 2, has a GPU open and computes on none), \
                nvidia-smi (pid 3, has a GPU open and computes on none) and 2 more.
                """))
    }

    @Test func saysNothingWhereThereIsNothingToSay() {
        let named = text(Samples.observation())
        #expect(text(observation { _ in }) == named)
        // Who may not be asked matters where there is a GPU.
        var refused = observation { $0.refused = 7 }
        #expect(text(refused) == named)
        refused.facts.devices = [DeviceFacts(kind: .gpu, address: "0000:1b:00.0")]
        #expect(text(refused).contains("7 processes of others could not be asked: run as root."))
    }

    @Test func programsGetAllOfIt() throws {
        let seen = observation { search in
            search.ranks = [77, 9]
            search.bystanders = [.init(pid: 3, name: "\u{1b}[31m", reason: .idle)]
            search.isPartial = true
        }
        let json = jsonReport(seen, Samples.diagnosis, version: "1")
        #expect(json.contains(#""ranks": [9, 77]"#) && json.contains(#""partial": true"#))
        #expect(json.contains(#""reason": "idle""#))
        #expect(!json.contains("\u{1b}") && !text(seen).contains("\u{1b}"))
        #expect(
            jsonReport(Samples.observation(), Samples.diagnosis, version: "1").contains(
                #""search": null"#))
    }
}
