//! The words of the letters, in each language. No sentence here hedges: the tier has chosen it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use strandline_model::exposure::{Basis, Certainty};
use strandline_model::time::Instant;

/// A language that letters are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Traditional Chinese.
    TraditionalChinese,
}

/// Categories that have a name of their own: id, English, Traditional Chinese.
const CATEGORIES: &[(&str, &str, &str)] = &[
    ("name", "Name", "姓名"),
    ("gender", "Gender", "性別"),
    ("date_of_birth", "Date of birth", "出生日期"),
    ("identity_document", "Identity document number", "身份證明文件號碼"),
    ("email", "E-mail address", "電郵地址"),
    ("phone", "Telephone number", "電話號碼"),
    ("address", "Address", "地址"),
    ("postal_address", "Address", "地址"),
    ("employment", "Employment", "職務資料"),
    ("employment_history", "Employment history", "任職紀錄"),
    ("academic_qualification", "Qualifications", "學歷"),
    ("financial", "Bank and pay details", "銀行及薪酬資料"),
    ("health", "Health records", "健康紀錄"),
    ("credentials", "Sign-in details", "登入資料"),
    ("family", "Family", "家庭資料"),
    ("location", "Location", "位置資料"),
    ("photo", "Photograph", "照片"),
    ("criminal_record", "Criminal record", "刑事紀錄"),
];

impl Language {
    /// The language for a register's tag; English where it is none of ours.
    pub fn of(tag: Option<&str>) -> Self {
        match tag.map(str::to_ascii_lowercase).as_deref() {
            Some("zh-hant" | "zh-hk" | "zh-tw" | "zh-mo" | "zh" | "yue" | "chi" | "zho") => Self::TraditionalChinese,
            _ => Self::English,
        }
    }

    /// Its BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::TraditionalChinese => "zh-Hant",
        }
    }

    fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::TraditionalChinese => chinese,
        }
    }

    pub(crate) fn template(self) -> &'static str {
        self.pick(include_str!("../../../letters/default/en/body.txt"), include_str!("../../../letters/default/zh-Hant/body.txt"))
    }

    pub(crate) fn comma(self) -> &'static str {
        self.pick(", ", "，")
    }

    pub(crate) fn subject(self, highest: Certainty) -> &'static str {
        match highest {
            Certainty::Confirmed => self.pick("An intruder saw data about you", "入侵者看過你的資料"),
            Certainty::Likely => self.pick("Treat data about you as seen by an intruder", "請把你的資料視作已被入侵者看過"),
            Certainty::Possible => self.pick("An intruder was near data about you", "入侵者曾接近你的資料"),
        }
    }

    pub(crate) fn opening(self, highest: Certainty) -> &'static str {
        match highest {
            Certainty::Confirmed => self.pick("They saw data about you. Our records prove it.", "他們看過你的資料。我們的紀錄可以證明。"),
            Certainty::Likely => self.pick(
                "They asked our systems for data about you. One proof of what they received is missing. Treat it as seen.",
                "他們向系統索取過你的資料。尚欠一項證明。請視作已被看過。",
            ),
            Certainty::Possible => self.pick(
                "Part of our records is missing. They were able to reach data about you in that time. We do not know if they did.",
                "我們部分紀錄缺失。當時他們能夠接觸你的資料。我們不知道他們有否這樣做。",
            ),
        }
    }

    pub(crate) fn row(self, label: &str, certainty: Certainty, basis: Basis, seen: &str) -> String {
        match (self, certainty, basis) {
            (Self::English, Certainty::Possible, _) => format!("- {label}: within reach {seen}. Our records do not show if they looked. Treat it as seen."),
            (Self::English, _, Basis::Inferred) => format!("- {label}: can be worked out. They searched by it {seen}, and you were among the answers."),
            (Self::English, Certainty::Confirmed, _) => format!("- {label}: seen {seen}."),
            (Self::English, Certainty::Likely, _) => format!("- {label}: asked for {seen}. The proof of delivery is missing. Treat it as seen."),
            (Self::TraditionalChinese, Certainty::Possible, _) => format!("・{label}：{seen}可被接觸。紀錄未能顯示他們有否查看。請視作已被看過。"),
            (Self::TraditionalChinese, _, Basis::Inferred) => format!("・{label}：可被推斷。他們{seen}以此搜尋，結果包括你。"),
            (Self::TraditionalChinese, Certainty::Confirmed, _) => format!("・{label}：{seen}被看過。"),
            (Self::TraditionalChinese, Certainty::Likely, _) => format!("・{label}：{seen}被索取。尚欠送達證明。請視作已被看過。"),
        }
    }

    pub(crate) fn untouched(self, label: &str) -> String {
        match self {
            Self::English => format!("- {label}: not touched."),
            Self::TraditionalChinese => format!("・{label}：未被接觸。"),
        }
    }

    pub(crate) fn category(self, id: &str) -> String {
        if let Some((_, english, chinese)) = CATEGORIES.iter().find(|(known, _, _)| *known == id) {
            return self.pick(english, chinese).to_owned();
        }
        let mut words = id.replace(['_', '-'], " ");
        if let Some(first) = words.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        words
    }

    pub(crate) fn action_calls(self) -> &'static str {
        self.pick(
            "Be wary of calls and messages that know things about you. Hang up and use the number below. (1 minute)",
            "慎防知道你個人資料的來電和訊息。掛線後致電下列號碼。（1分鐘）",
        )
    }

    pub(crate) fn action_email(self) -> &'static str {
        self.pick("Turn on two-step sign-in for your e-mail. (5 minutes)", "為你的電郵啟用兩步驗證。（5分鐘）")
    }

    pub(crate) fn action_bank(self) -> &'static str {
        self.pick("Tell your bank that your account number is known. (10 minutes)", "通知銀行你的帳號已外洩。（10分鐘）")
    }

    pub(crate) fn action_identity(self) -> &'static str {
        self.pick("Look at your credit report for accounts that are not yours. (15 minutes)", "查閱信貸報告，留意不屬於你的帳戶。（15分鐘）")
    }

    pub(crate) fn action_safety(self) -> &'static str {
        self.pick("If you fear for your safety, call the safety contact below now. (5 minutes)", "如擔心人身安全，請立即致電下列安全聯絡人。（5分鐘）")
    }

    pub(crate) fn questions(self) -> &'static str {
        self.pick("Questions: ", "查詢：")
    }

    pub(crate) fn safety(self) -> &'static str {
        self.pick("Your safety: ", "人身安全：")
    }

    pub(crate) fn date(self, at: Instant, zone: &TimeZone) -> String {
        self.format(at, zone, self.pick("%-d %B %Y", "%Y年%-m月%-d日"))
    }

    pub(crate) fn moment(self, at: Instant, zone: &TimeZone) -> String {
        self.format(at, zone, self.pick("%-d %B %Y, %H:%M", "%Y年%-m月%-d日%H時%M分"))
    }

    /// `on 24 November 2026 at 04:44`, or from one to another.
    pub(crate) fn span(self, first: Instant, last: Instant, zone: &TimeZone) -> String {
        let (from, to) = (self.moment(first, zone), self.moment(last, zone));
        match (self, from == to) {
            (Self::English, true) => format!("on {}", from.replace(", ", " at ")),
            (Self::English, false) => format!("between {} and {}", from.replace(", ", " at "), to.replace(", ", " at ")),
            (Self::TraditionalChinese, true) => format!("於{from}"),
            (Self::TraditionalChinese, false) => format!("於{from}至{to}期間"),
        }
    }

    fn format(self, at: Instant, zone: &TimeZone, pattern: &str) -> String {
        match Timestamp::from_microsecond(at.micros()) {
            Ok(timestamp) => zone.to_datetime(timestamp).strftime(pattern).to_string(),
            Err(_) => at.to_string(),
        }
    }
}
