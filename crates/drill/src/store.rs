//! The crew database in memory: the drill's own tables, written in time order, and a native answer for every statement
//! shape. It knows nothing of SQL; whether our replay of SQL agrees with it is what a drill finds out.

use std::collections::HashMap;

use crate::clock::iso_date;
use crate::dice::Dice;
use crate::people::{GRADES, ISSUERS, Kin, PIERS, Person, TITLES, kin, person};

/// A column that holds personal data, and its category.
pub(crate) type Column = (&'static str, &'static str);

pub(crate) const FULL_NAME: Column = ("full_name", "name");
pub(crate) const CHINESE_NAME: Column = ("chinese_name", "name");
pub(crate) const SEX: Column = ("sex", "gender");
pub(crate) const BIRTH_DATE: Column = ("birth_date", "date_of_birth");
pub(crate) const ID_CARD: Column = ("id_card", "identity_document");
pub(crate) const MAIL: Column = ("mail", "email");
pub(crate) const MOBILE: Column = ("mobile", "phone");
pub(crate) const GRADE: Column = ("grade", "employment");
pub(crate) const PIER: Column = ("pier", "employment");
pub(crate) const HIRED: Column = ("hired", "employment");
pub(crate) const LEFT_ON: Column = ("left_on", "employment");
pub(crate) const TITLE: Column = ("title", "qualification");
pub(crate) const ISSUER: Column = ("issuer", "qualification");
pub(crate) const GRANTED: Column = ("granted", "qualification");
pub(crate) const ASSIGNMENT: Column = ("assignment", "employment_history");
pub(crate) const KIN_NAME: Column = ("kin_name", "family");
pub(crate) const RELATION: Column = ("relation", "family");
pub(crate) const KIN_PHONE: Column = ("kin_phone", "family");
pub(crate) const BANK_NO: Column = ("bank_no", "financial");
pub(crate) const PAY_POINT: Column = ("pay_point", "financial");

/// `SELECT *` of an employee.
pub(crate) const EMPLOYEE: &[Column] = &[FULL_NAME, CHINESE_NAME, SEX, BIRTH_DATE, ID_CARD, MAIL, MOBILE, GRADE, PIER, HIRED, LEFT_ON];
/// The record page, which leaves the identity card out.
pub(crate) const RECORD: &[Column] = &[FULL_NAME, CHINESE_NAME, SEX, BIRTH_DATE, MAIL, MOBILE, GRADE, PIER, HIRED, LEFT_ON];

/// What a statement returned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) rows: usize,
    /// About the size of the rows as JSON.
    pub(crate) bytes: usize,
    /// Persons whose values are in the answer (a person may have several rows).
    pub(crate) people: Vec<u32>,
    pub(crate) disclosed: Vec<Column>,
    /// Columns whose value chose the rows.
    pub(crate) inferred: Vec<Column>,
}

/// A certificate, an assignment or a next of kin: a row of `person`.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) person: u32,
    pub(crate) title: usize,
    pub(crate) issuer: usize,
    pub(crate) granted_day: i64,
}
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub(crate) person: u32,
    pub(crate) pier: usize,
    pub(crate) grade: usize,
    pub(crate) from_day: i64,
    pub(crate) to_day: Option<i64>,
}
#[derive(Clone, Debug)]
pub(crate) struct KinRow {
    pub(crate) id: u32,
    pub(crate) person: u32,
    pub(crate) kin: Kin,
}

/// The tables.
pub(crate) struct Store {
    pub(crate) people: Vec<Person>,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) kin: Vec<KinRow>,
    by_id: HashMap<String, u32>,
    certificates_of: Vec<Vec<u32>>,
    assignments_of: Vec<Vec<u32>>,
    kin_of: Vec<Vec<u32>>,
    by_pier: Vec<Vec<u32>>,
    serving: Vec<u32>,
    found: HashMap<String, (u32, Vec<u32>)>,
    next_number: u32,
}

impl Store {
    /// `count` people as of `today`, their numbers rising with gaps, as numbers of a long-lived register do.
    pub(crate) fn new(dice: &mut Dice, count: u32, today: i64) -> Self {
        let mut store = Self {
            people: Vec::new(),
            certificates: Vec::new(),
            assignments: Vec::new(),
            kin: Vec::new(),
            by_id: HashMap::new(),
            certificates_of: Vec::new(),
            assignments_of: Vec::new(),
            kin_of: Vec::new(),
            by_pier: vec![Vec::new(); PIERS.len()],
            serving: Vec::new(),
            found: HashMap::new(),
            next_number: 100_400,
        };
        for serial in 0..count {
            store.next_number += 1 + dice.below(4) as u32;
            let someone = person(dice, store.next_number, serial, today);
            let who = store.insert(someone);
            store.fill_history(dice, who);
        }
        store
    }

    fn fill_history(&mut self, dice: &mut Dice, who: u32) {
        let someone = self.people[who as usize].clone();
        for _ in 0..dice.below(4) {
            let row = Certificate {
                person: who,
                title: dice.below(TITLES.len()),
                issuer: dice.below(ISSUERS.len()),
                granted_day: someone.hired_day + dice.between(-2000, 2000),
            };
            self.certificates_of[who as usize].push(self.certificates.len() as u32);
            self.certificates.push(row);
        }
        let mut from = someone.hired_day;
        for left in (0..1 + dice.below(3)).rev() {
            let to = from + dice.between(150, 2200);
            let (pier, grade) = if left == 0 { (someone.pier, someone.grade) } else { (dice.below(PIERS.len()), dice.below(someone.grade + 1)) };
            self.add_assignment(Assignment { person: who, pier, grade, from_day: from, to_day: if left == 0 { someone.left_day } else { Some(to) } });
            from = to + 1;
        }
        if dice.chance(62) {
            self.kin_of[who as usize].push(self.kin.len() as u32);
            self.kin.push(KinRow { id: self.kin.len() as u32 + 1, person: who, kin: kin(dice) });
        }
    }

    // Writes ------------------------------------------------------------------------------------------------------

    /// Adds a person.
    pub(crate) fn insert(&mut self, someone: Person) -> u32 {
        let who = self.people.len() as u32;
        self.by_id.insert(someone.emp_id.clone(), who);
        self.by_pier[someone.pier].push(who);
        if someone.left_day.is_none() {
            self.serving.push(who);
        }
        self.people.push(someone);
        self.certificates_of.push(Vec::new());
        self.assignments_of.push(Vec::new());
        self.kin_of.push(Vec::new());
        who
    }
    /// A fresh employee number.
    pub(crate) fn next_number(&mut self) -> u32 {
        self.next_number += 1;
        self.next_number
    }
    pub(crate) fn add_assignment(&mut self, row: Assignment) {
        self.assignments_of[row.person as usize].push(self.assignments.len() as u32);
        self.assignments.push(row);
    }
    /// Ends the open assignments of a person; how many.
    pub(crate) fn end_assignments(&mut self, who: u32, day: i64) -> usize {
        let mut ended = 0;
        for &row in &self.assignments_of[who as usize] {
            let row = &mut self.assignments[row as usize];
            if row.to_day.is_none() {
                row.to_day = Some(day);
                ended += 1;
            }
        }
        ended
    }
    pub(crate) fn move_to(&mut self, who: u32, pier: usize) {
        let old = self.people[who as usize].pier;
        self.by_pier[old].retain(|p| *p != who);
        self.people[who as usize].pier = pier;
        let place = self.by_pier[pier].partition_point(|p| *p < who);
        self.by_pier[pier].insert(place, who);
    }
    pub(crate) fn leave(&mut self, who: u32, day: i64) {
        self.people[who as usize].left_day = Some(day);
        self.serving.retain(|p| *p != who);
    }
    /// Takes the last next of kin of a person away; its id.
    pub(crate) fn forget_kin(&mut self, who: u32) -> Option<u32> {
        let row = self.kin_of[who as usize].pop()?;
        Some(self.kin[row as usize].id)
    }

    // Reads by the application -------------------------------------------------------------------------------------

    /// The person with this number.
    pub(crate) fn find(&self, emp_id: &str) -> Option<u32> {
        self.by_id.get(emp_id).copied()
    }
    /// Whether a next-of-kin row is still there.
    pub(crate) fn kin_stands(&self, row: &KinRow) -> bool {
        self.kin_of[row.person as usize].contains(&(row.id - 1))
    }
    pub(crate) fn serving_count(&self) -> usize {
        self.serving.len()
    }
    pub(crate) fn serving_at(&self, index: usize) -> u32 {
        self.serving[index % self.serving.len().max(1)]
    }
    pub(crate) fn is_serving(&self, who: u32) -> bool {
        self.people[who as usize].left_day.is_none()
    }

    /// One page of 40 of the people who serve (at a pier, or all).
    pub(crate) fn page(&self, pier: Option<usize>, page: usize) -> Answer {
        let skip = (page.max(1) - 1) * 40;
        let people: Vec<u32> = match pier {
            Some(pier) => self.by_pier[pier].iter().copied().filter(|p| self.is_serving(*p)).skip(skip).take(40).collect(),
            None => self.serving.iter().copied().skip(skip).take(40).collect(),
        };
        self.answer(people, &[FULL_NAME, GRADE, PIER, MAIL])
    }
    /// The record of one person.
    pub(crate) fn record(&self, emp_id: &str) -> Answer {
        self.answer(self.find(emp_id).into_iter().collect(), RECORD)
    }
    /// Rows of a side table of one person.
    pub(crate) fn side(&self, emp_id: &str, side: Side) -> Answer {
        let Some(who) = self.find(emp_id) else {
            return Answer::default();
        };
        let rows = match side {
            Side::Certificates => self.certificates_of[who as usize].len(),
            Side::Assignments => self.assignments_of[who as usize].len(),
            Side::Kin => self.kin_of[who as usize].len(),
        };
        let mut answer = self.answer(if rows > 0 { vec![who] } else { Vec::new() }, side.columns());
        answer.rows = rows;
        answer.bytes = rows * 78 + 2;
        answer
    }
    /// The first 20 people, by number, whose name contains `term` in any case.
    pub(crate) fn search(&mut self, term: &str) -> Vec<u32> {
        let upper = term.to_uppercase();
        let (scanned, hits) = self.found.entry(upper.clone()).or_default();
        while hits.len() < 20 && (*scanned as usize) < self.people.len() {
            if self.people[*scanned as usize].full_name.to_uppercase().contains(&upper) {
                hits.push(*scanned);
            }
            *scanned += 1;
        }
        hits.clone()
    }
    /// The first 20 people who serve, by number, whose name contains `upper`.
    pub(crate) fn directory(&self, upper: &str) -> Vec<u32> {
        let named = |who: &u32| self.people[*who as usize].full_name.to_uppercase().contains(upper);
        self.serving.iter().copied().filter(named).take(20).collect()
    }
    /// Everybody at a pier, for the export.
    pub(crate) fn export(&self, pier: usize) -> Answer {
        self.answer(self.by_pier[pier].clone(), &[FULL_NAME, SEX, BIRTH_DATE, MAIL, GRADE])
    }

    /// An answer with one row a person.
    pub(crate) fn answer(&self, people: Vec<u32>, disclosed: &[Column]) -> Answer {
        let bytes = people.iter().map(|p| self.row_bytes(*p, disclosed)).sum::<usize>() + 2;
        Answer { rows: people.len(), bytes, people, disclosed: disclosed.to_vec(), inferred: Vec::new() }
    }

    fn row_bytes(&self, who: u32, columns: &[Column]) -> usize {
        let p = &self.people[who as usize];
        let values: usize = columns
            .iter()
            .map(|c| {
                16 + match c.0 {
                    "full_name" => p.full_name.len(),
                    "chinese_name" => p.chinese_name.len(),
                    "mail" => p.mail.len(),
                    "grade" => GRADES[p.grade].len(),
                    "pier" => PIERS[p.pier].len(),
                    _ => 10,
                }
            })
            .sum();
        values + 24
    }

    // Reads by whoever may write SQL -------------------------------------------------------------------------------

    /// People that a condition holds for, in the order of their numbers.
    pub(crate) fn those(&self, condition: impl Fn(&Person) -> bool) -> Vec<u32> {
        (0..self.people.len() as u32).filter(|p| condition(&self.people[*p as usize])).collect()
    }
    /// Certificates of a person.
    pub(crate) fn certificates_of(&self, who: u32) -> impl Iterator<Item = &Certificate> {
        self.certificates_of[who as usize].iter().map(|row| &self.certificates[*row as usize])
    }
    /// Next of kin of a person: how many rows.
    pub(crate) fn kin_count(&self, who: u32) -> usize {
        self.kin_of[who as usize].len()
    }
    /// Each person's newest assignment's first day, newest first, ties by number.
    pub(crate) fn newest_assignments(&self) -> Vec<(i64, u32)> {
        let mut all: Vec<(i64, u32)> = (0..self.people.len() as u32)
            .filter_map(|p| self.assignments_of[p as usize].iter().map(|row| self.assignments[*row as usize].from_day).max().map(|d| (d, p)))
            .collect();
        all.sort_by_key(|(day, who)| (-day, *who));
        all
    }
    /// A person's number.
    pub(crate) fn emp_id(&self, who: u32) -> &str {
        &self.people[who as usize].emp_id
    }
    /// A day as the database prints it; NULL as `\N`.
    pub(crate) fn day_text(day: Option<i64>) -> String {
        day.map_or_else(|| "\\N".to_owned(), iso_date)
    }
}

/// A table beside the employee's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Certificates,
    Assignments,
    Kin,
}

impl Side {
    /// The last part of the route.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Certificates => "certificates",
            Self::Assignments => "assignments",
            Self::Kin => "kin",
        }
    }
    /// The statement that the application sends.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Certificates => "SELECT c.emp_id, c.title, c.issuer, c.granted FROM crew.certificate c WHERE c.emp_id = $1 ORDER BY c.granted",
            Self::Assignments => "SELECT a.emp_id, a.pier, a.grade, a.from_date, a.to_date FROM crew.assignment a WHERE a.emp_id = $1 ORDER BY a.from_date",
            Self::Kin => "SELECT k.emp_id, k.kin_name, k.relation, k.kin_phone FROM crew.next_of_kin k WHERE k.emp_id = $1",
        }
    }
    fn columns(self) -> &'static [Column] {
        match self {
            Self::Certificates => &[TITLE, ISSUER, GRANTED],
            Self::Assignments => &[ASSIGNMENT],
            Self::Kin => &[KIN_NAME, RELATION, KIN_PHONE],
        }
    }
}
