//! The draft of an estate and its check, through the binary: on a department that a drill makes up, whose truth is known.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn strandline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_strandline")).args(arguments).output().expect("the binary runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A department with an intruder in it; `folder` has its evidence, dump and register, and nothing that says what is what.
struct Department {
    made: TempDir,
    folder: PathBuf,
}

impl Department {
    fn new() -> Self {
        let made = TempDir::new().expect("a temporary folder");
        let output = strandline(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", text(&made.path().join("made"))]);
        assert!(output.status.success(), "{}", said(&output));
        let folder = made.path().join("found");
        fs::create_dir(&folder).expect("a folder");
        for part in ["evidence", "snapshot", "register"] {
            fs::rename(made.path().join("made").join(part), folder.join(part)).expect("the department has it");
        }
        Self { made, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.made.path().join(name)
    }

    /// The draft, kept as `draft.toml`.
    fn draft(&self) -> String {
        let output = strandline(&["estate", "draft", text(&self.folder)]);
        assert!(output.status.success(), "{}", said(&output));
        let draft = String::from_utf8(output.stdout).expect("a draft is text");
        fs::write(self.path("draft.toml"), &draft).expect("a file");
        draft
    }

    fn respond(&self) -> Output {
        strandline(&["respond", "--estate", text(&self.path("draft.toml")), "--evidence", text(&self.folder), "--case", text(&self.path("case"))])
    }

    /// Values of a column of a CSV file, of lines that fit.
    fn column(&self, file: &str, column: &str, fits: impl Fn(&[&str]) -> bool) -> BTreeSet<String> {
        let csv = fs::read_to_string(self.path(file)).expect("a file");
        let names: Vec<&str> = csv.lines().next().expect("a header").split(',').collect();
        let at = names.iter().position(|name| *name == column).expect("the file has the column");
        csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>()).filter(|cells| fits(cells)).map(|cells| cells[at].to_owned()).collect()
    }
}

#[test]
fn an_unedited_draft_errs_only_towards_possible() {
    let department = Department::new();
    let draft = department.draft();
    assert!(draft.contains("subject_key = \"emp_id\"") && draft.contains("key = \"emp_id\"  # [sure]"), "{draft}");
    let output = department.respond();
    assert!(output.status.success(), "{}", said(&output));
    let truth = department.column("made/truth/exposures.csv", "data_subject", |_| true);
    let told = department.column("case/export/letters.csv", "data_subject", |cells| cells.contains(&"exposed") || cells.contains(&"possible"));
    let confirmed = department.column("case/export/exposures.csv", "data_subject", |cells| cells[3] == "confirmed");
    assert!(!truth.is_empty() && truth.is_subset(&told), "{} of the truth are told nothing", truth.difference(&told).count());
    assert!(confirmed.is_empty(), "nobody named the actor, and nobody corrected the estate");
    let reassured = department.column("case/export/letters.csv", "data_subject", |cells| cells.contains(&"not_reached"));
    assert!(reassured.is_empty(), "{} are told that they were not reached", reassured.len());
    // Once somebody has looked, it is an estate as any other.
    fs::write(department.path("draft.toml"), draft.replace("draft = true", "")).expect("a file");
    assert!(department.respond().status.success());
    assert!(!department.column("case/export/exposures.csv", "data_subject", |cells| cells[3] == "confirmed").is_empty());
}

#[test]
fn a_register_that_counts_its_people_otherwise_is_told_and_refused() {
    let department = Department::new();
    department.draft();
    // Everybody gets the number of the next.
    let path = department.folder.join("register/crew.csv");
    let register = fs::read_to_string(&path).expect("a register");
    let (header, lines) = register.split_once('\n').expect("a header");
    let lines: Vec<(&str, &str)> = lines.lines().map(|line| line.split_once(',').expect("several columns")).collect();
    let shifted = lines.iter().enumerate().map(|(at, (_, rest))| format!("{},{rest}\n", lines[(at + 1) % lines.len()].0));
    fs::write(&path, format!("{header}\n{}", shifted.collect::<String>())).expect("a register");
    let refused = department.respond();
    assert!(!refused.status.success());
    assert!(said(&refused).contains("another person under that number"), "{}", said(&refused));
    let check = strandline(&["estate", "check", text(&department.path("draft.toml")), "--evidence", text(&department.folder)]);
    let found = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(found.contains("the register has another person under the number in \"emp_id\""), "{found}");
    assert!(!department.draft().contains("key = \"emp_id\"  # [sure]"));
}
