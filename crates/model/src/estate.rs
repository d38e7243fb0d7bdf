//! The estate: the organisation's description, written in peacetime. Plain data; `strandline-estate` reads and checks it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// `estate.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estate {
    /// Nobody has corrected it since it was drafted: nobody is told that they were not reached by it, and whoever is shown by an actor
    /// whom no person named is no more than possible.
    #[serde(default)]
    pub draft: bool,
    /// Who we are.
    pub organisation: Organisation,
    /// Systems, with addresses.
    #[serde(default, rename = "system")]
    pub systems: Vec<System>,
    /// Log sources.
    #[serde(default, rename = "source")]
    pub sources: Vec<LogSource>,
    /// Databases.
    #[serde(default, rename = "database")]
    pub databases: Vec<Database>,
    /// Tables that hold personal data.
    #[serde(default, rename = "table")]
    pub tables: Vec<Table>,
    /// What web routes read.
    #[serde(default, rename = "route")]
    pub routes: Vec<Route>,
    /// What files hold.
    #[serde(default, rename = "file")]
    pub files: Vec<SharedFile>,
    /// Who the people are and how to reach them.
    pub register: Option<Register>,
    /// Other people of whom tables tell, each kind with a register of its own: next of kin, referees, dependants.
    #[serde(default, rename = "others")]
    pub others: Vec<Register>,
    /// Lawful mass readers.
    #[serde(default, rename = "trusted")]
    pub trusted: Vec<Trusted>,
    /// How letters go out.
    pub sending: Option<Sending>,
    /// The page for those who were exposed, where the organisation serves one.
    pub support: Option<Support>,
    /// Servers at which an intruder can be cut off.
    #[serde(default, rename = "target")]
    pub targets: Vec<Target>,
    /// What is never cut off.
    #[serde(default, rename = "breakglass")]
    pub breakglass: Vec<BreakGlass>,
    /// Cuts of sessions that are approved beforehand.
    #[serde(default, rename = "precut")]
    pub precut: Vec<PreCut>,
}

/// The organisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Name, by language tag; at least `en`.
    pub name: BTreeMap<String, String>,
    /// IANA time zone, for deadlines, letters and working hours.
    pub time_zone: String,
    /// Legal regimes that apply (`hk-pdpo`, `gdpr` …).
    #[serde(default)]
    pub regimes: Vec<String>,
    /// The organisation's own domain: the only one that a letter may link to.
    pub domain: Option<String>,
    /// Domains of others that a letter may name: the regulator's, those of credit bureaus.
    #[serde(default)]
    pub link_domains: Vec<String>,
    /// Its postal address, a line each: where paper that cannot be delivered comes back to.
    #[serde(default)]
    pub postal_address: Vec<String>,
    /// The window of the envelopes that letters go into (`strandline_model::window`). Default: `dl`.
    pub envelope_window: Option<String>,
    /// Whom people may ask.
    pub contact: Option<Contact>,
    /// Whom people may ask when they fear for their safety.
    pub safety_contact: Option<Contact>,
    /// Working hours, local time.
    pub working_hours: Option<WorkingHours>,
}

/// Whom to ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Office or person, by language tag.
    pub name: BTreeMap<String, String>,
    /// Telephone.
    pub phone: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// Opening hours, by language tag.
    #[serde(default)]
    pub hours: BTreeMap<String, String>,
}

/// Working hours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkingHours {
    /// Days, `mon` to `sun`.
    pub days: Vec<String>,
    /// `08:30`
    pub from: String,
    /// `18:00`
    pub to: String,
}

/// A system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Short id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Its own addresses: who connects *from* it comes from here.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Database roles that its application uses.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// A log source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSource {
    /// Short id.
    pub id: String,
    /// The system it belongs to.
    pub system: String,
    /// Path patterns below the evidence folder (`*`, `**`, `?`). Compression and rotation suffixes are looked through.
    pub path: Vec<String>,
    /// `nginx`, `apache`, `web` (other servers and load balancers, told apart by content), `json`, `text`, `postgresql` (csvlog, jsonlog or stderr, told apart by content), `mysql_general`,
    /// `mysql_audit`, `sqlserver`, `oracle`, `pgbouncer`, `linux_auth`, `auditd`, `journald`, `evtx`.
    pub format: String,
    /// nginx `log_format`, Apache `LogFormat`, or PostgreSQL `log_line_prefix`; for `web` a `#Fields` line. Default: combined / by content.
    pub log_format: Option<String>,
    /// For `json`: event field -> JSON field (dots go into objects). Fields as in the events table, plus `time`.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// For `text`: patterns with named groups, tried in order. Groups as in the events table, plus `time`.
    #[serde(default, rename = "pattern")]
    pub patterns: Vec<TextPattern>,
    /// IANA zone of stamps that carry no offset. Default UTC.
    pub clock: Option<String>,
    /// How to read the time, in strptime words, where it is not one of the usual forms.
    pub time_format: Option<String>,
    /// Values of a field that mean something: for `json` and `text`, which records are sign-ins.
    #[serde(default)]
    pub classify: Vec<Classify>,
    /// Characters of a session id that this log keeps, where it cuts it (`12`).
    pub session_prefix: Option<u32>,
    /// How long such logs are kept, days.
    pub retention_days: Option<u32>,
}

/// One line pattern of a text log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextPattern {
    /// A regular expression with named groups.
    pub pattern: String,
    /// OCSF class of such a line (`authentication`, `http_activity` …). Default by what it holds.
    pub class: Option<String>,
    /// OCSF activity of such a line (`logon` …).
    pub activity: Option<String>,
    /// OCSF status of such a line (`success`, `failure`).
    pub status: Option<String>,
}

/// A rule that gives a class to records by the value of one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classify {
    /// The record's own field name (`msg`).
    pub field: String,
    /// The value that it must have.
    pub equals: String,
    /// OCSF class.
    pub class: String,
    /// OCSF activity.
    pub activity: Option<String>,
    /// OCSF status.
    pub status: Option<String>,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Short id; what tables and routes name.
    pub id: String,
    /// The system it belongs to.
    pub system: String,
    /// `postgresql` or `mysql`.
    #[serde(default = "postgresql")]
    pub dialect: String,
    /// Its name at the server, where it differs from the id.
    pub name: Option<String>,
    /// Schemas searched for unqualified names, in order. Default: `public`; for MySQL, where a schema is a database, its name.
    #[serde(default)]
    pub search_path: Vec<String>,
    /// Snapshot files, relative to the evidence folder or else to the estate file: a plain `pg_dump`, `mysqldump` or
    /// `mariadb-dump`, or one CSV or Parquet file a table (`schema.table.csv`).
    #[serde(default)]
    pub snapshot: Vec<String>,
    /// The instant the snapshot was taken, RFC 3339. Default: before the first event of its log.
    pub snapshot_time: Option<String>,
    /// The zone in which its sessions read times without one, unless they set another: `Asia/Hong_Kong`, `UTC`, `+08:00`. Default: not known.
    pub time_zone: Option<String>,
    /// Its own order of texts, where no dump says it (`pg_dump` without `--create`, files of rows): at PostgreSQL a locale of the C library
    /// (`C`, `en_US.UTF-8`) or `icu:LOCALE`, at MySQL a collation (`utf8mb4_general_ci`). Default: not known.
    pub collation: Option<String>,
    /// Tables (`schema.table`) that hold no personal data, as somebody has checked: reading them shows nobody. Whatever is neither
    /// described nor named here keeps everybody from being told that they were not reached, once the actor has read it.
    #[serde(default)]
    pub without_personal_data: Vec<String>,
}

fn postgresql() -> String {
    "postgresql".to_owned()
}

impl Estate {
    /// The sources that log a database's statements: those of its own system if it has any, else every log of its kind of
    /// database.
    pub fn logs_of(&self, database: &Database) -> BTreeSet<&str> {
        let family = if database.is_mysql() { "mysql" } else { "postgresql" };
        let logs = || self.sources.iter().filter(|s| s.format.starts_with(family));
        let own: BTreeSet<&str> = logs().filter(|s| s.system == database.system).map(|s| s.id.as_str()).collect();
        if own.is_empty() { logs().map(|s| s.id.as_str()).collect() } else { own }
    }
}

impl Database {
    /// Whether it is MySQL or MariaDB.
    pub fn is_mysql(&self) -> bool {
        self.dialect.eq_ignore_ascii_case("mysql")
    }

    /// Its own order of texts, where the estate says it: by provider and locale (`libc:C`, `icu:de`), or a collation of MySQL.
    pub fn declared_collation(&self) -> Option<String> {
        let written = self.collation.as_deref()?;
        let is_whole = self.is_mysql() || written.starts_with("icu:") || written.starts_with("libc:");
        Some(if is_whole { written.to_owned() } else { format!("libc:{written}") })
    }

    /// What its server calls it.
    pub fn server_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// The schemas that are searched, with the default where the estate says nothing.
    pub fn searched_schemas(&self) -> Vec<String> {
        match self.search_path.as_slice() {
            [] if self.is_mysql() => vec![self.server_name().to_owned()],
            [] => vec!["public".to_owned()],
            named => named.to_vec(),
        }
    }
}

/// A table that holds personal data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The database, by id.
    pub database: String,
    /// `schema.table`.
    pub name: String,
    /// The column that holds the subject's key.
    pub subject_key: Option<String>,
    /// Where the key stands in another table: this table's `column` equals `to_column` of `table`, which has a subject.
    pub subject_via: Option<SubjectVia>,
    /// Only rows that fit are about a person: column -> the values, as text, one of which it has. A row of which that is not
    /// known counts as one.
    #[serde(default)]
    pub rows: BTreeMap<String, Vec<String>>,
    /// Column -> personal data category. A column left out holds none, unless `other_columns` says otherwise.
    #[serde(default)]
    pub categories: BTreeMap<String, String>,
    /// The category of columns that `categories` does not name: nobody has looked at what they hold, so whoever they show is
    /// no more than possible.
    pub other_columns: Option<String>,
    /// Columns, among these others, that hold no personal data.
    #[serde(default)]
    pub without_personal_data: BTreeSet<String>,
    /// Whom its rows are about beside the subject: `kin`, `referee`, `dependant`. They are data subjects too.
    pub about: Option<String>,
    /// Further entries of the same table, each with rows and a way to people of its own: a row is of everybody whom an entry that it
    /// fits leads to. Put here when the file is read; their categories then stand with the first entry's.
    #[serde(skip)]
    pub also: Vec<Table>,
}

impl Table {
    /// All entries of this table, the first one first.
    pub fn entries(&self) -> impl Iterator<Item = &Table> {
        std::iter::once(self).chain(&self.also)
    }

    /// Whether any of its entries says whose rows are.
    pub fn names_people(&self) -> bool {
        self.entries().any(|entry| entry.subject_key.is_some() || entry.subject_via.is_some())
    }

    /// The column whose value alone says whose a row is, if there is one.
    pub fn only_key(&self) -> Option<&str> {
        self.subject_key.as_deref().filter(|_| self.also.is_empty())
    }

    /// The category of a column, and whether somebody named it for this column.
    pub fn category(&self, column: &str) -> Option<(&str, Named)> {
        let find = |(name, _): &(&String, &String)| name.eq_ignore_ascii_case(column);
        if let Some(category) = self.categories.get(column).or_else(|| self.categories.iter().find(find).map(|(_, category)| category)) {
            return Some((category, Named::Itself));
        }
        let is_without = self.without_personal_data.iter().any(|name| name.eq_ignore_ascii_case(column));
        self.other_columns.as_deref().filter(|_| !is_without).map(|category| (category, Named::AmongOthers))
    }

    /// All its categories.
    pub fn all_categories(&self) -> impl Iterator<Item = &String> {
        self.categories.values().chain(&self.other_columns)
    }
}

/// How a column came by its category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// The estate names it.
    Itself,
    /// The estate names one for all columns that it does not name.
    AmongOthers,
}

/// A subject found through another table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectVia {
    /// This table's column.
    pub column: String,
    /// The other table, `schema.table`.
    pub table: String,
    /// The other table's column.
    pub to_column: String,
}

/// What a web route reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The system.
    pub system: String,
    /// HTTP method. Default GET.
    #[serde(default = "get_method")]
    pub method: String,
    /// Path with placeholders: `/staff/{staff_no}/postings`.
    pub path: String,
    /// The database it reads, by id.
    pub database: String,
    /// The query it runs. `:name` is a placeholder of the path or a query-string field; `:page?1` has a default.
    #[serde(default)]
    pub reads: String,
    /// Columns that its page shows, `schema.table.column`. Absent: those that `reads` selects.
    #[serde(default)]
    pub shows: Option<Vec<String>>,
    /// Query-string fields that must be there for this entry to apply; entries are tried in order.
    #[serde(default)]
    pub requires: Vec<String>,
}

impl Route {
    /// What accesses call it by: system, method, path and the fields that it requires. `crew GET /staff/{staff_no}?tab`.
    pub fn name(&self) -> String {
        let mut name = format!("{} {} {}", self.system, self.method, self.path);
        for (at, field) in self.requires.iter().enumerate() {
            name.push(if at == 0 { '?' } else { '&' });
            name.push_str(field);
        }
        name
    }
}

fn get_method() -> String {
    "GET".to_owned()
}

/// What a file on a share or a disk holds: reading it shows what the query shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedFile {
    /// The system on whose disk it lies.
    pub system: String,
    /// Where it lies, as the system's log writes it: on a share (`\\*\HR$\exports\staff*.csv`), on a disk
    /// (`D:\hr\exports\staff*.csv`), or both. `*` is any text within a folder, `**` any text, `?` one character; upper and
    /// lower case are the same, and so are `/` and `\`.
    pub path: Vec<String>,
    /// The database that the query reads, by id. Copies of files are tables of a database of their own.
    pub database: String,
    /// The query that shows what the file holds.
    pub reads: String,
    /// Whether the query reads a copy of the file itself.
    #[serde(default)]
    pub content: FileContent,
}

/// How well it is known what a file held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileContent {
    /// The tables that the query reads are a copy of the file, taken at the database's `snapshot_time`.
    Copy,
    /// The file was made from these tables at some time; which rows it held is not known exactly.
    #[default]
    Extract,
}

/// The contact register.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// A CSV file, relative to the evidence folder or else to the estate file.
    pub file: String,
    /// The file's encoding, where it is not UTF-8 or UTF-16: `big5`, `gbk`, `windows-1252` …
    pub encoding: Option<String>,
    /// Column of the subject's key.
    pub key: String,
    /// Columns of the name, by language tag.
    pub name: BTreeMap<String, String>,
    /// Column of the e-mail address.
    pub email: Option<String>,
    /// Column that says `yes` where the person agreed to be written to by e-mail; some laws ask for that.
    pub email_agreed: Option<String>,
    /// Column of the telephone number.
    pub phone: Option<String>,
    /// Column of the postal address.
    pub postal_address: Option<String>,
    /// Column of the preferred language (a BCP 47 tag).
    pub language: Option<String>,
    /// Column of the status (`serving`, `departed`, `deceased`, `minor`).
    pub status: Option<String>,
    /// What the register's own words for a status mean: `inmate = "serving"`.
    #[serde(default)]
    pub statuses: BTreeMap<String, String>,
    /// Column that says which laws a person falls under: a state, a country, or regimes by id.
    pub law: Option<String>,
    /// What the register's own words for that mean: `CA = "us-ca us-hipaa"`, `HK = ""`.
    #[serde(default)]
    pub laws: BTreeMap<String, String>,
    /// For a register of other people: which, as a table's `about` says.
    pub about: Option<String>,
    /// For a register of other people: the column with the key of the subject who gave their data.
    pub of: Option<String>,
}

/// A lawful mass reader: its reads stay out of a trail unless it is pinned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trusted {
    /// Database role.
    pub role: Option<String>,
    /// Web account.
    pub account: Option<String>,
    /// Addresses it comes from; from elsewhere it is not trusted.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Why it is trusted.
    pub reason: String,
}

/// The page for those who were exposed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Support {
    /// Where it is, `https://support.example.org`: letters name it.
    pub address: String,
}

impl Support {
    /// The address as people type it.
    pub fn shown(&self) -> &str {
        self.address.trim_start_matches("https://").trim_end_matches('/')
    }
}

/// How letters go out. No secret stands here: passwords and keys are given when letters are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sending {
    /// The address that letters come from.
    pub from: String,
    /// The name shown with it. Default: the organisation's English name.
    pub from_name: Option<String>,
    /// Where answers go. Default: `from`.
    pub reply_to: Option<String>,
    /// What filters and gateways know these letters by (`List-Id`, RFC 2919), such as `notices.example.org`; none unless it is named.
    pub list_id: Option<String>,
    /// Where reports of undelivered letters go: `bounces@example.org`. Each letter has its own, `bounces+…@example.org`.
    pub return_path: String,
    /// What parts the two in the mail system: `+` (default), `-`, `=`, `_` or `#`.
    pub separator: Option<char>,
    /// From this many letters on, two people must approve.
    pub second_approver_from: Option<u64>,
    /// Whether people who were not reached get a letter that says so. Default: they do.
    pub reassure: Option<bool>,
    /// The mail server.
    pub mail_server: Option<MailServer>,
    /// Signatures.
    pub dkim: Option<Dkim>,
}

/// The mail server that takes letters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailServer {
    /// Name or address.
    pub host: String,
    /// Port. Default 465 for `tls`, 587 for `starttls`, 25 for `plain`.
    pub port: Option<u16>,
    /// `tls` (default), `starttls` or `plain`.
    pub security: Option<String>,
    /// Account, where the server wants one.
    pub account: Option<String>,
    /// Connections at the same time. Default 8.
    pub connections: Option<usize>,
    /// Letters a minute at most.
    pub letters_per_minute: Option<u32>,
}

/// Where the public half of the DKIM key is published: `SELECTOR._domainkey.DOMAIN`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dkim {
    /// Selector.
    pub selector: String,
    /// Domain.
    pub domain: String,
}

/// A server at which an intruder can be cut off. No secret stands here: a file that holds it does, or it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Short id; what plans name.
    pub name: String,
    /// What it is.
    pub kind: TargetKind,
    /// The system it belongs to.
    pub system: Option<String>,
    /// Where it answers: `HOST:PORT`, the path of a socket, or a URL (`https://…`, `ldaps://…`).
    pub address: Option<String>,
    /// The account that we use there.
    pub account: Option<String>,
    /// A file that holds its password, or the key that signs what goes to a webhook or a program. Default: it is asked for.
    pub password_file: Option<String>,
    /// `tls` (default, but to this machine), `starttls` or `plain`.
    pub security: Option<String>,
    /// A file of certificate authorities of the organisation, PEM. Default: those that Mozilla trusts.
    pub authorities: Option<String>,
    /// For `nftables`, `web` and `linux`: the machine, as `ssh` names it (`user@host`, `user@host:2222`). Default: this one.
    pub ssh: Option<String>,
    /// The private key for it. Default: what `ssh` is set up to use.
    pub identity_file: Option<String>,
    /// For `postgres` and `mysql`: names of databases that are looked at, the first to connect to. Default: all that take connections.
    #[serde(default)]
    pub databases: Vec<String>,
    /// For `postgres`: targets of the kind `pgbouncer` that stand before it.
    #[serde(default)]
    pub poolers: Vec<String>,
    /// For `web`: the folder of the files that nginx includes, and in which ours are written.
    pub folder: Option<String>,
    /// For `web`: nginx's own file, where it is not the usual one.
    pub config: Option<String>,
    /// For `web`: the file that holds the key of the application's sessions, and nothing else.
    pub key_file: Option<String>,
    /// For `web` with a `key_file`: the command that tells the application to read it again, and its arguments.
    #[serde(default)]
    pub reload: Vec<String>,
    /// For `web`: an address that answers when nobody is cut off, to try the door: `http://127.0.0.1:8080/`.
    pub probe: Option<String>,
    /// For `web`: the cookie that holds the session id.
    pub cookie: Option<String>,
    /// For `sessions`: what stands before the session id in a key of Redis (`sess:`), or `schema.table` of a table of sessions.
    pub sessions: Option<String>,
    /// For `sessions` in a table: the column of the session id.
    pub session_column: Option<String>,
    /// For `sessions` in a table: the column that holds the account, where there is one.
    pub account_column: Option<String>,
    /// For `sessions` in Redis: where in a session's JSON the account stands, `user` or `auth.user.name`.
    pub account_field: Option<String>,
    /// For `sessions` in a table: `postgresql` (default) or `mysql`.
    pub dialect: Option<String>,
    /// For `sessions`: the longest that a request runs, seconds; a session is deleted again after it. Default 30.
    pub longest_request_seconds: Option<u64>,
    /// For `ldap`: where people stand, `ou=people,dc=example,dc=org`.
    pub base: Option<String>,
    /// For `ldap`: the attribute that holds the account's name. Default `uid`; at Active Directory `sAMAccountName`.
    pub name_attribute: Option<String>,
    /// For `ldap`: the policy that applies to whoever has none of his own, where nobody can read which that is.
    pub policy: Option<String>,
    /// For `exec`: the program and its arguments.
    #[serde(default)]
    pub command: Vec<String>,
}

/// What a target is: which connector reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A PostgreSQL server.
    Postgres,
    /// pgbouncer before one.
    Pgbouncer,
    /// A MySQL or MariaDB server.
    Mysql,
    /// The packet filter of a machine.
    Nftables,
    /// nginx.
    Web,
    /// A store of web sessions in Redis, or in a table of PostgreSQL or MySQL.
    Sessions,
    /// Accounts of a Linux machine.
    Linux,
    /// OpenLDAP.
    Ldap,
    /// Active Directory, or Samba in its place.
    ActiveDirectory,
    /// A service that takes our signed JSON by HTTPS.
    Webhook,
    /// A program that takes it on its standard input.
    Exec,
}

impl TargetKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Postgres,
        Self::Pgbouncer,
        Self::Mysql,
        Self::Nftables,
        Self::Web,
        Self::Sessions,
        Self::Linux,
        Self::Ldap,
        Self::ActiveDirectory,
        Self::Webhook,
        Self::Exec,
    ];

    /// The word for it in the estate.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Pgbouncer => "pgbouncer",
            Self::Mysql => "mysql",
            Self::Nftables => "nftables",
            Self::Web => "web",
            Self::Sessions => "sessions",
            Self::Linux => "linux",
            Self::Ldap => "ldap",
            Self::ActiveDirectory => "active_directory",
            Self::Webhook => "webhook",
            Self::Exec => "exec",
        }
    }

    /// Whether commands on the machine itself reach it, here or by `ssh`.
    pub fn is_of_a_machine(self) -> bool {
        matches!(self, Self::Nftables | Self::Web | Self::Linux)
    }
}

/// What is never cut off, whoever asks: checked when a plan is made and again when it is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// At this target alone. Default: at all.
    pub target: Option<String>,
    /// An account or role.
    pub account: Option<String>,
    /// An address or network: `10.0.0.5`, `10.0.0.0/24`, `2001:db8::/64`.
    pub address: Option<String>,
    /// Why.
    pub reason: String,
}

/// A target at which the session of an intruder is cut without anybody's approval at that hour: it was given beforehand, in writing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreCut {
    /// The target; it holds sessions, or refuses their cookies.
    pub target: String,
    /// Who approved it.
    pub approved_by: String,
    /// Why, or on what condition.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kept_example_is_an_estate() {
        let text = include_str!("../../../examples/prison-service/estate.toml");
        let estate: super::Estate = toml::from_str(text).expect("the example is valid");
        assert_eq!(estate.tables.len(), 4);
    }
}
