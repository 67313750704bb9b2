import Host
import Machines
import Testing

@testable import Configuration

@Suite struct ReferenceTests {
    private func project(_ path: String) -> String? {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return try? Host(root: "/" + root).text("/" + path)
    }

    @Test func whatIsGeneratedIsFresh() {
        #expect(project("docs/configuration.md") == configurationReference(), "run make docs")
        #expect(project("systemd/config.yaml") == exampleConfiguration(), "run make docs")
    }

    @Test func theExampleIsTheDefault() throws {
        let tree = Tree()
        try tree.write(StandardPlace.file, exampleConfiguration())
        #expect(
            try EffectiveSettings.read(from: tree.host, environment: [:]) == EffectiveSettings())
    }

    @Test func theExampleWithoutItsSignsIsTheDefaultToo() throws {
        let tree = Tree()
        try tree.write(StandardPlace.file, exampleInForce())
        let found = try EffectiveSettings.read(from: tree.host, environment: [:])
        #expect(found.settings == DaemonSettings())
        #expect(found.origins.count == settingKeys.count)
    }

    @Test func keysAndVariablesAreTheirOwn() {
        #expect(Set(settingKeys.map(\.name)).count == settingKeys.count)
        #expect(Set(settingKeys.map(\.variable)).count == settingKeys.count)
        #expect(settingKeys.map(\.variable).contains("STOKER_FINDINGS_RAISE_AFTER"))
    }

    @Test func theNearestKeyIsFoundAndNoFarOne() {
        let names = settingKeys.map(\.name)
        #expect(nearest(to: "tikc", among: names) == "tick")
        #expect(nearest(to: "LISTEN", among: names) == "listen")
        #expect(nearest(to: "history_size", among: names) == "history.size")
        #expect(nearest(to: "banana", among: names) == nil)
        #expect(nearest(to: "", among: names) == nil)
        #expect(nearest(to: String(repeating: "x", count: 100_000), among: names) == nil)
        #expect(distance(Array("abcd".utf8), Array("acbd".utf8)) == 1)
        #expect(distance([], Array("abc".utf8)) == 3)
    }
}

/// The example with every setting in force: they are behind a sign and no or two blanks, comments
/// behind one or three.
func exampleInForce() -> String {
    exampleConfiguration().split(separator: "\n").map { line in
        let blanks = line.dropFirst().prefix { $0 == " " }.count
        return line.hasPrefix("#") && blanks.isMultiple(of: 2) ? line.dropFirst() : line
    }.joined(separator: "\n")
}
