//! The nightly dump and the contact register: plain `pg_dump` output of schema `crew`, and a CSV.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::DrillError;
use crate::clock::iso_date;
use crate::dice::Dice;
use crate::people::{GRADES, ISSUERS, PIERS, TITLES};
use crate::store::Store;

const HEAD: &str = include_str!("dump/head.sql");
const TAIL: &str = include_str!("dump/tail.sql");

/// Writes the dump as the tables stand now.
pub(crate) fn write_dump(path: &Path, store: &Store, dice: &mut Dice) -> Result<(), DrillError> {
    let failed = |source| DrillError::Write { path: path.to_owned(), source };
    let mut out = BufWriter::new(File::create(path).map_err(failed)?);
    // pg_dump fences a dump with a random word against injected meta-commands.
    let fence = dice.hex(63);
    out.write_all(HEAD.replace("@FENCE@", &fence).as_bytes()).map_err(failed)?;
    write_rows(&mut out, store).map_err(failed)?;
    let tail = TAIL
        .replace("@FENCE@", &fence)
        .replace("@ASSIGNMENTS@", &store.assignments.len().to_string())
        .replace("@CERTIFICATES@", &store.certificates.len().to_string())
        .replace("@KIN@", &store.kin.len().to_string());
    out.write_all(tail.as_bytes()).and_then(|()| out.flush()).map_err(failed)
}

fn table(out: &mut impl Write, name: &str, columns: &str) -> std::io::Result<()> {
    write!(out, "--\n-- Data for Name: {name}; Type: TABLE DATA; Schema: crew; Owner: -\n--\n\nCOPY crew.{name} ({columns}) FROM stdin;\n")
}

fn write_rows(out: &mut impl Write, store: &Store) -> std::io::Result<()> {
    table(out, "assignment", "assign_id, emp_id, pier, grade, from_date, to_date")?;
    for (i, a) in store.assignments.iter().enumerate() {
        let (from, to) = (iso_date(a.from_day), Store::day_text(a.to_day));
        writeln!(out, "{}\t{}\t{}\t{}\t{from}\t{to}", i + 1, store.emp_id(a.person), PIERS[a.pier], GRADES[a.grade])?;
    }
    out.write_all(b"\\.\n\n\n")?;
    table(out, "certificate", "cert_id, emp_id, title, issuer, granted")?;
    for (i, c) in store.certificates.iter().enumerate() {
        writeln!(out, "{}\t{}\t{}\t{}\t{}", i + 1, store.emp_id(c.person), TITLES[c.title], ISSUERS[c.issuer], iso_date(c.granted_day))?;
    }
    out.write_all(b"\\.\n\n\n")?;
    table(out, "employee", "emp_id, full_name, chinese_name, sex, birth_date, id_card, mail, mobile, grade, pier, hired, left_on")?;
    for p in &store.people {
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            p.emp_id,
            p.full_name,
            p.chinese_name,
            p.sex,
            iso_date(p.birth_day),
            p.id_card,
            p.mail,
            p.mobile,
            GRADES[p.grade],
            PIERS[p.pier],
            iso_date(p.hired_day),
            Store::day_text(p.left_day)
        )?;
    }
    out.write_all(b"\\.\n\n\n")?;
    table(out, "next_of_kin", "kin_id, emp_id, kin_name, relation, kin_phone")?;
    for k in store.kin.iter().filter(|k| store.kin_stands(k)) {
        writeln!(out, "{}\t{}\t{}\t{}\t{}", k.id, store.emp_id(k.person), k.kin.name, k.kin.relation, k.kin.phone)?;
    }
    out.write_all(b"\\.\n\n\n")?;
    table(out, "pay", "emp_id, bank_no, pay_point")?;
    for p in &store.people {
        writeln!(out, "{}\t{}\t{}", p.emp_id, p.bank_no, p.pay_point)?;
    }
    out.write_all(b"\\.\n\n\n")?;
    table(out, "vault", "id, note")?;
    out.write_all(b"\\.\n\n\n")
}

/// Writes the contact register as the tables stand now; three in a hundred have no e-mail there.
pub(crate) fn write_register(path: &Path, store: &Store, dice: &mut Dice) -> Result<(), DrillError> {
    let failed = |source| DrillError::Write { path: path.to_owned(), source };
    let mut out = BufWriter::new(File::create(path).map_err(failed)?);
    out.write_all(b"emp_id,name,chinese_name,mail,mobile,address,language,status\n").map_err(failed)?;
    for p in &store.people {
        let mail = if dice.chance(3) { "" } else { &p.mail };
        let status = if p.left_day.is_some() { "departed" } else { "serving" };
        let line = format!("{},{},{},{mail},{},\"{}\",{},{status}", p.emp_id, p.full_name, p.chinese_name, p.mobile, p.postal_address, p.language);
        writeln!(out, "{line}").map_err(failed)?;
    }
    out.flush().map_err(failed)
}
