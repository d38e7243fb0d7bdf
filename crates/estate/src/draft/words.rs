//! What names of tables and columns mean: words of identifiers, never parts of words, in the languages that schemas are written in most.

use strandline_model::sketch::TableSketch;

/// The words of an identifier: `birthDate`, `birth_date` and `BIRTH-DATE` are the same two.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    let mut begins = true;
    for letter in name.chars() {
        if !letter.is_alphanumeric() {
            begins = true;
        } else {
            if begins || (letter.is_uppercase() && before.is_lowercase()) {
                words.push(String::new());
            }
            begins = false;
            if let Some(word) = words.last_mut() {
                word.extend(letter.to_lowercase());
            }
        }
        before = letter;
    }
    words
}

/// A word without the ending of its plural.
pub(super) fn singular(word: &str) -> String {
    match word {
        "people" | "persons" => "person".to_owned(),
        "children" => "child".to_owned(),
        _ if word.len() > 4 && word.ends_with("ies") => format!("{}y", &word[..word.len() - 3]),
        _ if word.len() > 4 && (word.ends_with("sses") || word.ends_with("xes") || word.ends_with("ches")) => word[..word.len() - 2].to_owned(),
        _ if word.len() > 3 && word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") && !word.ends_with("is") => {
            word[..word.len() - 1].to_owned()
        }
        _ => word.to_owned(),
    }
}

/// A phrase of words: `first name` fits `first_name`, `diagnos~` any word that begins so.
fn fits(words: &[String], phrase: &str) -> bool {
    let parts: Vec<&str> = phrase.split(' ').collect();
    let is_word = |(word, part): (&String, &&str)| match part.strip_suffix('~') {
        Some(stem) => word.starts_with(stem),
        None => word == part || singular(word) == *part,
    };
    words.windows(parts.len()).any(|window| window.iter().zip(&parts).all(is_word))
}

fn first_that_fits<'a>(words: &[String], table: &[(&[&str], &'a str)]) -> Option<&'a str> {
    table.iter().find(|(phrases, _)| phrases.iter().any(|phrase| fits(words, phrase))).map(|(_, category)| *category)
}

/// Phrases of column names -> category. The more telling ones come first.
const OF_COLUMNS: &[(&[&str], &str)] = &[
    (&["password", "passwd", "pwd", "passphrase", "secret", "api key", "token", "otp", "tfa~", "totp", "pin code", "contraseña", "passwort"], "credentials"),
    (
        &[
            "hkid",
            "passport~",
            "national id",
            "nat id",
            "id card",
            "identity card",
            "identity no",
            "identity number",
            "identity document",
            "id number",
            "id no",
            "ssn",
            "sin",
            "nric",
            "nino",
            "nhs no",
            "nhs number",
            "nhs",
            "dni",
            "nie",
            "nif",
            "cpf",
            "bsn",
            "pesel",
            "aadhaar",
            "ssnid",
            "identification id",
            "driving licence",
            "driver license",
            "licence no",
            "licence number",
            "license number",
            "mrn",
            "social security",
            "identidad",
            "ausweis~",
        ],
        "identity_document",
    ),
    (
        &[
            "dob",
            "birth",
            "birthday",
            "birthdate",
            "birth date",
            "date of birth",
            "born",
            "nacimiento",
            "naissance",
            "geburtsdatum",
            "geboren",
            "nascita",
            "nascimento",
        ],
        "date_of_birth",
    ),
    (&["next of kin", "kin"], "next_of_kin"),
    (&["emergency contact", "emergency phone", "emergency name"], "emergency_contact"),
    (&["email", "e mail", "mail", "correo", "courriel"], "email"),
    (
        &[
            "phone~",
            "mobile",
            "telephone~",
            "tel",
            "fax",
            "cell phone",
            "cell no",
            "cell number",
            "cellphone",
            "whatsapp",
            "telefono",
            "teléfono",
            "telefon",
            "móvil",
            "movil",
            "msisdn",
        ],
        "phone",
    ),
    (&["ip", "ip address", "ipaddr", "ip addr", "remote addr", "last ip", "client ip"], "ip_address"),
    (
        &[
            "address~",
            "addr",
            "addr1",
            "addr2",
            "street~",
            "postcode",
            "postal code",
            "post code",
            "postal",
            "zip",
            "zipcode",
            "zip code",
            "city",
            "town",
            "suburb",
            "county",
            "district",
            "house number",
            "adresse",
            "anschrift",
            "strasse",
            "straße",
            "plz",
            "ort",
            "calle",
            "ciudad",
            "direccion",
            "dirección",
            "rue",
            "ville",
            "indirizzo",
        ],
        "address",
    ),
    (&["gender", "sex", "sexo", "geschlecht", "genre"], "gender"),
    (&["salary", "wage~", "pay rate", "gross pay", "net pay", "remuneration"], "financial"),
    (
        &[
            "iban",
            "bic",
            "swift",
            "bank~",
            "sort code",
            "account no",
            "account number",
            "acc number",
            "card number",
            "card no",
            "card holder",
            "credit card",
            "cc number",
            "tax id",
            "vat",
            "tax no",
            "balance",
            "credit limit",
            "income",
        ],
        "financial",
    ),
    (
        &[
            "blood~",
            "diagnos~",
            "allerg~",
            "symptom~",
            "disease~",
            "disorder",
            "disabilit~",
            "complaint",
            "prognosis",
            "treatment",
            "bmi",
            "systolic",
            "diastolic",
        ],
        "health",
    ),
    (&["medication~", "medicament~", "drug", "dose", "dosage", "prescri~"], "medication"),
    (&["vaccin~", "immunis~", "immuniz~"], "vaccination"),
    (&["religion", "faith", "belief"], "religion"),
    (&["ethnic~", "race"], "ethnicity"),
    (&["nationality", "citizenship"], "nationality"),
    (&["sexual orientation", "sexual preference", "sexuality"], "sexual_orientation"),
    (&["marital~", "civil status"], "marital_status"),
    (&["spouse~", "children", "dependant", "dependent", "father~", "mother~"], "family"),
    (&["photo", "picture", "portrait", "avatar", "face image"], "photo"),
    (&["signature"], "signature"),
    (&["latitude", "longitude", "geolocation", "gps"], "location"),
    (&["license plate", "number plate", "vehicle~", "registration plate"], "vehicle"),
    (
        &[
            "salutation",
            "surname",
            "given",
            "given name",
            "first name",
            "firstname",
            "last name",
            "lastname",
            "middle name",
            "family name",
            "full name",
            "fullname",
            "display name",
            "maiden name",
            "forename",
            "nickname",
            "nombre",
            "apellido",
            "vorname",
            "nachname",
            "prenom",
            "prénom",
            "fname",
            "lname",
            "cognome",
            "patient name",
            "customer name",
            "employee name",
            "staff name",
            "member name",
            "contact name",
            "cardholder",
        ],
        "name",
    ),
    (&["user name", "username", "login", "login name", "screen name"], "username"),
    (&["job title", "job", "occupation", "employer", "hire date", "hired", "hired at", "grade code", "job grade", "position"], "employment"),
    (&["degree", "qualification", "graduat~"], "academic_qualification"),
];

/// Phrases of table names -> what such a table's rows are about, the more particular first.
const OF_TABLES: &[(&[&str], &str)] = &[
    (&["prescription", "medication~", "medicament~", "drug", "dispens~"], "medication"),
    (&["vaccin~", "immunis~", "immuniz~"], "vaccination"),
    (&["allerg~"], "allergy"),
    (&["lab", "laborator~", "test result", "lab result", "specimen", "imaging", "radiolog~", "patholog~ report", "observation", "result"], "test_result"),
    (&["appointment~", "booking slot"], "appointment"),
    (
        &[
            "disease",
            "diagnos~",
            "condition",
            "evaluation",
            "encounter",
            "admission",
            "inpatient",
            "surger~",
            "surgical",
            "hospitali~",
            "medical",
            "clinical",
            "nursing",
            "symptom",
            "treatment",
            "therap~",
            "pregnan~",
            "patient",
            "health",
            "episode",
            "vital",
            "referral",
            "ward stay",
        ],
        "health",
    ),
    (&["emergency contact", "next of kin", "kin"], "next_of_kin"),
    (&["dependent", "dependant", "relative", "family", "spouse"], "family"),
    (&["address~", "postal address"], "address"),
    (&["phone~", "email", "contact mechanism", "contact detail", "contact point", "contact"], "contact"),
    (&["identifier", "identification", "identity", "passport", "id card"], "identity_document"),
    (&["training~", "certificat~", "course"], "training"),
    (&["qualification", "degree", "education"], "academic_qualification"),
    (
        &[
            "enrolment",
            "enrollment",
            "grade",
            "exam",
            "student",
            "pupil",
            "alumno",
            "estudiante",
            "matricula",
            "calificacion~",
            "eleve",
            "élève",
            "schueler",
            "schüler",
        ],
        "education",
    ),
    (&["appraisal", "performance review", "performance"], "performance"),
    (&["disciplinar~", "sanction", "warning letter", "misconduct"], "disciplinary_record"),
    (
        &["offence", "offense", "conviction", "sentence", "arrest", "prosecution", "charge sheet", "inmate", "prisoner", "detainee", "custody"],
        "criminal_record",
    ),
    (
        &["salary", "payroll", "pay", "payslip", "payment", "invoice", "bank~", "loan", "transaction", "billing", "tax", "pension", "card", "wallet", "claim"],
        "financial",
    ),
    (&["posting", "job history", "career", "employment history"], "employment_history"),
    (
        &[
            "contract",
            "employment",
            "employee",
            "staff",
            "personnel",
            "officer",
            "leave",
            "absence",
            "attendance",
            "timesheet",
            "shift",
            "roster",
            "job",
            "position",
            "worker",
            "expense",
        ],
        "employment",
    ),
    (&["membership", "member", "subscription", "subscriber", "donor", "donation"], "membership"),
    (
        &["order", "purchase", "cart", "basket", "wishlist", "sale", "shipment", "return", "customer", "client", "buyer", "reservation", "ticket", "review"],
        "purchase",
    ),
    (&["document", "attachment", "file", "upload", "scan"], "document"),
    (&["message", "mail", "correspondence", "letter", "chat", "sms", "conversation"], "correspondence"),
    (&["photo", "picture", "image"], "photo"),
    (&["vehicle", "car"], "vehicle"),
    (&["visit", "trip", "location", "position log", "gps"], "location"),
    (&["name"], "name"),
    (&["session", "login", "credential", "token", "device"], "credentials"),
];

/// What people are to an organisation -> the category of what it keeps of them as such.
const OF_PEOPLE: &[(&[&str], &str)] = &[
    (&["member", "membership", "subscriber", "donor", "volunteer", "borrower", "socio", "adherent", "mitglied~"], "membership"),
    (&["employee", "staff", "personnel", "worker", "officer", "emp", "hr", "empleado", "salarié", "mitarbeiter"], "employment"),
    (&["patient", "health", "hospital", "clinic", "paciente"], "health"),
    (&["customer", "client", "buyer", "shopper", "shop", "guest", "passenger", "cliente", "kunde"], "purchase"),
    (&["student", "pupil", "learner", "alumni", "school", "alumno", "estudiante", "colegio", "escuela", "élève", "eleve", "schueler", "schüler"], "education"),
    (&["inmate", "prisoner", "offender", "detainee"], "criminal_record"),
    (&["claimant", "beneficiary"], "benefits"),
];

/// The category that a column's name tells.
pub(super) fn of_column(name: &str) -> Option<&'static str> {
    let words = words(name);
    first_that_fits(&words, OF_COLUMNS)
}

/// What the rows of a table are about, by its name.
pub(super) fn of_table(name: &str) -> Option<&'static str> {
    let short = name.rsplit('.').next().unwrap_or(name);
    first_that_fits(&words(short), OF_TABLES)
}

/// What these people are to the organisation, by any of these names, the first that tells it.
pub(super) fn of_people<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<&'static str> {
    names.into_iter().find_map(|name| first_that_fits(&words(name), OF_PEOPLE))
}

/// Whether a column says who wrote, changed or handled a row, not whom it is about.
pub(crate) fn is_of_a_writer(name: &str) -> bool {
    const PHRASES: &[&str] = &[
        "author",
        "creator",
        "create~",
        "creat~ by",
        "write",
        "writer",
        "written~",
        "update~",
        "modif~",
        "edit~",
        "change~",
        "by",
        "uid",
        "doctor",
        "physician",
        "prof",
        "healthprof",
        "professional",
        "practitioner",
        "clinician",
        "nurse",
        "midwife",
        "surgeon",
        "dentist",
        "pathologist",
        "radiologist",
        "anesthe~",
        "anaesthe~",
        "technician",
        "gp",
        "provider",
        "supervisor",
        "manager",
        "approv~",
        "review~",
        "operator",
        "clerk",
        "agent",
        "seller",
        "salesman",
        "salesperson",
        "teacher",
        "instructor",
        "trainer",
        "tutor",
        "responsible",
        "owner",
        "assign~",
        "sender",
        "upload~",
        "requester",
        "requestor",
        "sign~",
        "validat~",
        "dispens~",
        "verif~",
        "boss",
        "chief",
        "witness",
        "referr~",
        "interview~",
        "recruiter",
        "cashier",
        "registrar",
        "handler",
        "caseworker",
        "processed",
        "issued",
        "received",
        "done",
        "recorded",
        "recorder",
        "reporter",
        "prescriber",
        "consultant",
        "head",
        "leader",
        "coordinator",
        "mentor",
        "inspector",
        "examiner",
        "parent",
        "replaced~",
        "reports to",
    ];
    let words = words(name);
    PHRASES.iter().any(|phrase| fits(&words, phrase))
}

/// Whether a column is the machine's own book-keeping: stamps of writes, versions, order of lines.
pub(crate) fn is_bookkeeping(name: &str) -> bool {
    const PHRASES: &[&str] = &[
        "create date",
        "create uid",
        "write date",
        "write uid",
        "created at",
        "updated at",
        "deleted at",
        "created on",
        "updated on",
        "modified on",
        "modified at",
        "date created",
        "date updated",
        "date modified",
        "last modified",
        "inserted at",
        "sys created",
        "created by",
        "updated by",
        "modified by",
        "changed by",
        "user created",
        "user updated",
        "row version",
        "lock version",
        "uuid",
        "guid",
        "sequence",
        "sort",
        "sort order",
        "ordinal",
        "etag",
    ];
    let words = words(name);
    let all = |phrase: &&&str| phrase.split(' ').eq(words.iter().map(String::as_str));
    PHRASES.iter().any(|phrase| all(&phrase)) || matches!(words.iter().map(String::as_str).collect::<Vec<_>>()[..], ["created" | "updated" | "modified"])
}

/// Whether a column says of a row that it is a person, an organisation, or of which kind.
pub(super) fn tells_persons(name: &str) -> bool {
    const PHRASES: &[&str] =
        &["person", "individual", "natural", "company", "organi~", "institution", "legal", "corporate", "type", "kind", "customer", "patient", "member"];
    let words = words(name);
    PHRASES.iter().any(|phrase| fits(&words, phrase))
}

/// Whether a table has no columns but keys and book-keeping.
pub(crate) fn holds_keys_alone(table: &TableSketch) -> bool {
    let is_key = |column: &str| table.primary_key.iter().any(|key| key == column) || table.foreign_keys.iter().any(|(name, ..)| name == column);
    table.columns.iter().all(|column| is_key(&column.name) || is_bookkeeping(&column.name))
}

/// Whether two names share a word that says more than `id` or `no`.
pub(super) fn share_a_word(a: &str, b: &str) -> bool {
    const EMPTY: &[&str] = &["id", "no", "key", "code", "num", "number", "ref", "table", "data", "record", "list", "line"];
    let telling = |name: &str| words(name).iter().map(|word| singular(word)).filter(|word| !EMPTY.contains(&word.as_str())).collect::<Vec<_>>();
    let b = telling(b);
    telling(a).iter().any(|word| b.contains(word))
}

/// Every category that a draft can give.
#[cfg(test)]
pub(super) fn all_categories() -> std::collections::BTreeSet<&'static str> {
    let tables = OF_COLUMNS.iter().chain(OF_TABLES).chain(OF_PEOPLE).map(|(_, category)| *category);
    tables.chain(["ip_address", "contact", "health", "name", super::tables::PLAIN]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_name_every_category_of_a_draft() {
        for letters in [include_str!("../../../../letters/default/en/categories.txt"), include_str!("../../../../letters/default/zh-Hant/categories.txt")] {
            for category in all_categories() {
                assert!(letters.lines().any(|line| line == format!("[{category}]")), "{category}");
            }
        }
    }

    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(of_column(name), expected, "{name}");
    }

    #[test]
    fn a_column_is_known_by_whole_words_of_its_name() {
        check("postal_code", Some("address"));
        check("birthDate", Some("date_of_birth"));
        check("BIRTH_DATE", Some("date_of_birth"));
        check("position", Some("employment"));
        check("composition", None);
        check("hasphoneline", None);
        check("phone_home", Some("phone"));
        check("sextant", None);
        check("mail_address", Some("email"));
        check("ip_address", Some("ip_address"));
        check("unit_price", None);
        check("state", None);
        check("apellido", Some("name"));
        check("", None);
        check("名", None);
    }

    #[test]
    fn what_rows_are_about_stands_in_the_name_of_their_table() {
        for (name, expected) in [
            ("public.prescription_line", Some("medication")),
            ("care.lab_results", Some("test_result")),
            ("hr.leave_requests", Some("employment")),
            ("shop.orders", Some("purchase")),
            ("app.order_by_rules", Some("purchase")),
            ("public.colour", None),
        ] {
            assert_eq!(of_table(name), expected, "{name}");
        }
    }

    #[test]
    fn who_wrote_a_row_is_told_from_whom_it_is_about() {
        for name in ["author", "created_by", "create_uid", "doctor_id", "healthprof", "approver", "assignedTo"] {
            assert!(is_of_a_writer(name), "{name}");
        }
        for name in ["patient", "patient_id", "person", "customer_id", "member_no", "party", "employee_id", "user_id"] {
            assert!(!is_of_a_writer(name), "{name}");
        }
    }
}
