//! One call for a fuzzer: any bytes as one file of evidence, taken in and read back.

use std::io::Read;

use strandline_model::evidence::ArtefactId;

use crate::identify::{identify_content, identify_packing};
use crate::tar::Tar;
use crate::unpack::{Budget, Budgeted, Hashed, Limits, decompress};

/// Identifies and unpacks `bytes` in memory. Panics, hangs and unbounded memory are what a fuzzer looks for.
pub fn fuzz_intake(bytes: &[u8]) {
    let limits = Limits { unpacked_bytes: 1 << 24, members: 1000, ..Limits::default() };
    let budget = Budget::new(limits);
    let _ = identify_content(bytes);
    let container = identify_packing(bytes).container();
    let Ok(decoded) = decompress(container, Box::new(budget.packed(bytes))) else { return };
    let mut stream = Hashed::new(Budgeted::new(decoded, &budget));
    let mut archive = Tar::new(&mut stream);
    while let Ok(Some(member)) = archive.next_member() {
        let _ = crate::intake::member_name(&member.name);
        let mut head = Vec::new();
        let _ = (&mut archive).take(4096).read_to_end(&mut head);
        let _ = identify_content(&head);
        if budget.member().is_err() {
            break;
        }
    }
    stream.drain();
    let _ = ArtefactId::of_digest(&stream.digest());
}
