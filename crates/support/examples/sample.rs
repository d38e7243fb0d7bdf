//! Serves the page of one made-up person, for whoever looks at the pages and for `checks/pages.sh`. Prints the address and the code.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use jiff::civil::date;
use strandline_model::code::SupportCode;
use strandline_model::document::{Block, Field};
use strandline_model::personal::Personal;
use strandline_model::time::Instant;
use strandline_support::{Answer, Card, CardLetter, Contact, Kind, Limits, MessageId, Parameters, Promise, Round, SecretKey, Settings, Spool, Terms, serve};

/// A letter in one language: heading and paragraph pairs, the table, the actions.
fn letter(language: &str, title: &str, parts: [&str; 6], table: [[&str; 3]; 4], actions: [&str; 3]) -> CardLetter {
    let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    let [happened, account, yours, lead, now, contact] = parts.map(str::to_owned);
    CardLetter {
        language: language.to_owned(),
        title: title.to_owned(),
        head: vec![Field { label: if language == "en" { "Reference" } else { "檔號" }.to_owned(), value: "481-273".to_owned(), note: None }],
        blocks: vec![
            Block::Heading { level: 1, text: happened },
            Block::paragraph(account),
            Block::Heading { level: 1, text: yours },
            Block::paragraph(lead),
            Block::Table { columns: row(table[0]), rows: table[1..].iter().map(|cells| row(*cells)).collect() },
            Block::Heading { level: 1, text: now },
            Block::Numbered { items: actions.map(str::to_owned).to_vec() },
            Block::paragraph(contact),
        ],
    }
}

fn letters() -> Vec<CardLetter> {
    let english = letter(
        "en",
        "Your data was seen in a break-in",
        [
            "What happened",
            "Somebody broke into our systems between 2 and 4 February 2026. They opened records about you. We are sorry.",
            "Your data",
            "This is what they reached, and how we know.",
            "What to do now",
            "Safety contact: Chief Officer (Staff Safety), +852 5550 1999, day and night",
        ],
        [
            ["Data", "State", "Why"],
            ["Home address", "Seen", "They opened it on 3 February at 03:12."],
            ["Telephone", "Treat as seen", "They asked for it on 3 February. One proof that it arrived is missing."],
            ["Pay", "Not reached", "Our logs cover the whole time, and nothing shows it."],
        ],
        [
            "If you fear for your safety, call the safety contact below. (5 minutes)",
            "Be wary of people who know things about you. Hang up and call the number below. (1 minute)",
            "Turn on two-step sign-in for your e-mail and your accounts. (5 minutes)",
        ],
    );
    let chinese = letter(
        "zh-Hant",
        "你的資料在入侵事件中被看到",
        [
            "發生了甚麼事",
            "有人在二○二六年二月二日至四日入侵我們的系統，打開了關於你的紀錄。我們深感抱歉。",
            "你的資料",
            "以下是他們取得的資料，以及我們怎樣知道。",
            "現在可以做的事",
            "安全聯絡：總主任（職員安全），+852 5550 1999，日夜接聽",
        ],
        [
            ["資料", "狀況", "原因"],
            ["住址", "被看到", "他們在二月三日三時十二分打開。"],
            ["電話", "請當作被看到", "他們在二月三日讀取，欠缺一項送達的證據。"],
            ["薪酬", "沒有觸及", "我們的紀錄覆蓋整段時間，沒有顯示。"],
        ],
        [
            "如果你擔心自己的安全，請致電下面的安全聯絡。（5 分鐘）",
            "提防知道你事情的人。掛線，再打下面的號碼。（1 分鐘）",
            "為電郵和帳戶開啟兩步驗證。（5 分鐘）",
        ],
    );
    vec![english, chinese]
}

fn card() -> Card {
    Card {
        language: "en".to_owned(),
        letter_id: "0123456789abcdef".to_owned(),
        letters: letters(),
        rounds: vec![
            Round {
                number: 1,
                is_refused: false,
                sent: Some(date(2026, 2, 6)),
                language: "en".to_owned(),
                title: "Your data was seen in a break-in".to_owned(),
                promise: Promise::By(date(2026, 2, 20)),
                text: Some(Personal::new("Dear reader,\n\nSomebody broke into our systems.\n\n- Home address: Seen.\n- Telephone: Treat as seen.".to_owned())),
            },
            Round {
                number: 2,
                is_refused: false,
                sent: Some(date(2026, 2, 19)),
                language: "en".to_owned(),
                title: "What is new about your data".to_owned(),
                promise: Promise::By(date(2026, 3, 5)),
                text: None,
            },
        ],
        answers: vec![Answer {
            message: MessageId::new([1; 16]),
            kind: Kind::Question,
            day: date(2026, 2, 21),
            text: Personal::new("Thank you for writing.\nYour bank details were not reached.".to_owned()),
        }],
        handled: Vec::new(),
        is_cut: false,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bundle: PathBuf = std::env::args_os().nth(1).ok_or("name a folder for the bundle")?.into();
    let texts = |en: &str, zh: &str| BTreeMap::from([("en".to_owned(), en.to_owned()), ("zh-Hant".to_owned(), zh.to_owned())]);
    let contact = |en: &str, zh: &str, phone: &str| Contact {
        name: texts(en, zh),
        phone: Some(phone.to_owned()),
        email: None,
        hours: texts("Monday to Friday, 9:00 to 18:00", "星期一至五，九時至六時"),
    };
    let terms = Terms {
        salt: [7; 16],
        parameters: Parameters::USUAL,
        recipient: SecretKey::generate().recipient(),
        decoys: [8; 32],
        organisation: texts("Harbour Correctional Services", "海港懲教署"),
        domain: Some("harbour-correctional.example".to_owned()),
        reference: "481-273".to_owned(),
        contact: Some(contact("Personal Data Privacy Office", "個人資料私隱辦公室", "+852 5550 1000")),
        safety: Some(contact("Chief Officer (Staff Safety)", "總主任（職員安全）", "+852 5550 1999")),
        time_zone: "Asia/Hong_Kong".to_owned(),
        now: Instant(1_771_000_000_000_000),
    };
    let code = SupportCode::from_bits([0x3d, 0x91, 0x07, 0xe2, 0x5c, 0xb8, 0x44, 0xaf, 0x16, 0x70]);
    let mut spool = Spool::new(std::fs::File::options().read(true).write(true).create(true).truncate(true).open(bundle.with_extension("spool"))?);
    spool.add(code.clone(), &card())?;
    spool.publish(&bundle, &terms, 2, &mut |_, _| {})?.commit(strandline_support::Before::Kept)?;
    let settings = Settings { bundle, listen: "127.0.0.1:0".parse()?, identity: None, behind_proxy: None, limits: Limits::default(), warn: |_| {} };
    serve(&settings, |address| {
        let mut out = std::io::stdout().lock();
        // Whoever started this reads one line; nothing is lost if nobody does.
        let _ = writeln!(out, "http://{address} {}", code.grouped());
        let _ = out.flush();
    })?;
    Ok(())
}
