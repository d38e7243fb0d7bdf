//! The nearest right name to a wrong one, for hints.

/// The candidate with the smallest edit distance, if it is near enough to be meant. Ties go to the first in order.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let reach = (name.chars().count() / 3).max(2);
    candidates.map(|candidate| (distance(name, candidate), candidate)).filter(|(d, _)| *d <= reach).min_by_key(|(d, _)| *d).map(|(_, c)| c)
}

/// Levenshtein distance over characters, with a swap of neighbours counted as one (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut rows: [Vec<usize>; 3] = [vec![0; b.len() + 1], (0..=b.len()).collect(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        rows[2][0] = i;
        for j in 1..=b.len() {
            let mut best = (rows[1][j] + 1).min(rows[2][j - 1] + 1).min(rows[1][j - 1] + usize::from(a[i - 1] != b[j - 1]));
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = best;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("hsr", ["kms", "hrs"].into_iter()), Some("hrs"));
        assert_eq!(nearest("HR.Stafff", ["hr.staff", "hr.posting"].into_iter()), Some("hr.staff"));
        assert_eq!(nearest("invoice", ["hr.staff", "hr.posting"].into_iter()), None);
    }
}
