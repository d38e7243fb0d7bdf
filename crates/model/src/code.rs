//! The code on a letter: what a person tells the help desk, and what the desk can tell from a mistyped one.

use std::fmt;
use std::str::FromStr;

/// Crockford's base32: no I, L, O or U, so that nobody reads one character for another.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Symbols that were drawn: 70 bits.
const DRAWN: usize = 14;
/// Symbols of the whole code: those drawn and two that check them.
const LENGTH: usize = 16;
/// Symbols between hyphens.
const GROUP: usize = 4;

/// The code of one person's letters: 70 bits and two check symbols, `7K2M-QX4D-9RTV-H3PA`.
///
/// The check symbols are the sum of the drawn symbols, and their sum weighted by the powers of a primitive element, in the field of
/// 32 elements (a Reed-Solomon code of distance 3): a mistyped code that differs in one or two symbols, or has two symbols
/// exchanged, is never another valid one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SupportCode([u8; LENGTH]);

/// Why a text is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACode {
    /// Too few symbols, too many, or others.
    #[error("a code has {LENGTH} letters and digits in groups of {GROUP}, as 7K2M-QX4D-9RTV-H3PA")]
    Shape,
    /// It has the shape, and no such code was ever given out.
    #[error("the code is mistyped: read it again, symbol by symbol")]
    Mistyped,
}

impl SupportCode {
    /// From the first 70 of 80 drawn bits.
    pub fn from_bits(bits: [u8; 10]) -> Self {
        let mut symbols = [0; LENGTH];
        let drawn = bits.iter().fold(0_u128, |word, byte| word << 8 | u128::from(*byte)) >> 10;
        for (place, symbol) in symbols[..DRAWN].iter_mut().enumerate() {
            *symbol = (drawn >> (5 * (DRAWN - 1 - place)) & 31) as u8;
        }
        let (sum, weighted) = checks(&symbols[..DRAWN]);
        symbols[DRAWN] = sum;
        symbols[DRAWN + 1] = weighted;
        Self(symbols)
    }

    /// As it stands in a letter.
    pub fn grouped(&self) -> String {
        let mut text = String::with_capacity(LENGTH + LENGTH / GROUP);
        for (place, symbol) in self.0.iter().enumerate() {
            if place > 0 && place % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[usize::from(*symbol)]));
        }
        text
    }
}

impl FromStr for SupportCode {
    type Err = NotACode;

    /// Reads a code as people type it: upper or lower case, with any hyphens and blanks, O for 0, I or L for 1.
    fn from_str(text: &str) -> Result<Self, NotACode> {
        let (mut symbols, mut length) = ([0; LENGTH], 0);
        for c in text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2014}')) {
            *symbols.get_mut(length).ok_or(NotACode::Shape)? = symbol(c).ok_or(NotACode::Shape)?;
            length += 1;
        }
        if length != LENGTH {
            return Err(NotACode::Shape);
        }
        let (sum, weighted) = checks(&symbols[..DRAWN]);
        if symbols[DRAWN..] == [sum, weighted] { Ok(Self(symbols)) } else { Err(NotACode::Mistyped) }
    }
}

/// A code opens what is held on a person, so it prints itself only where [`SupportCode::grouped`] is called.
impl fmt::Debug for SupportCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[code]")
    }
}

fn symbol(c: char) -> Option<u8> {
    let c = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    ALPHABET.iter().position(|known| char::from(*known) == c).and_then(|place| u8::try_from(place).ok())
}

fn checks(drawn: &[u8]) -> (u8, u8) {
    let sum = drawn.iter().fold(0, |sum, symbol| sum ^ symbol);
    // Horner's rule; one more step keeps the weight of the last symbol apart from that of the sum.
    let weighted = drawn.iter().fold(0, |sum, symbol| doubled(sum ^ symbol));
    (sum, weighted)
}

/// Times the primitive element, modulo x^5 + x^2 + 1.
fn doubled(symbol: u8) -> u8 {
    let shifted = symbol << 1;
    if shifted & 32 == 0 { shifted } else { shifted ^ 0b10_0101 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(seed: u8) -> SupportCode {
        SupportCode::from_bits(std::array::from_fn(|place| seed.wrapping_mul(31).wrapping_add(place as u8).wrapping_mul(97)))
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = code(3);
        let text = code.grouped();
        assert_eq!(text.len(), 19);
        for typed in [text.clone(), text.to_lowercase(), text.replace('-', ""), text.replace('-', " \u{2013} "), text.replace('0', "o").replace('1', "l")] {
            assert_eq!(typed.parse(), Ok(code.clone()));
        }
        for wrong in ["", "7K2M", "7K2M-QX4D-9RTV-H3P", "7K2M-QX4D-9RTV-H3PAA", "7K2M-QX4D-9RTV-H3P!", "7K2M-QX4D-9RTV-H3PU"] {
            assert_eq!(wrong.parse::<SupportCode>(), Err(NotACode::Shape), "{wrong}");
        }
    }

    #[test]
    fn one_or_two_wrong_symbols_and_an_exchange_never_give_another_code() {
        for seed in [0, 7, 200] {
            let SupportCode(right) = code(seed);
            let is_code = |symbols: [u8; LENGTH]| SupportCode(symbols).grouped().parse::<SupportCode>().is_ok();
            assert!(is_code(right));
            for one in 0..LENGTH {
                for two in one..LENGTH {
                    let mut exchanged = right;
                    exchanged.swap(one, two);
                    assert_eq!(is_code(exchanged), exchanged == right);
                    for wrong in 0..32 * 32_u16 {
                        let mut symbols = right;
                        symbols[two] = (wrong / 32) as u8;
                        symbols[one] = (wrong % 32) as u8;
                        assert_eq!(is_code(symbols), symbols == right);
                    }
                }
            }
        }
    }
}
