//! A sequence of calls, failures and power cuts, against a plain model.
//!
//! The input bytes encode the sequence. After each call the items it touched are compared with the model,
//! and every few calls everything. At the end everything is compared again: after a reopening, a seal, a
//! merge, a collection and a power cut.
mod model;

use crate::database::Database;
use crate::error::{Error, ErrorKind};
use model::{Call, IDS, Model, PAYS, SPACES, Shown, name, record};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::files::{Failure, Fault, Loss, MemoryFiles};

const ROOT: &str = "fuzzed.twin";
/// Maximum number of events; longer inputs find nothing that shorter ones do not.
const EVENTS: usize = 300;
/// Number of calls between comparisons of everything.
const LOOK_EVERY: usize = 8;

/// Runs the events that the bytes encode, starting from an empty directory. Panics where the database shows
/// something else than the model.
///
/// # Errors
/// Any is a fault: the error of a call that must not fail.
pub fn operations(data: &[u8]) -> Result<(), Error> {
    let mut bytes = Bytes(data);
    let files = MemoryFiles::default();
    let mut play = Play {
        db: open(&files, 0)?,
        files,
        fault: None,
        possible: vec![Model::default()],
        reader: None,
    };
    for at in 1..=EVENTS {
        let Some(event) = bytes.next() else { break };
        play.event(event, &mut bytes)?;
        if at % LOOK_EVERY == 0 {
            play.look()?;
        }
    }
    play.end()
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A byte, 0 when there are no more.
    fn byte(&mut self) -> u8 {
        self.next().unwrap_or_default()
    }

    fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    /// A price, none for an item that no tower can embed.
    fn price(&mut self) -> Option<u8> {
        Some(self.byte()).filter(|price| *price < u8::MAX)
    }

    fn space(&mut self) -> usize {
        usize::from(self.below(2))
    }

    fn failure(&mut self) -> Failure {
        match self.below(6) {
            0 => Failure::NoSpace,
            1 => Failure::ShortWrite { kept: 1 },
            2 => Failure::ShortWrite { kept: 70 },
            3 => Failure::ShortWrite { kept: usize::MAX },
            4 => Failure::Sync,
            _ => Failure::Io,
        }
    }

    fn loss(&mut self, pending: usize) -> Loss {
        let (kind, number) = (self.below(8), self.byte());
        let (at, seed) = (usize::from(number) % pending.max(1), u64::from(number));
        match kind {
            0 => Loss::All,
            1 => Loss::None,
            2 => Loss::Zeroed,
            3 => Loss::OnlyKept(at),
            4 => Loss::OnlyLost(at),
            5 => Loss::Torn { block: 64, seed },
            6 => Loss::Torn { block: 512, seed },
            _ => Loss::Random(seed),
        }
    }
}

/// A database in use, and what it may hold: several states only while a failure is not resolved.
struct Play {
    files: MemoryFiles,
    db: Database,
    /// What goes wrong, once or from then on; also when it has been already.
    fault: Option<Fault>,
    possible: Vec<Model>,
    /// A read-only handle, and the state it saw at its last refresh.
    reader: Option<(Database, Shown)>,
}

impl Play {
    fn event(&mut self, event: u8, bytes: &mut Bytes<'_>) -> Result<(), Error> {
        let call = match event % 32 {
            0..=3 => Call::Put([(bytes.below(IDS), bytes.price())].into()),
            4 => Call::Calibrate {
                space: bytes.space(),
            },
            5 => Call::Tidy,
            6..=8 => {
                let count = 1 + bytes.below(IDS);
                let rows = (0..count).map(|_| (bytes.below(IDS), bytes.price()));
                Call::Put(rows.collect())
            }
            9..=10 => Call::Delete(bytes.below(IDS)),
            11..=12 => Call::Seal,
            13 => Call::Merge,
            14..=16 => Call::Publish {
                space: bytes.space(),
                scale: 1 << bytes.below(4),
                retain: 1 + usize::from(bytes.below(3)),
            },
            17 => Call::Rollback {
                space: bytes.space(),
                to: None,
            },
            18 => Call::Rollback {
                space: bytes.space(),
                to: Some(1 + u64::from(bytes.below(8))),
            },
            19 => Call::Retain {
                space: bytes.space(),
                keep: usize::from(bytes.below(3)),
            },
            20 => Call::Collect,
            21 => return self.reopen(bytes.byte()),
            22..=23 => {
                let loss = bytes.loss(self.files.pending());
                return self.cut_power(loss, bytes.byte());
            }
            24..=26 => {
                let failure = bytes.failure();
                let at = 1 + u64::from(bytes.below(40));
                let forever = false;
                self.set_fault(Fault::Fail {
                    at,
                    forever,
                    failure,
                });
                return Ok(());
            }
            27 => {
                let at = 1 + u64::from(bytes.below(40));
                self.set_fault(Fault::PowerCut { at });
                return Ok(());
            }
            28 => return self.open_reader(),
            29..=30 => return self.refresh_reader(),
            _ => return self.look(),
        };
        self.call(&call, bytes)
    }

    fn call(&mut self, call: &Call, bytes: &mut Bytes<'_>) -> Result<(), Error> {
        let result = call.run(&self.db);
        let mut failed = false;
        match &result {
            Ok(answer) => {
                self.possible
                    .retain_mut(|model| model.apply(call) == Some(*answer));
            }
            Err(error) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Uncertain) => {
                assert!(
                    self.fault.is_some(),
                    "{call:?}: {error:?} though nothing failed"
                );
                failed = true;
                let mut done = self.possible.clone();
                done.retain_mut(|model| model.apply(call).is_some());
                self.possible.extend(done);
            }
            Err(error) => {
                let refused = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput);
                assert!(refused, "{call:?}: {error:?}");
                let refuses = |model: &Model| model.clone().apply(call).is_none();
                self.possible.retain(refuses);
            }
        }
        assert!(!self.possible.is_empty(), "{call:?} gave {result:?}");
        if self.db.writing()?.is_poisoned() {
            assert!(
                self.fault.is_some(),
                "{call:?}: poisoned though nothing failed"
            );
            // Recalls still work, and show the state before or after the call.
            self.assert_possible(&shown(&self.db)?);
            self.recover(bytes)
        } else if failed {
            self.look()
        } else {
            self.look_at(call)
        }
    }

    /// After a failure that leaves the outcome open: by another handle, or after a power cut.
    fn recover(&mut self, bytes: &mut Bytes<'_>) -> Result<(), Error> {
        match bytes.below(2) {
            0 => {
                self.clear_fault();
                self.reopen(bytes.byte())
            }
            _ => {
                let loss = bytes.loss(self.files.pending());
                self.cut_power(loss, bytes.byte())
            }
        }
    }

    fn set_fault(&mut self, fault: Fault) {
        self.files.set_fault(Some(fault));
        self.fault = Some(fault);
    }

    fn clear_fault(&mut self) {
        self.files.set_fault(None);
        self.fault = None;
    }

    /// Closes the database and opens it again; if that fails, once more.
    fn reopen(&mut self, options: u8) -> Result<(), Error> {
        // Its lock has to go before another is taken.
        self.db = reading(&self.files)?;
        self.db = match open(&self.files, options) {
            Ok(db) => db,
            Err(error) => {
                let due = self.fault.is_some() && error.kind() == ErrorKind::Io;
                assert!(due, "cannot open: {error:?}");
                self.clear_fault();
                open(&self.files, options)?
            }
        };
        self.look()
    }

    fn cut_power(&mut self, loss: Loss, options: u8) -> Result<(), Error> {
        self.reader = None;
        self.files = self.files.after_power_cut(loss);
        self.fault = None;
        self.db = open(&self.files, options)
            .inspect_err(|_| eprintln!("cannot open after a power cut, lost: {loss:?}"))?;
        self.look()
    }

    fn open_reader(&mut self) -> Result<(), Error> {
        let reader = reading(&self.files)?;
        let seen = shown(&reader)?;
        self.narrow(&seen);
        self.reader = Some((reader, seen));
        Ok(())
    }

    fn refresh_reader(&mut self) -> Result<(), Error> {
        let Some((reader, before)) = self.reader.take() else {
            return Ok(());
        };
        assert_eq!(shown(&reader)?, before, "a reader stays where it was");
        reader.refresh()?;
        let seen = shown(&reader)?;
        self.narrow(&seen);
        self.reader = Some((reader, seen));
        Ok(())
    }

    /// Compares everything.
    fn look(&mut self) -> Result<(), Error> {
        let seen = shown(&self.db)?;
        self.narrow(&seen);
        Ok(())
    }

    fn narrow(&mut self, seen: &Shown) {
        self.assert_possible(seen);
        self.possible.retain(|model| model.shown() == *seen);
    }

    fn assert_possible(&self, seen: &Shown) {
        assert!(
            self.possible.iter().any(|model| model.shown() == *seen),
            "{seen:#?} is not among the possible states {:#?}",
            self.possible
        );
    }

    /// Compares what a call touched.
    fn look_at(&self, call: &Call) -> Result<(), Error> {
        let touched: Vec<u8> = match call {
            Call::Put(rows) => rows.keys().copied().collect(),
            Call::Delete(id) => vec![*id],
            _ => return Ok(()),
        };
        for id in touched {
            let found = self.db.items().get(&name(id))?;
            let price = |model: &Model| model.items.get(&id).map(|price| record(id, *price));
            assert!(
                self.possible.iter().any(|model| price(model) == found),
                "{found:?} after {call:?}"
            );
        }
        Ok(())
    }

    fn end(mut self) -> Result<(), Error> {
        self.clear_fault();
        self.reopen(0)?;
        for call in [None, Some(Call::Seal), Some(Call::Merge)] {
            if let Some(call) = call {
                self.call(&call, &mut Bytes(&[]))?;
            }
            self.look()?;
            self.open_reader()?;
            self.db.collect()?;
            assert_eq!(self.db.garbage()?, Vec::<std::path::PathBuf>::new());
            assert_eq!(self.db.check()?.problems, []);
        }
        self.cut_power(Loss::All, 0)?;
        assert_eq!(self.db.check()?.problems, []);
        Ok(())
    }
}

/// Opens for writing; with odd options puts seal by themselves early.
fn open(files: &MemoryFiles, options: u8) -> Result<Database, Error> {
    let writes = if options % 2 == 1 { 2 } else { u64::MAX / 8 };
    let options = Database::options().background(false).seal_writes(writes);
    options.open_on(Arc::new(files.clone()), Path::new(ROOT))
}

fn reading(files: &MemoryFiles) -> Result<Database, Error> {
    let options = Database::options().read_only(true);
    options.open_on(Arc::new(files.clone()), Path::new(ROOT))
}

fn shown(db: &Database) -> Result<Shown, Error> {
    let mut items = BTreeMap::new();
    for id in 0..IDS {
        items.extend(db.items().get(&name(id))?.map(|record| (id, record)));
    }
    let stats = db.stats()?;
    assert_eq!(stats.items, items.len() as u64);
    let generations = SPACES.map(|space| {
        let kept = db.generations(space).unwrap_or_default();
        kept.iter().map(|g| (g.number.0, g.active)).collect()
    });
    let mut recalled = SPACES.map(|_| None);
    for (space, recalled) in SPACES.iter().zip(&mut recalled) {
        *recalled = recall(db, space, true)?;
        if let Some(exact) = recalled {
            assert_eq!(
                recall(db, space, false)?.as_ref(),
                Some(&*exact),
                "the index"
            );
            assert_eq!(stats.spaces[*space].items, exact.len() as u64);
        }
    }
    Ok(Shown {
        items,
        generations,
        recalled,
    })
}

/// Everything a space finds; none when there is no such space.
fn recall(db: &Database, space: &str, exact: bool) -> Result<Option<BTreeMap<String, f32>>, Error> {
    let user = json!({"price": PAYS});
    let recall = db.recall(space).user(&user);
    let recall = if exact { recall.exact() } else { recall };
    match recall.top(2 * usize::from(IDS)) {
        Err(Error::UnknownSpace { .. }) => Ok(None),
        hits => {
            let hits = hits?;
            assert!(hits.is_sorted_by(|a, b| a.score >= b.score), "{hits:?}");
            let found: BTreeMap<_, _> = hits.iter().map(|h| (h.id.clone(), h.score)).collect();
            assert_eq!(found.len(), hits.len(), "an item twice: {hits:?}");
            Ok(Some(found))
        }
    }
}
