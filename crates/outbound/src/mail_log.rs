//! The mail server's own log, to find out whether it took a letter whose acknowledgement was lost.
//!
//! Only lines that a server writes after it has taken a letter count: Postfix's queue manager (`from=<…> … (queue active)`),
//! Exim's arrival (`<= …`), and OpenSMTPD's delivery (`mda delivery` or `mta delivery … from=<…>`). A refusal names the
//! sender too and proves the opposite. That a letter is not in the log proves nothing by itself: the log may be another day's.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read};

use strandline_model::letter::LetterReference;

use crate::return_path::ReturnPath;

/// Longest line that is read; what is behind it is left out.
const LINE_LIMIT: u64 = 1 << 16;

/// Letters that the log proves to have been taken.
///
/// # Errors
/// If the log cannot be read.
pub fn find_accepted(mut log: impl BufRead, return_path: &ReturnPath) -> io::Result<BTreeSet<LetterReference>> {
    let mut found = BTreeSet::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if Read::take(&mut log, LINE_LIMIT).read_until(b'\n', &mut line)? == 0 {
            return Ok(found);
        }
        found.extend(accepted_in(&String::from_utf8_lossy(&line), return_path));
    }
}

fn accepted_in(line: &str, return_path: &ReturnPath) -> Option<LetterReference> {
    let after = |mark: &str| line.split_once(mark).map(|(_, rest)| rest);
    let of_queue = ["(queue active)", " mda delivery ", " mta delivery "].iter().any(|mark| line.contains(mark));
    let sender = if of_queue { after("from=<")?.split('>').next()? } else { after(" <= ")?.split_whitespace().next()? };
    return_path.reference_in(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_after_acceptance_count() {
        let path = ReturnPath::new("bounces@example.org", '+').unwrap();
        let sender = "bounces+abcdefghijklmnop@example.org";
        for (line, accepted) in [
            (format!("Nov 25 01:00:00 mx postfix/qmgr[7]: 4TABC: from=<{sender}>, size=900, nrcpt=1 (queue active)"), true),
            (format!("2026-11-25 01:00:00 1abc-0001-AB <= {sender} H=app [192.0.2.1] P=esmtps S=900"), true),
            (format!("Nov 25 01:00:00 mx smtpd[7]: abc mta delivery evpid=1 from=<{sender}> to=<x@y.z> rcpt=<-> result=\"Ok\""), true),
            (format!("Nov 25 01:00:00 mx smtpd[7]: abc mda delivery evpid=1 from=<{sender}> to=<x@y.z> user=x method=maildir delay=0s result=Ok"), true),
            (format!("Nov 25 01:00:00 mx postfix/smtpd[7]: NOQUEUE: reject: RCPT from app: 550 5.1.1; from=<{sender}> to=<x@y.z>"), false),
            (format!("Nov 25 01:00:00 mx smtpd[7]: abc smtp failed-command command=\"MAIL FROM:<{sender}>\""), false),
            ("(queue active) from=<".to_owned(), false),
        ] {
            assert_eq!(find_accepted(line.as_bytes(), &path).unwrap().len(), usize::from(accepted), "{line}");
        }
    }
}
