//! The oddities of a register, as data: what stands in its cells, what becomes of the letter by itself, and what lets a held one go.
//! `{n}` stands for the person's number, so that no two share a mailbox by chance.

/// What becomes of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes by e-mail to this address, as the mail server hears it.
    Mail(&'static str),
    /// It goes on paper, and never by e-mail.
    Paper,
    /// It waits for a person; the reason holds these words.
    Held(&'static str),
    /// Somebody told the person, as was recorded.
    ByHand,
    /// Nobody is to be written to, as was decided.
    Nobody,
}

/// What a person decides on a held letter, and what it comes to.
pub type Way = (&'static [&'static str], Fate);

/// Rows of one kind.
pub struct Kind {
    /// How many.
    pub rows: usize,
    /// Columns and what stands there: the first row has the first value, and so on in turn.
    pub cells: &'static [(&'static str, &'static [&'static str])],
    /// What becomes of the letter by itself.
    pub fate: Fate,
    /// Ways out for those that are held: the first row takes the first, and so on in turn.
    pub ways: &'static [Way],
}

const fn kind(rows: usize, cells: &'static [(&'static str, &'static [&'static str])], fate: Fate) -> Kind {
    Kind { rows, cells, fate, ways: &[] }
}

const fn held(rows: usize, cells: &'static [(&'static str, &'static [&'static str])], why: &'static str, ways: &'static [Way]) -> Kind {
    Kind { rows, cells, fate: Fate::Held(why), ways }
}

const KIN: &[Way] = &[
    (&["readdress", "--as", "next-of-kin", "--name", "Kin Of {n}", "--email", "kin{n}@people.example"], Fate::Mail("kin{n}@people.example")),
    (&["readdress", "--as", "executor", "--name", "Executor Of {n}", "--address-line", "{n} New Street", "--address-line", "Hong Kong"], Fate::Paper),
    (&["release"], Fate::Paper),
    (&["release", "--to", "nobody"], Fate::Nobody),
    (&["done-by-hand", "--at", "2026-02-03T08:15"], Fate::ByHand),
];
const PARENT: &[Way] = &[
    (&["release"], Fate::Paper),
    (&["readdress", "--as", "guardian", "--name", "Parent Of {n}", "--email", "parent{n}@people.example"], Fate::Mail("parent{n}@people.example")),
];
const PLACE: &[Way] = &[
    (&["readdress", "--address-line", "{n} Found Road", "--address-line", "Hong Kong"], Fate::Paper),
    (&["readdress", "--email", "found{n}@people.example"], Fate::Mail("found{n}@people.example")),
    (&["done-by-hand", "--at", "2026-02-03T08:15"], Fate::ByHand),
];
const NAME: &[Way] = &[
    (&["readdress", "--name", "Right Name {n}"], Fate::Mail("p{n}@people.example")),
    (&["release"], Fate::Mail("p{n}@people.example")),
    (&["release", "--to", "nobody"], Fate::Nobody),
];
const ADDRESS: &[Way] =
    &[(&["readdress", "--address-line", "{n} Right Road"], Fate::Mail("p{n}@people.example")), (&["release"], Fate::Mail("p{n}@people.example"))];
const WORD: &[Way] = &[(&["release"], Fate::Mail("p{n}@people.example")), (&["done-by-hand", "--at", "2026-02-03T08:15"], Fate::ByHand)];
/// Nobody knows which of two lines is right: releasing alone would choose one.
const STRANGER: &[Way] = &[
    (&["readdress", "--name", "Found Person {n}", "--address-line", "{n} Found Road"], Fate::Paper),
    (&["readdress", "--name", "Found Person {n}", "--email", "found{n}@people.example"], Fate::Mail("found{n}@people.example")),
    (&["release", "--to", "nobody"], Fate::Nobody),
];

const OWN: Fate = Fate::Mail("p{n}@people.example");
const NO_WAY: &str = "no usable e-mail or postal address";
const NO_NAME: &str = "has no name";
const NOT_SHOWN: &str = "a name that cannot be shown";
const MAIL: (&str, &[&str]) = ("mail", &["p{n}@people.example"]);
const LINES: &str = "1 Road\n2 Road\n3 Road\n4 Road\n5 Road\n6 Road\n7 Road\n8 Road";
const LONG: &str = "Maximilian Maximilian Maximilian Maximilian Maximilian Maximilian Maximilian Maximilian Maximilian Maximilian Maximilian Maximilian";

/// Two hundred rows.
pub const KINDS: &[Kind] = &[
    // Odd, and right all the same.
    kind(1, &[("mail", &["p{n}@bücher.example"])], Fate::Mail("p{n}@xn--bcher-kva.example")),
    kind(1, &[("mail", &["陳{n}@例子.example"])], Fate::Mail("陳{n}@xn--fsqu00a.example")),
    kind(1, &[("mail", &["ΟΔΟΣ{n}@people.example"])], Fate::Mail("ΟΔΟΣ{n}@people.example")),
    kind(1, &[("mail", &[" p{n}@people.example "])], OWN),
    kind(2, &[("mail", &["O'Neil+{n}@People.Example"])], Fate::Mail("O'Neil+{n}@people.example")),
    kind(2, &[("mail", &["couple@people.example"])], Fate::Mail("couple@people.example")),
    kind(
        8,
        &[
            MAIL,
            (
                "name",
                &[
                    "CHAN, \"Ming\" Siu",
                    "<b>CHAN</b> & Co",
                    "#eval(\"x\") *b* $x$",
                    "{code} {name}",
                    "May Possible",
                    "=HYPERLINK(\"x\")",
                    "𠮷田𨋢 {n}",
                    "Null Ann",
                ],
            ),
            ("chinese_name", &[""]),
        ],
        OWN,
    ),
    kind(6, &[MAIL, ("language", &["", "tlh", "英文", "EN_GB", "zh-CN", "TC"])], OWN),
    kind(2, &[MAIL, ("name", &["Same Name"]), ("address", &["Flat 1, 1 Same Road, Hong Kong"])], OWN),
    kind(3, &[MAIL, ("status", &["retired_on_pension", "Resigned", "離職"])], OWN),
    kind(2, &[MAIL, ("law", &["us-hipaa"]), ("agreed", &["yes", "Y"])], OWN),
    kind(3, &[MAIL, ("address", &["", "ADDRESS UNKNOWN", "-"])], OWN),
    // No mailbox, or not the person's: paper.
    kind(40, &[("mail", &["ward7@people.example", "Ward7@People.example"])], Fate::Paper),
    kind(
        10,
        &[(
            "mail",
            &["-", "N/A", "NULL", "noemail@people.example", "no-reply{n}@people.example", "p{n}@noemail.example", "none", "xxxx", "p{n}@host.invalid", "不詳"],
        )],
        Fate::Paper,
    ),
    kind(
        5,
        &[("mail", &["info@people.example", "HR@people.example", "admin2@people.example", "staff@people.example", "front-desk@people.example"])],
        Fate::Paper,
    ),
    kind(
        5,
        &[(
            "mail",
            &[
                "p{n}@people.example; q{n}@people.example",
                "p{n}@people.example / q{n}@people.example",
                "p{n}@people.example\nBcc: q{n}@people.example",
                "p..{n}@people.example",
                ".p{n}@people.example",
            ],
        )],
        Fate::Paper,
    ),
    kind(
        11,
        &[(
            "mail",
            &[
                "p{n} at people.example",
                "p{n}@people",
                "p{n}@people,example",
                "mailto:p{n}@people.example",
                "P <p{n}@people.example>",
                "p{n}＠people.example",
                "p{n}\u{200b}@people.example",
                "p{n}@10.0.0.1",
                "p{n}@[10.0.0.1]",
                "p{n}@people.example.",
                "p{n}@people.example (old)",
            ],
        )],
        Fate::Paper,
    ),
    kind(2, &[("mail", &["p{n}@oifa.example.hk"]), ("status", &["departed", "retired_on_pension"])], Fate::Paper),
    kind(3, &[MAIL, ("law", &["us-hipaa"]), ("agreed", &["", "no", "?"])], Fate::Paper),
    // Somebody must decide.
    held(10, &[MAIL, ("status", &["deceased", "已故", " Died ", "DEAD", "身故"])], "has died", KIN),
    held(4, &[MAIL, ("status", &["minor", "未成年"])], "is a child", PARENT),
    held(6, &[MAIL, ("status", &["inmate", "on the moon", "?"])], "a status that is not known", WORD),
    held(
        9,
        &[
            ("mail", &["", "N/A", "noemail@people.example"]),
            (
                "address",
                &["", "ADDRESS UNKNOWN, HONG KONG", "same as above", "(Gone away), 5 Some Road", "無固定地址", "c/o", "zh-Hant", "+852 4387 2446", "0"],
            ),
        ],
        NO_WAY,
        PLACE,
    ),
    held(3, &[("mail", &["ward7@people.example"]), ("address", &[""])], NO_WAY, PLACE),
    held(
        12,
        &[
            MAIL,
            ("name", &["", "NULL", "-", "N/A", "NULL NULL", "Mr Unknown", "0", "#REF!", "p{n}@people.example", "TBC", "\u{3000}", "無"]),
            ("chinese_name", &[""]),
        ],
        NO_NAME,
        NAME,
    ),
    held(
        6,
        &[
            MAIL,
            ("name", &["\u{202e}NAHC {n}", "CHAN\nBcc: q{n}@people.example", "CHAN\u{200b}{n}", LONG, "A\u{301}\u{301}\u{301}\u{301}\u{301}", "CHAN\u{0}"]),
            ("chinese_name", &[""]),
        ],
        NOT_SHOWN,
        NAME,
    ),
    held(4, &[MAIL, ("address", &[LINES, "1 Road\u{202e}", "1\u{0} Road", "1 Road\u{e0001}"])], "a postal address that cannot be shown", ADDRESS),
    // The line itself is broken.
    held(6, &[("line", &["gone", "no key"])], "is not in the register", STRANGER),
    held(6, &[MAIL, ("line", &["twice"])], "stands twice in the register", STRANGER),
    kind(3, &[MAIL, ("line", &["the same twice"])], OWN),
    held(6, &[MAIL, ("line", &["unquoted"])], "a line with more fields than the register has columns", STRANGER),
    kind(3, &[MAIL, ("line", &["key in blanks"])], OWN),
    // To fill the two hundred: people like any other, among whom the rest must be found.
    kind(14, &[MAIL], OWN),
];
