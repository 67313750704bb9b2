import Host
import Machines
import Testing

@testable import Accelerators

struct KernelLogTests {
    @Test func anXIDIsRead() throws {
        let logged = try #require(
            DeviceXID(
                record: "3,1234,5566778899,-;NVRM: Xid (PCI:0000:1b:00): 79, pid='<unknown>', "
                    + "name=<unknown>, GPU has fallen off the bus."))
        #expect(logged.pci == "0000:1b:00.0")
        #expect(logged.xid == XID(time: 5_566_778_899_000, code: 79))
        let short = DeviceXID(record: "4,1,7,c,caller=T1;NVRM: Xid (PCI:10000:C3:1F.1): 31,")
        #expect(short?.pci == "10000:c3:1f.1")
        #expect(short?.xid.code == 31)
    }

    @Test(arguments: [
        "", ";", "3,1,2,-", "3,1,2,-;NVRM: Xid", "3,1,2,-;NVRM: Xid (PCI:",
        "3,1;NVRM: Xid (PCI:0000:1b:00): 79",
        "3,1,x,-;NVRM: Xid (PCI:0000:1b:00): 79", "3,1,2,-;NVRM: Xid (PCI:0000:1b): 79",
        "3,1,2,-;NVRM: Xid (PCI:0000:1b:00): x", "3,1,2,-;NVRM: Xid (PCI:0000:1b:00)",
        "3,1,99999999999999999999,-;NVRM: Xid (PCI:0000:1b:00): 79",
        "3,1,18446744073709551615,-;NVRM: Xid (PCI:0000:1b:00): 79",
        "3,1,2,-;NVRM: Xid (PCI:0000:1b:00): 99999999999999999999",
        "3,1,2,-;NVRM: Xid (PCI:0000:fff:00): 79", "3,1,2,-; NVRM: GPU at PCI:0000:1b:00",
        "3,1,2,-;user wrote NVRM: Xid (PCI:0000:1b:00): 79",
    ])
    func otherRecordsAreNone(record: String) {
        #expect(DeviceXID(record: record) == nil)
    }

    /// As a probe names devices; the kernel cuts a name that is too long.
    @Test func aReportOfAnythingButAPCIDeviceIsNone() {
        let xid = XID(time: 7, code: 79)
        #expect(DeviceXID(device: "0000:1B:00.0", xid: xid)?.pci == "0000:1b:00.0")
        for name in ["", "platform", "0000:1b", "0000:1b:00.0:again", "0000:zz:00.0"] {
            #expect(DeviceXID(device: name, xid: xid) == nil, "\(name)")
        }
    }

    @Test func onlyWhatComesAfterOpening() throws {
        let tree = Tree()
        let old = "3,1,1,-;NVRM: Xid (PCI:0000:1b:00): 13, old\n"
        let new = "3,2,2,-;NVRM: Xid (PCI:0000:1b:00): 48, new\n SUBSYSTEM=pci\n6,3,3,-;usb\n"
        try tree.write("/dev/kmsg", bytes: Array(old.utf8))
        var log = try XIDLog(of: tree.host)
        let before = log.news()
        #expect(before == [])
        try tree.write("/dev/kmsg", bytes: Array((old + new).utf8))
        let (after, again, overruns) = (log.news(), log.news(), log.overruns)
        #expect(after.map(\.xid) == [XID(time: 2_000, code: 48)])
        #expect(again == [] && overruns == 0)
    }

    @Test func aLogThatMayNotBeReadIsAReason() {
        let tree = Tree()
        #expect(throws: FileError.self) { _ = try XIDLog(of: tree.host) }
    }

    @Test func addressesAreAsInSysfs() {
        #expect(pciAddress("00000000:1B:00.0") == "0000:1b:00.0")
        #expect(pciAddress("0000:1b:00") == "0000:1b:00.0")
        #expect(pciAddress("10000:01:1f.7") == "10000:01:1f.7")
        for text in [
            "", ":", "::", "0000:1b", "0000:1b:00.8", "0000:1b:20.0", "g:1b:00.0", "0:100:0.0",
        ] {
            #expect(pciAddress(text) == nil, "\(text)")
        }
    }
}
