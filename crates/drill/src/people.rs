//! Synthetic people: names in English and Chinese, identity cards that no office ever issued, addresses that do not
//! exist. Everything here is invented; no list of real persons was used.

use crate::clock::days;
use crate::dice::Dice;

/// Surnames: romanised and in Chinese, the frequent ones more than once.
pub(crate) const SURNAMES: &[(&str, &str)] = &[
    ("CHAN", "陳"),
    ("CHAN", "陳"),
    ("CHAN", "陳"),
    ("LEUNG", "梁"),
    ("LEUNG", "梁"),
    ("CHEUNG", "張"),
    ("CHEUNG", "張"),
    ("LAU", "劉"),
    ("LAU", "劉"),
    ("WONG", "黃"),
    ("WONG", "黃"),
    ("WONG", "王"),
    ("LI", "李"),
    ("LI", "李"),
    ("LEE", "李"),
    ("NG", "吳"),
    ("NG", "伍"),
    ("CHENG", "鄭"),
    ("YEUNG", "楊"),
    ("LAM", "林"),
    ("LAM", "林"),
    ("HO", "何"),
    ("TANG", "鄧"),
    ("KWOK", "郭"),
    ("TSUI", "徐"),
    ("CHU", "朱"),
    ("FUNG", "馮"),
    ("YUEN", "袁"),
    ("POON", "潘"),
    ("LUK", "陸"),
    ("SHUM", "岑"),
    ("MOK", "莫"),
    ("KOO", "古"),
    ("AU-YEUNG", "歐陽"),
    ("SZETO", "司徒"),
    ("O'NEILL", "安尼爾"),
    ("D'SOUZA", "蘇沙"),
];

const GIVEN: &[(&str, &str)] = &[
    ("ka", "嘉"),
    ("ka", "家"),
    ("wai", "偉"),
    ("wai", "慧"),
    ("siu", "小"),
    ("siu", "兆"),
    ("ming", "明"),
    ("ming", "銘"),
    ("yee", "怡"),
    ("yee", "儀"),
    ("hoi", "海"),
    ("hoi", "凱"),
    ("lok", "樂"),
    ("tsz", "子"),
    ("tsz", "芷"),
    ("yan", "欣"),
    ("yan", "恩"),
    ("kin", "健"),
    ("kin", "建"),
    ("shing", "誠"),
    ("shing", "勝"),
    ("mei", "美"),
    ("ling", "玲"),
    ("ling", "靈"),
    ("pui", "佩"),
    ("pui", "培"),
    ("chun", "俊"),
    ("chun", "駿"),
    ("hei", "熙"),
    ("hei", "晞"),
    ("fung", "鋒"),
    ("fung", "鳳"),
    ("kit", "傑"),
    ("kit", "潔"),
    ("lai", "麗"),
    ("lai", "禮"),
    ("ho", "浩"),
    ("man", "文"),
    ("man", "敏"),
    ("on", "安"),
];

/// The piers, yards and offices where the authority's people work.
pub(crate) const PIERS: &[&str] = &[
    "Central Pier 5",
    "Central Pier 6",
    "Mui Wo Pier",
    "Cheung Chau Pier",
    "Peng Chau Pier",
    "Yung Shue Wan Pier",
    "Sok Kwu Wan Pier",
    "Tai O Landing",
    "North Point Pier",
    "Hung Hom Pier",
    "Kwun Tong Pier",
    "Discovery Bay Relief",
    "Tsing Yi Yard",
    "Stonecutters Dock",
    "Vessel Traffic Room",
    "Ticketing Office",
    "Catering and Stores",
    "Head Office",
    "Training School",
    "Fuel Wharf",
    "Night Ferry Depot",
    "Engineers' Workshop",
];

/// Grades, lowest first.
pub(crate) const GRADES: &[&str] = &[
    "Deckhand",
    "Senior Deckhand",
    "Ticket Clerk",
    "Stores Clerk",
    "Engine Rating",
    "Engineer Officer",
    "Mate",
    "Coxswain",
    "Master",
    "Pier Supervisor",
    "Marine Superintendent",
    "Director",
];

/// Certificates: title and issuer.
pub(crate) const TITLES: &[&str] = &[
    "Local Master Grade 1",
    "Local Master Grade 2",
    "Engine Operator 1",
    "Engine Operator 2",
    "First Aid",
    "Radio Operator",
    "Fire Fighting",
    "Crowd Management",
    "BEng",
    "MBA",
];
pub(crate) const ISSUERS: &[&str] = &["Marine Office", "Island Sea School", "Harbour Polytechnic", "City Technical College", "Southern University"];

const RELATIONS: &[&str] = &["spouse", "parent", "sibling", "child", "friend"];

/// One employee, as the drill's own tables hold them.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) emp_id: String,
    pub(crate) full_name: String,
    pub(crate) chinese_name: String,
    pub(crate) sex: char,
    pub(crate) birth_day: i64,
    pub(crate) id_card: String,
    pub(crate) mail: String,
    pub(crate) mobile: String,
    pub(crate) grade: usize,
    pub(crate) pier: usize,
    pub(crate) hired_day: i64,
    pub(crate) left_day: Option<i64>,
    pub(crate) bank_no: String,
    pub(crate) pay_point: i64,
    pub(crate) postal_address: String,
    pub(crate) language: &'static str,
}

/// A next of kin.
#[derive(Clone, Debug)]
pub(crate) struct Kin {
    pub(crate) name: String,
    pub(crate) relation: &'static str,
    pub(crate) phone: String,
}

/// A name: English (`CHAN Ka ming`), Chinese, and the part of a login that it gives.
pub(crate) fn name(dice: &mut Dice) -> (String, String, String) {
    let (surname, zh) = dice.pick(SURNAMES);
    let (one, one_zh) = dice.pick(GIVEN);
    let (two, two_zh) = dice.pick(GIVEN);
    let capital: String = one.chars().take(1).flat_map(char::to_uppercase).chain(one.chars().skip(1)).collect();
    let plain: String = surname.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    (format!("{surname} {capital} {two}"), format!("{zh}{one_zh}{two_zh}"), format!("{one}{two}.{plain}"))
}

/// A mobile number from the block that Hong Kong keeps free (`+852 4…` is not assigned to mobiles).
pub(crate) fn phone(dice: &mut Dice) -> String {
    format!("+852 4{:03} {:04}", dice.below(1000), dice.below(10_000))
}

/// The `serial`-th person, whose number is `number`.
pub(crate) fn person(dice: &mut Dice, number: u32, serial: u32, today: i64) -> Person {
    let (full_name, chinese_name, login) = name(dice);
    let birth_day = days(1962, 1, 1) + dice.between(0, 42 * 365);
    let hired_day = (birth_day + 19 * 365 + dice.between(0, 20 * 365)).min(today - dice.between(40, 4000));
    let left_day = dice.chance(9).then(|| (hired_day + dice.between(200, 5000)).min(today - 20));
    let ladder = dice.below(GRADES.len() * 3);
    Person {
        emp_id: format!("E{number:06}"),
        full_name,
        chinese_name,
        sex: if dice.chance(31) { 'F' } else { 'M' },
        birth_day,
        id_card: id_card(dice),
        mail: format!("{login}{serial}@oifa.example.hk"),
        mobile: phone(dice),
        // Most people work in the lower grades.
        grade: if ladder < GRADES.len() { ladder } else { ladder % 5 },
        pier: dice.below(PIERS.len()),
        hired_day,
        left_day,
        bank_no: format!("{:03}-{:09}", 900 + dice.below(90), dice.below(1_000_000_000)),
        pay_point: dice.between(4, 49),
        postal_address: format!("Room {}, {}/F, {} Invented Street, Hong Kong", dice.below(24) + 1, dice.below(38) + 1, dice.below(400) + 1),
        language: if dice.chance(18) { "en" } else { "zh-Hant" },
    }
}

fn id_card(dice: &mut Dice) -> String {
    let letter = char::from(b'A' + dice.below(26) as u8);
    let check = char::from(*dice.pick(b"0123456789A"));
    format!("{letter}{:06}({check})", dice.below(1_000_000))
}

/// A next of kin; the name is nobody's on the staff by design, only by chance.
pub(crate) fn kin(dice: &mut Dice) -> Kin {
    let (english, _, _) = name(dice);
    Kin { name: english, relation: dice.pick::<&str>(RELATIONS), phone: phone(dice) }
}
