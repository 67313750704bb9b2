import Glibc
import Host
import Machines
import Testing

struct KeptFileTests {
    private func numbers(_ text: String, _ count: Int = 2) throws -> [UInt64]? {
        let tree = Tree()
        try tree.write("/file", bytes: Array(text.utf8))
        let file = try #require(KeptFile("/file", on: tree.host))
        var numbers: [UInt64] = [99]
        return file.read(count, into: &numbers) ? numbers : nil
    }

    @Test func readsAnewEachTime() throws {
        let tree = Tree()
        try tree.write("/file", "17 31 7")
        let file = try #require(KeptFile("/file", on: tree.host))
        var numbers: [UInt64] = []
        #expect(file.read(2, into: &numbers) && numbers == [17, 31])
        try tree.write("/file", "18 41 8")
        #expect(file.read(3, into: &numbers) && numbers == [18, 41, 8])
        #expect(KeptFile("/none", on: tree.host) == nil)
    }

    @Test func whatIsNotNumbersIsNothing() throws {
        #expect(try numbers("18446744073709551615 0\n") == [.max, 0])
        for text in [
            "", "\n", "7", "7\n", "x 7", "7 -1", "18446744073709551616 1", " 7 7", "7  7", "7x 7",
        ] {
            #expect(try numbers(text) == nil, "\(text)")
        }
        let long = String(repeating: "1", count: 500)
        #expect(try numbers(long) == nil)
    }

    @Test func aThreadThatEndedIsGone() throws {
        let file = try #require(KeptFile("/proc/self/schedstat", on: Host()))
        var numbers: [UInt64] = []
        #expect(file.read(2, into: &numbers) && numbers[0] > 0)
        var child: pid_t = 0
        var words: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
        defer { free(words[0]) }
        try #require(posix_spawnp(&child, "true", nil, nil, &words, environ) == 0)
        let other = KeptFile("/proc/\(child)/schedstat", on: Host())
        var status: CInt = 0
        waitpid(child, &status, 0)
        #expect(other?.read(2, into: &numbers) != true)
    }
}
