//! Reads a folder of rule files. They are no evidence and are not sealed, but they come from outside too: links are not
//! followed, and a file that is too large is not read.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a rule file that is read.
const FILE_BYTES: u64 = 4 << 20;
/// Folders in one another.
const DEPTH: usize = 32;

/// A rule file: its path as given with the folder's, and its bytes or the reason why they were not read.
pub type RuleFileRead = (String, Result<Vec<u8>, String>);

/// Reads every `.yml` and `.yaml` file under a folder, or the one file that `path` names, in the order of their paths.
///
/// # Errors
/// If `path` itself cannot be read. What is under it and cannot be read is in the list with its reason.
pub fn read_rule_folder(path: &Path) -> io::Result<Vec<RuleFileRead>> {
    let mut found = Vec::new();
    if fs::metadata(path)?.is_dir() {
        walk(path, DEPTH, &mut found)?;
    } else {
        found.push((path.display().to_string(), read(path)));
    }
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<RuleFileRead>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.display().to_string();
        let is_rule = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("yml") || e.eq_ignore_ascii_case("yaml"));
        // Of the entry itself, not of what a link leads to.
        match fs::symlink_metadata(&path) {
            Err(error) => found.push((name, Err(error.to_string()))),
            Ok(kind) if kind.is_symlink() => found.push((name, Err("a symbolic link; it is not followed".into()))),
            Ok(kind) if kind.is_dir() && depth == 0 => found.push((name, Err(format!("more than {DEPTH} folders deep")))),
            Ok(kind) if kind.is_dir() => {
                if let Err(error) = walk(&path, depth - 1, found) {
                    found.push((name, Err(error.to_string())));
                }
            }
            Ok(kind) if kind.is_file() && is_rule => found.push((name, read(&path))),
            Ok(_) if is_rule => found.push((name, Err("neither a file nor a folder".into()))),
            Ok(_) => {}
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > FILE_BYTES { Err(format!("larger than the {FILE_BYTES} bytes that a rule file may have; split it")) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_large_files_are_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("inner")).expect("a folder");
        fs::write(at("inner/b.yaml"), "b").expect("written");
        fs::write(at("a.yml"), "a").expect("written");
        fs::write(at("README.md"), "text").expect("written");
        fs::write(at("large.yml"), vec![b'x'; 10 << 20]).expect("written");
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc", at("link")).expect("linked");
        let read = read_rule_folder(folder.path()).expect("read");
        let shown: Vec<String> = read
            .iter()
            .map(|(path, bytes)| {
                let name = Path::new(path).strip_prefix(folder.path()).expect("inside").display();
                format!("{name}: {}", bytes.as_ref().map_or_else(Clone::clone, |bytes| String::from_utf8_lossy(bytes).into_owned()))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "a.yml: a",
                "inner/b.yaml: b",
                "large.yml: larger than the 4194304 bytes that a rule file may have; split it",
                "link: a symbolic link; it is not followed",
            ]
        );
        assert_eq!(read_rule_folder(&at("a.yml")).expect("read").len(), 1);
        assert!(read_rule_folder(&at("nothing")).is_err());
    }
}
