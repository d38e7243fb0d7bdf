//! What values are, by their form and their check digits, wherever they stand. A value goes in, a word comes out; no value is kept.

/// The kinds that values alone show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Email,
    Phone,
    Iban,
    CardNumber,
    HongKongIdentity,
    NhsNumber,
    Secret,
    NetworkAddress,
}

impl Kind {
    /// The category of the letters, and what the draft says of it.
    pub(super) fn category(self) -> (&'static str, &'static str) {
        match self {
            Self::Email => ("email", "its values are e-mail addresses"),
            Self::Phone => ("phone", "its values have the form of telephone numbers"),
            Self::Iban => ("financial", "its values are IBANs with right check digits"),
            Self::CardNumber => ("financial", "its values are card numbers with right check digits"),
            Self::HongKongIdentity => ("identity_document", "its values are HKIDs with right check digits"),
            Self::NhsNumber => ("identity_document", "its values are NHS numbers with right check digits"),
            Self::Secret => ("credentials", "its values are hashes of passwords"),
            Self::NetworkAddress => ("ip_address", "its values are network addresses"),
        }
    }
}

/// What a value is, if its form tells.
pub(super) fn kind(value: &str) -> Option<Kind> {
    let value = value.trim();
    match value {
        _ if is_email(value) => Some(Kind::Email),
        _ if is_secret(value) => Some(Kind::Secret),
        _ if is_iban(value) => Some(Kind::Iban),
        _ if is_hkid(value) => Some(Kind::HongKongIdentity),
        _ if is_network_address(value) => Some(Kind::NetworkAddress),
        _ if is_card_number(value) => Some(Kind::CardNumber),
        _ if is_phone(value) => Some(Kind::Phone),
        _ if is_nhs_number(value) => Some(Kind::NhsNumber),
        _ => None,
    }
}

fn is_email(value: &str) -> bool {
    value.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && host.contains('.') && !host.contains('@') && !value.contains(char::is_whitespace) && !value.contains("://")
    })
}

/// A password's hash, as the usual libraries write them.
fn is_secret(value: &str) -> bool {
    const PREFIXES: &[&str] =
        &["$2a$", "$2b$", "$2y$", "$argon2", "$5$", "$6$", "$scrypt$", "$pbkdf2", "pbkdf2_sha", "bcrypt", "argon2$", "{SSHA", "{SHA", "SCRAM-SHA"];
    value.len() >= 20 && PREFIXES.iter().any(|prefix| value.starts_with(prefix))
}

/// Letters and digits of a number that may be written in groups.
fn compact(value: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '.' | '(' | ')');
    value.chars().all(is_part).then(|| value.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect())
}

/// ISO 13616: two letters of a country, two check digits, remainder 1 modulo 97.
fn is_iban(value: &str) -> bool {
    let Some(plain) = compact(value).filter(|plain| (15..=34).contains(&plain.len())) else { return false };
    let (head, body) = plain.split_at(4);
    let is_head = head.bytes().take(2).all(|b| b.is_ascii_uppercase()) && head.bytes().skip(2).all(|b| b.is_ascii_digit());
    let remainder = body.chars().chain(head.chars()).try_fold(0_u32, |sum, c| {
        let digit = c.to_digit(36)?;
        Some(if digit < 10 { sum * 10 + digit } else { sum * 100 + digit } % 97)
    });
    is_head && remainder == Some(1)
}

/// Luhn's check digit over 13 to 19 digits that begin as the card companies' do.
fn is_card_number(value: &str) -> bool {
    let Some(plain) = compact(value).filter(|plain| (13..=19).contains(&plain.len()) && plain.bytes().all(|b| b.is_ascii_digit())) else { return false };
    let doubled = |(at, digit): (usize, u32)| match (at % 2, digit * 2) {
        (0, _) => digit,
        (_, double) if double > 9 => double - 9,
        (_, double) => double,
    };
    let sum: u32 = plain.chars().rev().filter_map(|c| c.to_digit(10)).enumerate().map(doubled).sum();
    plain.starts_with(['3', '4', '5', '6']) && sum.is_multiple_of(10)
}

/// Ten digits, the last of which checks the others modulo 11 (weights 10 to 2).
fn is_nhs_number(value: &str) -> bool {
    let Some(plain) = compact(value).filter(|plain| plain.len() == 10) else { return false };
    let digits: Vec<u32> = plain.chars().filter_map(|c| c.to_digit(10)).collect();
    let [body @ .., check] = &digits[..] else { return false };
    let sum: u32 = body.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    digits.len() == 10 && (11 - sum % 11) % 11 == *check
}

/// A Hong Kong identity card number with a right check digit (weights 9 to 2, modulo 11; letters count from A = 10, a blank as 36).
fn is_hkid(value: &str) -> bool {
    let plain: Vec<char> = value.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_uppercase()).collect();
    let Some((check, body)) = plain.split_last() else { return false };
    let letters = body.iter().take_while(|c| c.is_ascii_alphabetic()).count();
    if !(1..=2).contains(&letters) || body.len() != letters + 6 || !body[letters..].iter().all(char::is_ascii_digit) {
        return false;
    }
    let value_of = |c: char| if c.is_ascii_digit() { c as u32 - '0' as u32 } else { c as u32 - 'A' as u32 + 10 };
    let mut sum = if letters == 1 { 36 * 9 } else { 0 };
    for (i, c) in body.iter().enumerate() {
        sum += value_of(*c) * (letters as u32 + 7 - i as u32);
    }
    let expected = (11 - sum % 11) % 11;
    value_of(*check) == expected
}

fn is_network_address(value: &str) -> bool {
    let plain = value.split_once('/').map_or(value, |(address, _)| address);
    plain.parse::<std::net::IpAddr>().is_ok()
}

/// A number that is dialled: it says so by `+`, or by how its digits are grouped.
fn is_phone(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')' | '+' | '/');
    let groups = value.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).count();
    let is_date = value.len() == 10 && groups == 3 && digits == 8;
    let is_dialled = value.starts_with('+') || value.starts_with("00") || value.starts_with('(') || (value.starts_with('0') && digits >= 9) || groups >= 2;
    (7..=15).contains(&digits) && value.chars().all(is_part) && is_dialled && !is_date && value.matches('.').count() != 1
}

/// The year that a value begins with, if it is a date, with or without a time.
pub(super) fn year(value: &str) -> Option<i32> {
    let date = value.get(..10)?;
    let rest = value[10..].chars().next();
    date.parse::<jiff::civil::Date>().ok().filter(|_| rest.is_none_or(|c| c == ' ' || c == 'T')).map(|date| i32::from(date.year()))
}

/// Whether a text says something of somebody's health.
pub(super) fn speaks_of_health(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "allerg",
        "asthma",
        "blood pressure",
        "cancer",
        "chemotherapy",
        "chronic",
        "diabet",
        "diagnos",
        "disabled",
        "disability",
        "dementia",
        "depress",
        "dialysis",
        "epilep",
        "fever",
        "fracture",
        "headache",
        "hearing aid",
        "hypertension",
        "infection",
        "insulin",
        "medication",
        "migraine",
        "nausea",
        "pain",
        "pregnan",
        "prescri",
        "psychiatr",
        "step-free",
        "surgery",
        "symptom",
        "syndrome",
        "therapy",
        "tumour",
        "tumor",
        "vaccin",
        "wheelchair",
        "過敏",
        "糖尿",
        "診斷",
        "手術",
    ];
    let lower = value.to_lowercase();
    WORDS.iter().any(|word| lower.match_indices(word).any(|(at, _)| !lower[..at].chars().next_back().is_some_and(char::is_alphanumeric)))
}

/// Whether a text reads as a place where letters go: a number and a word for a street, or a word for a flat.
pub(super) fn reads_as_address(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "street",
        "st",
        "road",
        "rd",
        "avenue",
        "ave",
        "lane",
        "drive",
        "square",
        "terrace",
        "court",
        "crescent",
        "close",
        "way",
        "hill",
        "boulevard",
        "flat",
        "floor",
        "block",
        "apartment",
        "apt",
        "house",
        "building",
        "estate",
        "rue",
        "strasse",
        "straße",
        "weg",
        "platz",
        "calle",
        "avenida",
        "plaza",
        "via",
        "rua",
        "route",
        "quai",
        "街",
        "道",
        "路",
        "室",
        "樓",
    ];
    let lower = value.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_word = |word: &&str| WORDS.contains(word) || word.ends_with("straße") || word.ends_with("strasse") || word.ends_with(['街', '道', '路', '室', '樓']);
    value.chars().any(|c| c.is_ascii_digit()) && words.len() <= 20 && words.iter().any(is_word)
}

/// Words of a text.
pub(super) fn word_count(value: &str) -> usize {
    value.split_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<Kind>) {
        assert_eq!(kind(value), expected, "{value}");
    }

    #[test]
    fn forms_and_check_digits_tell_values_apart() {
        check("A123456(3)", Some(Kind::HongKongIdentity));
        check("A123456(4)", None);
        check("GB82 WEST 1234 5698 7654 32", Some(Kind::Iban));
        check("GB82 WEST 1234 5698 7654 33", None);
        check("943 476 5919", Some(Kind::Phone));
        check("9434765919", Some(Kind::NhsNumber));
        check("9434765918", None);
        check("4111 1111 1111 1111", Some(Kind::CardNumber));
        check("4111111111111112", None);
        check("ada@example.org", Some(Kind::Email));
        check("https://user@example.org", None);
        check("+852 2345 6789", Some(Kind::Phone));
        check("2026-11-28", None);
        check("28/11/2026", None);
        check("1234567", None);
        check("3.14159265", None);
        check("12.50", None);
        check("2001:db8::1", Some(Kind::NetworkAddress));
        check("$2b$12$abcdefghijklmnopqrstuv", Some(Kind::Secret));
    }

    #[test]
    fn an_odd_value_is_nothing() {
        for value in ["", " ", "é", "\u{202e}", "٣٤٥٦٧٨٩", "-", "+", "((((((((", "街1"] {
            assert!(kind(value).is_none() && year(value).is_none(), "{}", value.escape_debug());
        }
        assert_eq!(year("1989-05-08"), Some(1989));
        assert_eq!(year("1989-05-08é"), None);
    }

    #[test]
    fn texts_speak_of_health_by_the_beginnings_of_words() {
        assert!(speaks_of_health("Wears a hearing aid (ref x)") && speaks_of_health("known ALLERGY"));
        assert!(!speaks_of_health("painting class") || speaks_of_health("pain"));
        assert!(!speaks_of_health("repaint the hall"));
    }

    #[test]
    fn an_address_has_a_number_and_a_word_of_streets() {
        assert!(reads_as_address("822 Lantern Hill, W44") && reads_as_address("彌敦道100號5樓") && reads_as_address("Hauptstraße 5"));
        assert!(!reads_as_address("The way home") && !reads_as_address("2026-11-28"));
    }
}
