import Rules
import Testing

@Suite struct ShellWordTests {
    @Test func plainWordsNeedNoQuotes() {
        #expect(shellWord("/sys/fs/cgroup/a.slice") == "/sys/fs/cgroup/a.slice")
        #expect(shellWord("") == "''")
        #expect(shellWord("~root") == "'~root'")
        #expect(shellWord("it's $(rm -rf /)") == "'it'\\''s $(rm -rf /)'")
    }

    @Test func whatAPastedWordWouldHideIsShown() {
        #expect(shellWord("a\u{1b}\n'b") == "$'a\\x1b\\x0a\\'b'")
        #expect(shellWord("a\u{202e}b") == "$'a\\xe2\\x80\\xaeb'")
        #expect(shellWord("a\0b") == "$'a\\xef\\xbf\\xbdb'")
    }
}
