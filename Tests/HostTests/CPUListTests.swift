import Host
import Testing

struct CPUListTests {
    @Test(arguments: [
        ("0", []), ("1", [0]), ("ff", Array(0...7)), ("00000000,0000000f", [0, 1, 2, 3]),
        ("1,00000000", [32]), ("80000001,00000000,00000002", [1, 64, 95]),
    ])
    func readsMasksOfAnyLength(mask: String, cpus: [Int]) {
        #expect(CPUList(mask: mask)?.cpus == cpus)
    }

    @Test(arguments: ["", ",", "g", "1,,2", "-1", "+1", "123456789", "1 2", "0x1"])
    func refusesWhatIsNoMask(text: String) {
        #expect(CPUList(mask: text) == nil)
    }

    @Test func writesTheMaskThatItRead() {
        let mask = "ff00,00000000,80000001"
        #expect(CPUList(mask: mask)?.mask == mask)
    }

    @Test(arguments: ["(null)", "0-", "3-1", "1-2-3", "-", "-1", "99999999", "a"])
    func refusesWhatIsNoList(text: String) {
        #expect(CPUList(parsing: text) == nil)
    }

    @Test func keepsGapsOfALongList() {
        let text = "0-3,8,10-11,200-255"
        #expect(CPUList(parsing: text)?.description == text)
        #expect(CPUList(parsing: text)?.count == 63)
    }
}
