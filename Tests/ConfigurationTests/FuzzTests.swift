import Glibc
import Machines
import Testing

@testable import Configuration

/// Broken, mutated and random files: an error or settings, never a crash, never slow.
@Suite struct FuzzTests {
    /// STOKER_TEST_MUTATIONS says how many; a few thousand take seconds.
    private var count: Int {
        getenv("STOKER_TEST_MUTATIONS").flatMap { Int(String(cString: $0)) } ?? 3_000
    }

    private let pieces = [
        "&a ", "*a", "!!int ", "---\n", "...\n", "? ", ": ", "- ", "[", "]", "{", "}", "\"", "'",
        "\\", "|\n", ">-\n", "#", "\t", "\r\n", "\u{feff}", "\u{2028}", "\u{85}", "<<: ", "~",
        "%YAML 1.2\n", "99999999999999999999", "-1", "1e309", "nan", ".inf", "0x7f", "🦊",
        "e\u{301}",
    ]

    private func mutated(_ seed: [UInt8], using numbers: inout FixedNumbers) -> [UInt8] {
        var bytes = seed
        for _ in 0..<Int.random(in: 1...6, using: &numbers) {
            let place = Int.random(in: 0...bytes.count, using: &numbers)
            let end = min(bytes.count, place + Int.random(in: 0...20, using: &numbers))
            switch Int.random(in: 0...5, using: &numbers) {
            case 0: bytes.insert(UInt8.random(in: 0...255, using: &numbers), at: place)
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 3:
                let piece = pieces.randomElement(using: &numbers) ?? ""
                bytes.insert(contentsOf: Array(piece.utf8), at: place)
            case 4 where place < bytes.count:
                bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &numbers)
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }

    @Test func noMutationOfTheSettingsCrashes() throws {
        let tree = Tree()
        var numbers = FixedNumbers(seed: 5)
        let seeds = [exampleInForce(), compact]
        var taken = 0
        for index in 0..<count {
            let bytes = mutated(Array(seeds[index % 2].utf8), using: &numbers)
            try tree.write(StandardPlace.file, bytes: bytes)
            do throws(ConfigurationError) {
                let found = try EffectiveSettings.read(from: tree.host, environment: [:])
                #expect(found.settings.window >= found.settings.tick)
                #expect(found.settings.historySize >= 16_000_000)
                taken += 1
            } catch { #expect(error.problems.allSatisfy { !$0.text.isEmpty }) }
        }
        // Most mutations break something; some only a comment.
        #expect(taken > 0 && taken < count)
    }

    @Test func noMutationOfTheWebConfigurationCrashes() throws {
        let tree = Tree()
        var numbers = FixedNumbers(seed: 6)
        for _ in 0..<count {
            try tree.write("/web.yaml", bytes: mutated(Array(web.utf8), using: &numbers))
            do throws(ConfigurationError) {
                let found = try WebConfiguration.read("/web.yaml", on: tree.host)
                #expect(found.headers.values.allSatisfy { !$0.contains("\n") })
            } catch { #expect(!error.problems.isEmpty) }
        }
    }

    @Test func noRandomBytesCrash() {
        var numbers = FixedNumbers(seed: 7)
        for _ in 0..<count {
            let bytes = (0..<Int.random(in: 0...300, using: &numbers)).map { _ in
                UInt8.random(in: 0...255, using: &numbers)
            }
            _ = try? yaml(bytes)
            // The signs of YAML among few letters get further.
            let signs = Array("ab:-[]{}&*!|>'\"%@`#,? \n\n\t~.0".utf8)
            _ = try? yaml(bytes.map { signs[Int($0) % signs.count] })
        }
    }

    private let compact = """
        listen: ['0.0.0.0:9100', "[::1]:1"]
        findings: {raise-after: 2, clear-after: 20}
        history: {enabled: false, folder: /data/stoker, size: 64MiB}
        training:
          commands: ['torchrun|python3? .*train', "it's"]
          users: [alice, 1000]
        """

    private let web = """
        basic_auth_users:
          alice: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG
        http_server_config:
          headers: {X-Frame-Options: deny, Content-Security-Policy: "default-src 'self'"}
        rate_limit: {interval: 100ms, burst: 20}
        """
}

/// A generator that always says the same: Knuth's MMIX numbers.
struct FixedNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 33)
    }
}
