import CNVML
import Host

/// Fields of nvmlDeviceGetFieldValues. Only ids up to 198: those above were renumbered inside of
/// releases (251 to 253 became 269 to 271 in 13.0, 199 became 200 in 12.5).
enum Field: UInt32, CaseIterable {
    case retiredSingleBit = 29
    case retiredDoubleBit = 30
    case retirementPending = 31
    case throttledPower = 74
    case throttledThermal = 75
    case throttledSyncBoost = 76
    case throttledBoardLimit = 77
    case throttledLowUtilization = 78
    case throttledReliability = 79
    case belowApplicationClocks = 80
    case belowBaseClocks = 81
    case memoryTemperature = 82
    case pcieReplays = 94
    case nvlinkSent = 138
    case nvlinkReceived = 139
    case nvlinkReplays = 161
    case nvlinkRecoveries = 162
    case nvlinkCRCErrors = 163
    case pcieSent = 197
    case pcieReceived = 198

    /// Figures of single links have a scope; all links together are this one.
    var scope: UInt32 {
        switch self {
        case .nvlinkSent, .nvlinkReceived, .nvlinkReplays, .nvlinkRecoveries, .nvlinkCRCErrors:
            .max
        default: 0
        }
    }

    static let policies: [(field: Field, policy: ThrottlePolicy, number: UInt32)] = [
        (.throttledPower, .power, 0), (.throttledThermal, .thermal, 1),
        (.throttledSyncBoost, .syncBoost, 2), (.throttledBoardLimit, .boardLimit, 3),
        (.throttledLowUtilization, .lowUtilization, 4), (.throttledReliability, .reliability, 5),
        (.belowApplicationClocks, .belowApplicationClocks, 10),
        (.belowBaseClocks, .belowBaseClocks, 11),
    ]
}

/// A figure and the width of the counter that it is read from.
struct FieldValue: Equatable {
    var value: UInt64
    var bits: Int

    /// `nil` where the driver has no such figure, or one that is negative or no number.
    init?(_ field: nvml_field) {
        guard field.code == 0 else { return nil }
        switch nvml_value_type(field.type) {
        case NVML_TYPE_UNSIGNED_INT: self.init(UInt64(field.value.unsigned_int), bits: 32)
        case NVML_TYPE_UNSIGNED_LONG, NVML_TYPE_UNSIGNED_LONG_LONG:
            self.init(field.value.unsigned_long, bits: 64)
        case NVML_TYPE_SIGNED_LONG_LONG:
            self.init(UInt64(exactly: field.value.signed_long), bits: 64)
        case NVML_TYPE_SIGNED_INT: self.init(UInt64(exactly: field.value.signed_int), bits: 32)
        case NVML_TYPE_UNSIGNED_SHORT: self.init(UInt64(field.value.unsigned_short), bits: 16)
        case NVML_TYPE_DOUBLE: self.init(UInt64(exactly: field.value.number.rounded()), bits: 64)
        default: return nil
        }
    }

    init?(_ value: UInt64?, bits: Int) {
        guard let value else { return nil }
        self.value = value
        self.bits = bits
    }
}
