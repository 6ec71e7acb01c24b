//! How a recall searches and what it shows.

use super::numbers::{at_least_one, finite, recall_share};
use clap::Args;
use twinspire::Recall;

/// Which items to return.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// Number of items to return
    #[arg(short = 'k', long, value_name = "K", default_value_t = 10)]
    pub top: usize,
    /// Number of best items to skip, as for a second page: pages of the same size K never overlap
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: usize,
    #[command(flatten)]
    pub effort: EffortArgs,
    /// Return only items with at least this score
    #[arg(long, value_name = "SCORE", allow_hyphen_values = true, value_parser = finite)]
    pub at_least: Option<f32>,
    /// Return only items that match, as in "city = 'Seattle' and price < 30"
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Items to leave out, such as those already seen (may be repeated)
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub exclude: Vec<String>,
}

/// How hard to search.
#[derive(Debug, Args)]
pub struct EffortArgs {
    /// Beam width (efSearch): wider finds more and takes longer. By default 100, and as wide as recall of 0.9 takes in a
    /// recall by user
    #[arg(long, value_name = "N", conflicts_with = "exact", value_parser = at_least_one)]
    pub ef: Option<usize>,
    /// Share of the exact answer to find, such as 0.95, in place of --ef: by a beam width that was measured to
    /// find it, otherwise by scoring every item
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["exact", "ef"], value_parser = recall_share)]
    pub recall_target: Option<f32>,
    /// Score every item instead of searching the graph
    #[arg(long)]
    pub exact: bool,
}

/// What to show of the answer.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Show how the answer was found, with the time of each stage
    #[arg(long)]
    pub explain: bool,
    /// Show the exact rank of each item in every space, which scores every item
    #[arg(long)]
    pub exact_ranks: bool,
    /// Show the record of each item
    #[arg(long)]
    pub records: bool,
    /// Show these fields of the record of each item, such as title,seller.city
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    pub fields: Vec<String>,
}

impl SearchArgs {
    /// A recall with these options; `top` is passed when it is run.
    pub fn apply<'a>(&self, mut recall: Recall<'a>) -> Recall<'a> {
        recall = recall.offset(self.offset).exclude(&self.exclude);
        if let Some(filter) = &self.filter {
            recall = recall.filter(filter);
        }
        if let Some(score) = self.at_least {
            recall = recall.at_least(score);
        }
        let EffortArgs {
            ef,
            recall_target,
            exact,
        } = self.effort;
        if let Some(ef) = ef {
            recall = recall.ef(ef);
        }
        if let Some(share) = recall_target {
            recall = recall.recall_target(share);
        }
        match exact {
            true => recall.exact(),
            false => recall,
        }
    }
}

impl ShowArgs {
    /// Whether anything of the records is shown.
    pub fn shows_records(&self) -> bool {
        self.records || !self.fields.is_empty()
    }

    /// A recall that returns what is to be shown.
    pub fn apply<'a>(&self, mut recall: Recall<'a>) -> Recall<'a> {
        if self.explain {
            recall = recall.explain();
        }
        if self.exact_ranks {
            recall = recall.exact_ranks();
        }
        match (self.fields.is_empty(), self.records) {
            (false, _) => recall.fields(&self.fields),
            (true, true) => recall.records(),
            (true, false) => recall,
        }
    }
}
