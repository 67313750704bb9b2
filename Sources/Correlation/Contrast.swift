/// A difference of means, and how far chance alone would spread it.
package struct Contrast: Sendable, Equatable {
    package var difference: Double
    package var standardError: Double
    /// Independent samples that the error rests on, less one.
    package var degrees: Int

    /// Three standard errors: one chance in 100 with as few as six samples. Judgement.
    static let clear = 3.0
    package var isClear: Bool { difference > Contrast.clear * standardError }
    /// Chance of a difference as high as this where there is none.
    package var p: Double { studentTail(difference / standardError, degrees: degrees) }
}

/// Chance that Student's t with `degrees` of freedom, rounded down to an even number of at least
/// 2, is above `t`: then it is a finite sum (Abramowitz and Stegun 26.7.4).
package func studentTail(_ t: Double, degrees: Int) -> Double {
    guard t.isFinite else { return t == .infinity ? 0 : t == -.infinity ? 1 : 0.5 }
    let even = min(max(degrees & ~1, 2), 1_000)
    // Beyond this there is no chance left to speak of, and its square must be a number.
    let t = min(max(t, -1e6), 1e6)
    let sine = t / (t * t + Double(even)).squareRoot()
    let cosine = Double(even) / (t * t + Double(even))
    var term = 1.0
    var sum = 1.0
    for step in stride(from: 2, to: even, by: 2) {
        term *= cosine * Double(step - 1) / Double(step)
        sum += term
    }
    return min(max((1 - sine * sum) / 2, 0), 1)
}

/// Fewer samples on either side have no spread worth the name: judgement.
let fewestOnEitherSide = 3

/// Mean of the samples where `isOn`, less the mean of the rest. What varies with `dose` is what
/// is looked for, and no noise.
package func contrast(
    _ values: [Double], isOn: [Bool], dose: [Double]? = nil
) -> Contrast? {
    guard values.count == isOn.count, values.allSatisfy(\.isFinite) else { return nil }
    let noise = dose.map { residuals(values, after: $0) } ?? values
    func side(_ isWanted: Bool) -> (mean: Double, noise: Contrast)? {
        let places = values.indices.filter { isOn[$0] == isWanted }
        guard let mean = mean(places.map { values[$0] }),
            let noise = meanWithError(places.map { noise[$0] })
        else { return nil }
        return (mean, noise)
    }
    guard let on = side(true), let off = side(false) else { return nil }
    let (high, low) = (on.noise, off.noise)
    return Contrast(
        difference: on.mean - off.mean,
        standardError: (high.standardError * high.standardError
            + low.standardError * low.standardError).squareRoot(),
        degrees: min(high.degrees, low.degrees))
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
        standardError: (squares / Double(values.count - 1) / worth).squareRoot(),
        degrees: Int(worth) - 1)
}

/// What a straight line through `dose` leaves of `values`; all of them where it varies too little.
func residuals(_ values: [Double], after dose: [Double]) -> [Double] {
    guard values.count == dose.count, let middle = mean(dose), let level = mean(values) else {
        return values
    }
    let squares = dose.reduce(0) { $0 + ($1 - middle) * ($1 - middle) }
    guard squares > 0 else { return values }
    let common = zip(dose, values).reduce(0) { $0 + ($1.0 - middle) * ($1.1 - level) }
    return zip(dose, values).map { $1 - common / squares * ($0 - middle) }
}
