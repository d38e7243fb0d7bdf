//! Normal work: people with shifts and errands, and the machines that never sleep. All of it is lawful, some of it looks
//! odd: night shifts, a shared address, mistyped passwords, exports, a scanner, batches that read everybody.

use std::collections::VecDeque;

use crate::clock::{DAY, HONG_KONG, HOUR, MINUTE, Millis, SECOND, civil, local_midnight, weekday};
use crate::database::Statement;
use crate::dice::Dice;
use crate::people::{GRADES, PIERS, SURNAMES, name, person, phone};
use crate::store::{Assignment, Side};
use crate::world::{BoardCall, CREW_HOST, Client, CrewCall, PAGES, World};
use crate::{DUMP_HOUR, DrillError, Plan, Scenario};

pub(crate) const BATCH_HOST: &str = "10.61.4.31";
pub(crate) const REPORT_HOST: &str = "10.61.4.32";
pub(crate) const MONITOR_HOST: &str = "10.61.4.50";
pub(crate) const DBA_HOST: &str = "10.61.9.7";
pub(crate) const SCANNER_HOST: &str = "10.61.9.66";
const SHARED_ADDRESS: &str = "10.61.60.1";

pub(crate) const AGENTS: &[&str] = &[
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:129.0) Gecko/20100101 Firefox/129.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36 Edg/128.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
];
const TOPICS: &[&str] = &["roster", "typhoon", "uniform", "leave", "safety", "drill", "tender", "fuel", "ticket", "radio", "O'Neill", "payday", "dry dock"];

/// What somebody may do in the crew system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: only the board.
    None,
    /// Look people up.
    Supervisor,
    /// Look people up and export.
    Personnel,
}

#[derive(Clone, Debug)]
enum Errand {
    Board(BoardCall),
    Crew(CrewCall),
    /// A sign-in to the board, with the right password or not.
    BoardSignIn(bool),
    /// A sign-in to the crew system.
    CrewSignIn(bool),
}

/// One person at work.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) account: String,
    pub(crate) address: String,
    pub(crate) agent: &'static str,
    pub(crate) access: Access,
    pub(crate) crew_session: Option<String>,
    board_session: Option<String>,
    shift: (Millis, Millis),
    weekends: bool,
    until: Option<Millis>,
    todo: VecDeque<Errand>,
    think: Millis,
    dice: Dice,
    start: Millis,
}

/// The people at work, about one in fifty; more of them, not only busier ones, where traffic is scaled up.
pub(crate) fn workers(plan: &Plan, rate: f64, start: Millis) -> Vec<Worker> {
    let mut dice = Dice::stream(plan.seed, "workers");
    let usual = f64::from(plan.people / 48).clamp(24.0, 160.0);
    let count = (usual * (rate / 8.0).max(1.0)).min(f64::from(plan.people) / 4.0).max(usual) as usize;
    let rate = rate * usual / count as f64;
    (0..count)
        .map(|i| {
            let (_, _, login) = name(&mut dice);
            let night = i >= 3 && dice.chance(9);
            let begin = if night {
                22 * HOUR
            } else if i < 3 {
                8 * HOUR + 40 * MINUTE
            } else {
                7 * HOUR + dice.between(0, 150) * MINUTE
            };
            let access = match i {
                0 | 1 => Access::Personnel,
                2 => Access::None,
                _ => [Access::None, Access::None, Access::Supervisor, Access::Personnel][dice.below(4)],
            };
            Worker {
                account: format!("{login}.{i}"),
                address: if i >= 3 && dice.chance(14) { SHARED_ADDRESS.to_owned() } else { format!("10.61.{}.{}", 32 + i / 200 % 16, 20 + i % 200) },
                agent: dice.pick::<&str>(AGENTS),
                access,
                crew_session: None,
                board_session: None,
                shift: (begin, begin + 9 * HOUR),
                weekends: night || (i >= 3 && dice.chance(15)),
                until: None,
                todo: VecDeque::new(),
                // The two whom an intruder may impersonate are busy, so that they work on meanwhile.
                think: ((if i < 2 { 3 * MINUTE } else { 53 * MINUTE }) as f64 / rate) as Millis,
                dice: Dice::stream(plan.seed, &format!("worker {i}")),
                start,
            }
        })
        .collect()
}

impl Worker {
    /// When this person first comes to work.
    pub(crate) fn first_turn(&self) -> Millis {
        self.shift_after(self.start - DAY)
    }

    fn shift_after(&self, at: Millis) -> Millis {
        let mut day = local_midnight(at) + DAY;
        while !self.weekends && weekday(day) >= 5 {
            day += DAY;
        }
        day + self.shift.0 + (at.rem_euclid(17 * MINUTE))
    }

    /// Whether the person is signed in to the crew system, and as what client.
    pub(crate) fn client(&self) -> Client {
        Client { address: self.address.clone(), agent: self.agent, account: Some(self.account.clone()), session: None }
    }

    /// Does the next thing; when the one after that is due.
    pub(crate) fn turn(&mut self, at: Millis, world: &mut World) -> Result<Millis, DrillError> {
        let Some(until) = self.until else {
            self.plan_arrival();
            self.until = Some(at + self.shift.1 - self.shift.0);
            return Ok(at + SECOND);
        };
        if at > until {
            self.until = None;
            self.todo.clear();
            self.board_session = None;
            self.crew_session = None;
            return Ok(self.shift_after(at));
        }
        if self.todo.is_empty() {
            self.plan_errand(world);
        }
        if let Some(errand) = self.todo.pop_front() {
            self.run_errand(at, errand, world)?;
        }
        let pause = if self.todo.is_empty() { self.think } else { self.think.min(9 * SECOND) };
        Ok(at + self.dice.pause(pause))
    }

    /// The first errands of a shift: sign in, now and then with a mistyped password before.
    fn plan_arrival(&mut self) {
        let mistyped = if self.dice.chance(7) { 1 + self.dice.below(2) } else { 0 };
        self.todo.extend((0..mistyped).map(|_| Errand::BoardSignIn(false)));
        self.todo.extend([Errand::BoardSignIn(true), Errand::Board(BoardCall::Home)]);
        if self.access != Access::None {
            self.todo.extend(self.dice.chance(5).then_some(Errand::CrewSignIn(false)));
            self.todo.extend([Errand::CrewSignIn(true), Errand::Crew(CrewCall::Home)]);
        }
    }

    /// A session for a sign-in that succeeds.
    fn session(&mut self, right: bool) -> Option<String> {
        right.then(|| self.dice.hex(32))
    }

    fn run_errand(&mut self, at: Millis, errand: Errand, world: &mut World) -> Result<(), DrillError> {
        let on_board = self.board_session.clone();
        let in_crew = self.crew_session.clone();
        // Whoever has no session is nobody to the application.
        let as_whom = |session: Option<String>, worker: &Self| Client { account: session.as_ref().map(|_| worker.account.clone()), session, ..worker.client() };
        match errand {
            Errand::Board(call) => world.board(at, &as_whom(on_board, self), &call).map(|_| ()),
            Errand::Crew(call) => world.crew(at, &as_whom(in_crew, self), &call).map(|_| ()),
            Errand::BoardSignIn(right) => {
                self.board_session = self.session(right);
                let client = as_whom(self.board_session.clone(), self);
                world.board(at, &client, &BoardCall::Login(self.account.clone(), right)).map(|_| ())
            }
            Errand::CrewSignIn(right) => {
                self.crew_session = self.session(right);
                let client = as_whom(self.crew_session.clone(), self);
                world.crew(at, &client, &CrewCall::Login(self.account.clone(), right)).map(|_| ())
            }
        }
    }

    fn plan_errand(&mut self, world: &mut World) {
        let dice = &mut self.dice;
        if self.access == Access::None && dice.chance(12) {
            // The telephone directory needs no sign-in.
            let surname = dice.pick(&SURNAMES[..24]).0.to_owned();
            self.todo.push_back(Errand::Crew(CrewCall::Directory(surname, None)));
            return;
        }
        if self.access == Access::None || dice.chance(35) {
            let call = match dice.below(10) {
                0..=3 => BoardCall::Search((*dice.pick(TOPICS)).to_owned(), dice.below(14)),
                4 => BoardCall::Home,
                5 if dice.chance(20) => BoardCall::Other("/admin".to_owned(), 403),
                _ => BoardCall::Page(dice.between(1, PAGES + 2)),
            };
            self.todo.push_back(Errand::Board(call));
            return;
        }
        let who = world.store.serving_at(dice.below(world.store.serving_count()));
        let mut id = world.store.emp_id(who).to_owned();
        let personnel = self.access == Access::Personnel;
        match dice.below(20) {
            0..=3 => self.todo.push_back(Errand::Crew(CrewCall::List(dice.chance(70).then(|| dice.below(PIERS.len())), 1 + dice.below(3)))),
            4..=7 => {
                let term = dice.pick(SURNAMES).0.to_owned();
                self.todo.push_back(Errand::Crew(CrewCall::Find(term)));
            }
            8 if dice.chance(40) => id = format!("E{:06}", 100_000 + dice.below(300)),
            9 if dice.chance(30) => {
                let pier = dice.below(PIERS.len());
                let call = if personnel { CrewCall::Export(pier) } else { CrewCall::Other("/report/pier.csv".to_owned(), 403) };
                self.todo.push_back(Errand::Crew(call));
                return;
            }
            _ => {}
        }
        self.todo.push_back(Errand::Crew(CrewCall::Record(id.clone())));
        for (side, percent) in [(Side::Certificates, 30), (Side::Assignments, 35), (Side::Kin, 12)] {
            if self.dice.chance(percent) && id.as_str() >= "E100400" {
                self.todo.push_back(Errand::Crew(CrewCall::Side(id.clone(), side)));
            }
        }
    }
}

/// A machine, or a person at the database.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    kind: JobKind,
    dice: Dice,
    begun: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JobKind {
    BoardHealth,
    CrewHealth,
    DatabaseHealth,
    HourlyBatch,
    NightlyBatch,
    Backup,
    Sync,
    Administrator,
    Report,
    Scanner,
    HostUpkeep,
}

/// The jobs of the department.
pub(crate) fn jobs(plan: &Plan, window: (Millis, Millis)) -> Vec<Job> {
    use JobKind::{Administrator, Backup, BoardHealth, CrewHealth, DatabaseHealth, HostUpkeep, HourlyBatch, NightlyBatch, Report, Scanner, Sync};
    let mut kinds = vec![BoardHealth, CrewHealth, DatabaseHealth, HourlyBatch, NightlyBatch, Backup, Sync, Administrator, Report, Scanner];
    if plan.scenario == Scenario::Pivot {
        kinds.push(HostUpkeep);
    }
    kinds.into_iter().map(|kind| Job { kind, dice: Dice::stream(plan.seed, &format!("{kind:?}")), begun: window.0 }).collect()
}

impl Job {
    pub(crate) fn first_turn(&self, start: Millis) -> Millis {
        start
            + match self.kind {
                JobKind::BoardHealth => 4 * SECOND,
                JobKind::CrewHealth => 6 * SECOND,
                JobKind::DatabaseHealth => 70 * SECOND,
                JobKind::HourlyBatch => 12 * MINUTE,
                JobKind::NightlyBatch => HOUR + 5 * MINUTE,
                JobKind::Backup => DUMP_HOUR,
                JobKind::Sync => 21 * MINUTE,
                JobKind::Administrator => 10 * HOUR,
                JobKind::Report => 7 * HOUR,
                JobKind::Scanner => DAY + 14 * HOUR,
                JobKind::HostUpkeep => 17 * MINUTE,
            }
    }

    /// Does its work; when it is due again, give or take what a timer is late.
    pub(crate) fn turn(&mut self, at: Millis, world: &mut World) -> Result<Millis, DrillError> {
        let late = self.dice.between(-90, 110);
        self.work(at, world).map(|next| next + late)
    }

    fn work(&mut self, at: Millis, world: &mut World) -> Result<Millis, DrillError> {
        let probe = Client { address: MONITOR_HOST.to_owned(), agent: "harbour-probe/2.1", ..Client::default() };
        match self.kind {
            JobKind::BoardHealth => world.board(at, &probe, &BoardCall::Health).map(|_| at + 20 * SECOND),
            JobKind::CrewHealth => world.crew(at, &probe, &CrewCall::Health).map(|_| at + 10 * SECOND),
            JobKind::DatabaseHealth => {
                world.run_job(at, MONITOR_HOST, ("monitor", "postgres", "harbour-probe"), &[Statement::simple("SELECT 1", 1)]).map(|()| at + 5 * MINUTE)
            }
            JobKind::HourlyBatch => {
                let sql = "SELECT e.emp_id, e.full_name, e.pier, p.pay_point FROM crew.employee e JOIN crew.pay p USING (emp_id) WHERE e.left_on IS NULL";
                let rows = world.store.serving_count();
                world.run_job(at, BATCH_HOST, ("crew_payroll", "crew", "payroll"), &[Statement::simple(sql, rows)]).map(|()| at + HOUR)
            }
            JobKind::NightlyBatch => {
                let sql = "SELECT emp_id, bank_no, pay_point FROM crew.pay ORDER BY emp_id";
                let rows = world.store.people.len();
                world.run_job(at, BATCH_HOST, ("crew_payroll", "crew", "bank-file"), &[Statement::simple(sql, rows)]).map(|()| at + DAY)
            }
            JobKind::Backup => self.back_up(at, world).map(|()| at + DAY),
            JobKind::Sync => self.sync(at, world).map(|()| at + 35 * MINUTE + self.dice.pause(8 * MINUTE)),
            JobKind::Administrator => self.administer(at, world),
            JobKind::Report => {
                let sql = "SELECT grade, count(*) FROM crew.employee WHERE left_on IS NULL GROUP BY grade ORDER BY grade";
                let grades = (0..GRADES.len()).filter(|g| world.store.people.iter().any(|p| p.left_day.is_none() && p.grade == *g)).count();
                world.run_job(at, REPORT_HOST, ("crew_report", "crew", "monthly-report"), &[Statement::simple(sql, grades)]).map(|()| at + 7 * DAY)
            }
            JobKind::Scanner => self.scan(at, world),
            JobKind::HostUpkeep => self.keep_host(at, world),
        }
    }

    fn back_up(&mut self, at: Millis, world: &mut World) -> Result<(), DrillError> {
        let kin = world.store.kin.iter().filter(|k| world.store.kin_stands(k)).count();
        let s = &world.store;
        let tables = [
            ("assignment (assign_id, emp_id, pier, grade, from_date, to_date)", s.assignments.len()),
            ("certificate (cert_id, emp_id, title, issuer, granted)", s.certificates.len()),
            ("employee (emp_id, full_name, chinese_name, sex, birth_date, id_card, mail, mobile, grade, pier, hired, left_on)", s.people.len()),
            ("next_of_kin (kin_id, emp_id, kin_name, relation, kin_phone)", kin),
            ("pay (emp_id, bank_no, pay_point)", s.people.len()),
        ];
        let statements: Vec<Statement> = tables
            .iter()
            .map(|(t, rows)| Statement {
                sql: format!("COPY crew.{t} TO stdout;"),
                tag: "COPY",
                audit: Some(("READ", "SELECT")),
                rows: *rows,
                ..Statement::default()
            })
            .collect();
        world.run_job(at, BATCH_HOST, ("crew_backup", "crew", "pg_dump"), &statements)
    }

    fn sync(&mut self, at: Millis, world: &mut World) -> Result<(), DrillError> {
        let mut connection = world.connect(at, CREW_HOST, ("crew_app", "crew", "crew-sync"))?;
        let mut now = at + 5;
        for _ in 0..1 + self.dice.below(3) {
            for statement in self.change(at, world) {
                if world.gate.refuses_statement(at, at, CREW_HOST, "crew_app") {
                    continue;
                }
                now = world.database.run(now, &mut connection, &statement)? + 2;
            }
        }
        world.database.disconnect(now + 1, connection)
    }

    /// One change of the data: made in the store, and the statements that made it.
    fn change(&mut self, at: Millis, world: &mut World) -> Vec<Statement> {
        let today = (at + HONG_KONG).div_euclid(DAY);
        let day = crate::clock::iso_date(today);
        let (store, dice) = (&mut world.store, &mut self.dice);
        let who = store.serving_at(dice.below(store.serving_count()));
        let id = store.emp_id(who).to_owned();
        match dice.below(12) {
            0..=3 => {
                let number = phone(dice);
                store.people[who as usize].mobile.clone_from(&number);
                vec![Statement::write("UPDATE", "UPDATE crew.employee SET mobile = $1 WHERE emp_id = $2", vec![number, id], 1)]
            }
            4..=7 => {
                let (pier, grade) = (dice.below(PIERS.len()), store.people[who as usize].grade);
                let ended = store.end_assignments(who, today - 1);
                store.move_to(who, pier);
                store.add_assignment(Assignment { person: who, pier, grade, from_day: today, to_day: None });
                vec![
                    Statement::write(
                        "UPDATE",
                        "UPDATE crew.assignment SET to_date = $1 WHERE emp_id = $2 AND to_date IS NULL",
                        vec![crate::clock::iso_date(today - 1), id.clone()],
                        ended,
                    ),
                    Statement::write(
                        "INSERT",
                        "INSERT INTO crew.assignment (emp_id, pier, grade, from_date) VALUES ($1, $2, $3, $4)",
                        vec![id.clone(), PIERS[pier].to_owned(), GRADES[grade].to_owned(), day],
                        1,
                    ),
                    Statement::write("UPDATE", "UPDATE crew.employee SET pier = $1 WHERE emp_id = $2", vec![PIERS[pier].to_owned(), id], 1),
                ]
            }
            8 => match store.forget_kin(who) {
                Some(kin) => vec![Statement::write("DELETE", "DELETE FROM crew.next_of_kin WHERE kin_id = $1", vec![kin.to_string()], 1)],
                None => Vec::new(),
            },
            9 => {
                store.leave(who, today);
                vec![Statement::write("UPDATE", "UPDATE crew.employee SET left_on = $1 WHERE emp_id = $2", vec![day, id], 1)]
            }
            10 => {
                let point = (store.people[who as usize].pay_point + 1).min(49);
                store.people[who as usize].pay_point = point;
                vec![Statement::write("UPDATE", "UPDATE crew.pay SET pay_point = $1 WHERE emp_id = $2", vec![point.to_string(), id], 1)]
            }
            _ => self.hire(today, world),
        }
    }

    fn hire(&mut self, today: i64, world: &mut World) -> Vec<Statement> {
        let number = world.store.next_number();
        let serial = world.store.people.len() as u32;
        let mut p = person(&mut self.dice, number, serial, today);
        (p.hired_day, p.left_day) = (today, None);
        let day = crate::clock::iso_date;
        let employee = vec![
            p.emp_id.clone(),
            p.full_name.clone(),
            p.chinese_name.clone(),
            p.sex.to_string(),
            day(p.birth_day),
            p.id_card.clone(),
            p.mail.clone(),
            p.mobile.clone(),
            GRADES[p.grade].to_owned(),
            PIERS[p.pier].to_owned(),
            day(today),
        ];
        let assignment = vec![p.emp_id.clone(), PIERS[p.pier].to_owned(), GRADES[p.grade].to_owned(), day(today)];
        let pay = vec![p.emp_id.clone(), p.bank_no.clone(), p.pay_point.to_string()];
        let (pier, grade) = (p.pier, p.grade);
        let who = world.store.insert(p);
        world.store.add_assignment(Assignment { person: who, pier, grade, from_day: today, to_day: None });
        vec![
            Statement::write(
                "INSERT",
                "INSERT INTO crew.employee (emp_id, full_name, chinese_name, sex, birth_date, id_card, mail, mobile, grade, pier, hired) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                employee,
                1,
            ),
            Statement::write("INSERT", "INSERT INTO crew.assignment (emp_id, pier, grade, from_date) VALUES ($1, $2, $3, $4)", assignment, 1),
            Statement::write("INSERT", "INSERT INTO crew.pay (emp_id, bank_no, pay_point) VALUES ($1, $2, $3)", pay, 1),
        ]
    }

    fn administer(&mut self, at: Millis, world: &mut World) -> Result<Millis, DrillError> {
        let hour = civil(at, HONG_KONG).hour;
        if weekday(at) >= 5 || !(9..18).contains(&hour) {
            return Ok(at + HOUR);
        }
        let who = world.store.serving_at(self.dice.below(world.store.serving_count()));
        let id = world.store.emp_id(who);
        let statement = match self.dice.below(4) {
            0 => Statement::simple("SELECT count(*) FROM crew.assignment", 1),
            1 => Statement::simple(format!("SELECT emp_id, pier, grade\nFROM crew.employee\nWHERE emp_id = '{id}'"), 1),
            2 => Statement::simple("SELECT pid, state, query_start FROM pg_stat_activity WHERE datname = 'crew'", 5),
            _ => Statement::simple("SELECT relname, n_dead_tup FROM pg_stat_user_tables ORDER BY n_dead_tup DESC", 6),
        };
        world.run_job(at, DBA_HOST, ("dba_szeto", "crew", "psql"), &[statement])?;
        Ok(at + self.dice.pause(90 * MINUTE))
    }

    fn scan(&mut self, at: Millis, world: &mut World) -> Result<Millis, DrillError> {
        const PATHS: &[&str] = &[
            "/.git/HEAD",
            "/.env",
            "/phpmyadmin/",
            "/server-status",
            "/cgi-bin/test.cgi",
            "/actuator/env",
            "/backup.sql",
            "/web.config",
            "/wp-admin/",
            "/robots.txt",
        ];
        if at - self.begun > DAY + 14 * HOUR + 20 * MINUTE {
            return Ok(at + 365 * DAY);
        }
        let client = Client { address: SCANNER_HOST.to_owned(), agent: "Mozilla/5.0 (compatible; OIFA-ITSec-Scanner/6.2)", ..Client::default() };
        let path = format!("{}{}", self.dice.pick(PATHS), if self.dice.chance(40) { format!("?t={}", self.dice.below(999)) } else { String::new() });
        if self.dice.chance(50) {
            world.board(at, &client, &BoardCall::Other(path, 302))?;
        } else {
            world.crew(at, &client, &CrewCall::Other(path, 404))?;
        }
        Ok(at + self.dice.pause(6 * SECOND))
    }

    fn keep_host(&mut self, at: Millis, world: &mut World) -> Result<Millis, DrillError> {
        let pid = 1_000 + self.dice.below(29_000);
        let head = format!("{} board", civil(at, HONG_KONG).syslog());
        world.auth.line(at, format!("{head} CRON[{pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"))?;
        world.auth.line(at + 400, format!("{head} CRON[{pid}]: pam_unix(cron:session): session closed for user root"))?;
        if civil(at, HONG_KONG).hour == 10 && weekday(at) < 5 {
            let pid = pid + 7;
            world.auth.line(
                at + 900,
                format!(
                    "{head} sshd[{pid}]: Accepted publickey for ops from {DBA_HOST} port {} ssh2: ED25519 SHA256:{}",
                    40_000 + self.dice.below(20_000),
                    self.dice.hex(43)
                ),
            )?;
            world.auth.line(at + 950, format!("{head} sshd[{pid}]: pam_unix(sshd:session): session opened for user ops(uid=1001) by (uid=0)"))?;
            world.auth.line(at + 980, format!("{head} sudo:      ops : TTY=pts/0 ; PWD=/home/ops ; USER=root ; COMMAND=/usr/bin/systemctl status board"))?;
        }
        Ok(at + HOUR)
    }
}
