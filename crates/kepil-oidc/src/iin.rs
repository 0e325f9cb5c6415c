//! The look of an IIN (the 12-digit national number), so that tests and filters can find one
//! where none may stand.

/// Whether `text` is 12 digits whose last one checks the others.
///
/// The check digit is the sum of i·dᵢ for i = 1 to 11, modulo 11; if that is 10, the sum with the
/// weights 3, 4, …, 11, 1, 2; if that is 10 as well, no number has these digits. Numbers of
/// organisations (BIN) follow the same rule and look the same.
#[must_use]
pub fn is_iin(text: &str) -> bool {
    if text.len() != 12 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let digits: Vec<u32> = text.bytes().map(|b| u32::from(b - b'0')).collect();
    let Some((last, first)) = digits.split_last() else {
        return false;
    };
    let sum = |weights: [u32; 11]| first.iter().zip(weights).map(|(d, w)| d * w).sum::<u32>() % 11;
    let check = match sum([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
        10 => sum([3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]),
        check => check,
    };
    check == *last
}

/// Whether an IIN stands anywhere in `text`: a run of exactly 12 digits for which [`is_iin`].
#[must_use]
pub fn contains_iin(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(is_iin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_weights() {
        // 9+0+0+4+0+6+21+0+0+0+11 = 51 = 4·11 + 7
        assert!(is_iin("900101300017"));
        assert!(!is_iin("900101300018"));
    }

    #[test]
    fn second_weights_and_no_number() {
        let with = |first: &str| (0..10).filter(|d| is_iin(&format!("{first}{d}"))).count();
        // Sum 10 once: the second weights decide. 0·…+ 10·1 = 10, then 1·1 = 1.
        assert!(is_iin("000000000101"));
        // Every eleven digits have at most one check digit; some have none.
        let counts: Vec<usize> = (0..200u64)
            .map(|n| with(&format!("{:011}", n * 7_919_333)))
            .collect();
        assert!(counts.iter().all(|n| *n <= 1));
        assert!(counts.contains(&0));
    }

    #[test]
    fn only_a_run_of_twelve() {
        assert!(contains_iin("иин: 900101300017."));
        assert!(!contains_iin("1900101300017"));
        assert!(!contains_iin("9001013000170"));
        assert!(!contains_iin("90010130001"));
        assert!(!contains_iin(""));
    }
}
