import Testing

@testable import Serving

@Suite struct KeyedHashTests {
    /// The vectors that come with SipHash: key 00 01 … 0f, messages "", 00, 00 01 …
    @Test(arguments: [
        (0, 0xe6a8_25ba_047f_81a3 as UInt64, 0x9302_55c7_1472_f66d as UInt64),
        (1, 0x44af_996b_d8c1_87da, 0x45fc_229b_1159_7634),
        (15, 0x11a8_b033_99e9_9354, 0xd9c3_cf97_0fec_087e),
    ])
    func agreesWithThePublishedVectors(length: Int, first: UInt64, second: UInt64) {
        let hash = KeyedHash(key: (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908))
        let value = hash((0..<length).map { UInt8($0) })
        #expect(value == KeyedHash.Value(first: first, second: second))
    }

    @Test func dependsOnTheKey() {
        #expect(KeyedHash.random()([1, 2, 3]) != KeyedHash.random()([1, 2, 3]))
    }
}
