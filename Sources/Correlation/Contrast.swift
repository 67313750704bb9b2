/// A difference of means, and how far chance alone would spread it.
package struct Contrast: Sendable, Equatable {
    package var difference: Double
    package var standardError: Double

    /// Three standard errors: one chance in 100 with as few as six samples. Judgement.
    static let clear = 3.0
    package var isClear: Bool { difference > Contrast.clear * standardError }
}

/// Fewer samples on either side have no spread worth the name: judgement.
let fewestOnEitherSide = 3

/// Difference in differences: how much further `own` lies above `others` in the samples where
/// `isOn` than in the rest. What hits all GPUs in the same second drops out, and so does what
/// always sets one apart. Nil with fewer than three samples on either side, unequal lengths, or
/// values that are not finite.
package func differenceInDifferences(
    own: [Double], others: [Double], isOn: [Bool]
) -> Contrast? {
    guard own.count == others.count else { return nil }
    return contrast(zip(own, others).map { $0 - $1 }, isOn: isOn)
}

/// Mean of the samples where `isOn`, less the mean of the rest.
package func contrast(_ values: [Double], isOn: [Bool]) -> Contrast? {
    guard values.count == isOn.count, values.allSatisfy(\.isFinite) else { return nil }
    let on = zip(values, isOn).filter(\.1).map(\.0)
    let off = zip(values, isOn).filter { !$0.1 }.map(\.0)
    guard on.count >= fewestOnEitherSide, off.count >= fewestOnEitherSide,
        let high = meanWithError(on), let low = meanWithError(off)
    else { return nil }
    return Contrast(
        difference: high.difference - low.difference,
        standardError: (high.standardError * high.standardError
            + low.standardError * low.standardError).squareRoot())
}

/// The mean against zero. The error allows for neighbours that are alike: n samples with
/// correlation r from one to the next are worth n (1 - r) / (1 + r).
package func meanWithError(_ values: [Double]) -> Contrast? {
    guard values.count >= fewestOnEitherSide, values.allSatisfy(\.isFinite),
        let mean = mean(values)
    else { return nil }
    let apart = values.map { $0 - mean }
    let squares = apart.reduce(0) { $0 + $1 * $1 }
    let neighbours = zip(apart, apart.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 }
    let alike = squares > 0 ? min(max(neighbours / squares, 0), 0.9) : 0
    let worth = max(Double(values.count) * (1 - alike) / (1 + alike), 2)
    return Contrast(
        difference: mean,
        standardError: (squares / Double(values.count - 1) / worth).squareRoot())
}
