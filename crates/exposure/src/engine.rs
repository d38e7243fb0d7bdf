//! The real replayer: `strandline-provenance` behind the port of this crate.

use strandline_history::{NOBODY, SOMEBODY};
use strandline_model::exposure::Certainty;
use strandline_provenance::{self as provenance, Doubt, Engine, Prepared, Sureness};

use crate::replay::{Call, EngineDatabase, ReplayDoubt, Replayed, Replayer, Revealed, RowRange};
use crate::session::Session;
use crate::{Dialect, Options};

struct Provenance {
    engine: Engine,
    dialect: Dialect,
    prepared: Vec<Prepared>,
}

/// A replayer for a database.
pub(crate) fn replayer(database: EngineDatabase, options: &Options) -> Result<Box<dyn Replayer>, String> {
    let dialect = database.dialect;
    let database = provenance::Database {
        search_path: database.search_path,
        collation: database.collation,
        dialect: database.dialect,
        tables: database
            .tables
            .into_iter()
            .map(|t| provenance::VersionedTable {
                schema: t.schema,
                name: t.name,
                columns: t.columns,
                unique_keys: t.unique_keys,
                has_subject: t.has_subject,
                hidden: t.hidden,
                near: t.near.into_iter().map(|cell| provenance::NearCell { column: cell.column, from: cell.from, to: cell.to, write: cell.write }).collect(),
                batches: t.batches,
            })
            .collect(),
        holders: database.holders.into(),
        views: database.views.into_iter().map(|v| provenance::View { schema: v.schema, name: v.name, sql: v.sql, as_of: v.as_of }).collect(),
    };
    let options = provenance::Options {
        inferable_group: options.inferable_group,
        memory_limit_bytes: options.memory_limit_bytes,
        threads: options.threads,
        ..provenance::Options::default()
    };
    let engine = Engine::new(database, options).map_err(|e| e.to_string())?;
    Ok(Box::new(Provenance { engine, dialect, prepared: Vec::new() }))
}

impl Replayer for Provenance {
    fn prepare(&mut self, sql: &str, session: &Session) -> Result<usize, String> {
        let session = provenance::Session {
            search_path: session.search_path.clone(),
            role: session.role.clone(),
            zone: session.zone.as_deref().and_then(|zone| provenance::Zone::named(zone, self.dialect)),
            pipes_join: session.pipes_join,
            joined_bytes: session.joined_bytes,
        };
        let prepared = self.engine.prepare_in(sql, &session).map_err(|unsupported| unsupported.reason)?;
        self.prepared.push(prepared);
        Ok(self.prepared.len() - 1)
    }

    fn replay(&mut self, statement: usize, calls: &[Call]) -> Vec<Result<Replayed, String>> {
        let calls: Vec<provenance::Call> = calls
            .iter()
            .map(|call| provenance::Call {
                time: call.time,
                as_of: Some(call.as_of.unwrap_or_else(|| strandline_history::moment(call.time))),
                parameters: call.parameters.clone(),
                rows: call.rows.map(|(skip, take)| provenance::RowWindow { skip, take: Some(take) }),
            })
            .collect();
        let answers = self.engine.replay(&self.prepared[statement], &calls);
        answers.into_iter().map(|answer| answer.map(replayed).map_err(|e| e.to_string())).collect()
    }

    fn forget(&mut self) {
        self.prepared.clear();
    }
}

fn replayed(answer: provenance::Replayed) -> Replayed {
    let mut of_somebody = Vec::new();
    for revealed in answer.revealed.iter().filter(|r| r.how == provenance::How::Displayed && r.subjects.contains(&SOMEBODY)) {
        of_somebody.extend(revealed.columns.iter().map(|c| (c.table, c.column)));
    }
    let revealed = answer.revealed.into_iter().map(|r| Revealed {
        columns: r.columns.iter().map(|c| (c.table, c.column)).collect(),
        displayed: r.how == provenance::How::Displayed,
        doubt: r.doubt.map(read_doubt),
        subjects: r.subjects.into_iter().filter(|person| ![SOMEBODY, NOBODY].contains(person)).collect(),
    });
    Replayed {
        rows: RowRange { least: answer.rows.least, most: answer.rows.most },
        revealed: revealed.collect(),
        of_somebody,
        other_rows: answer.doubts.iter().any(|d| other_rows(*d)),
        others: answer.others.iter().map(|c| (c.table, c.column)).collect(),
        looked_at: answer.looked_at.iter().map(|c| (c.table, c.column)).collect(),
        displayable: answer.displayable.iter().map(|c| (c.table, c.column)).collect(),
        deciding: answer.deciding.iter().chain(&answer.looked_at).map(|c| (c.table, c.column)).collect(),
        coarse: answer.coarse.iter().filter(|c| !answer.looked_at.contains(c)).map(|c| (c.table, c.column)).collect(),
    }
}

fn read_doubt(doubt: Doubt) -> ReplayDoubt {
    let at_most = match doubt.at_most() {
        Sureness::Likely => Certainty::Likely,
        Sureness::Possible => Certainty::Possible,
    };
    ReplayDoubt { sentence: doubt.sentence(), other_rows: other_rows(doubt), at_most, is_settled_by_count: doubt.is_settled_by_count() }
}

/// Whether rows that the replay did not choose may have been sent instead.
fn other_rows(doubt: Doubt) -> bool {
    match doubt {
        Doubt::TiedLimit | Doubt::UnorderedLimit | Doubt::Collation | Doubt::OrderOfPartition | Doubt::Nondeterministic => true,
        // Those whom a comparison may have let through are in the answer themselves, or in its `others`.
        Doubt::DoubtfulRow
        | Doubt::UnknownValue
        | Doubt::ExtremeOfGroup
        | Doubt::Recursion
        | Doubt::Shortened
        | Doubt::Comparison
        | Doubt::LetThrough
        | Doubt::Displaced
        | Doubt::Piece
        | Doubt::Branch
        | Doubt::UnknownFunction => false,
    }
}

#[cfg(test)]
mod tests {
    use strandline_history as history;
    use strandline_provenance as provenance;

    #[test]
    fn history_and_provenance_tell_alike_what_of_a_row_is_in_doubt() {
        assert_eq!(history::ROW_IN_DOUBT, provenance::ROW_IN_DOUBT);
        assert!((0..2_000).all(|column| history::column_in_doubt(column) == provenance::column_in_doubt(column)));
    }
}
