//! Arguments that several commands share: groups of flags, and the values they take.
//!
//! Each group turns itself into what a command needs: a database is opened, a recall is configured, JSON is
//! read from a file. A command adds the flags that it alone has.

mod columns;
mod json;
mod numbers;
mod search;
mod split;
mod state;
mod target;
mod users;

pub use columns::ColumnArgs;
pub use json::{json, json_of_text, json_values};
pub use numbers::{at_least_one, at_least_two, moment, recall_share, share};
pub use search::{EffortArgs, SearchArgs, ShowArgs};
pub use split::{TieArgs, split};
pub use state::{StateArg, state_label};
pub use target::{DatabaseArg, SpaceArgs, check_exists, open_to_read};
pub use users::read_users;
