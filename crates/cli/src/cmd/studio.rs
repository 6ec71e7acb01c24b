//! `twinspire studio`: a local page that shows a database.

use std::net::IpAddr;
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::json;
use twinspire_studio::{DEFAULT_PORT, Studio, StudioError};

use crate::args::{DatabaseArg, check_exists};
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire studio movies.twin
  twinspire studio movies.twin --port 0 --open

Prints the address of the page and answers until it is stopped with Ctrl-C. The database is opened read-only
and followed: another process may write to it meanwhile. The page needs no network.

Only this machine can open the page. With --listen and an address of the network, whoever has the printed
address can, for it contains a token; there is no encryption.

/metrics shows the state of the database, and what the studio's own recalls took, in the format of Prometheus.";

/// Open a local page that shows what the database holds and why it answers as it does.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StudioArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// Port to listen at; 0 for any free one
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Address to listen at; any other than this machine's own asks for a token
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    listen: IpAddr,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

/// Runs the command.
pub fn run(args: StudioArgs, output: &Output) -> Result<Exit, Failure> {
    let path = &args.target.database;
    check_exists(path)?;
    let options = Studio::options(path).port(args.port).listen(args.listen);
    let options = options.record_metrics(true);
    let studio = options.bind().map_err(failure)?;
    let url = studio.url().to_owned();
    output.result(&json!({"url": url}), || {
        format!("{} is shown at {url}", path.display())
    })?;
    if args.open
        && let Err(error) = open(&url)
    {
        output.note(&format!("the browser cannot be opened: {error}"));
    }
    studio.run().map_err(failure)?;
    Ok(Exit::Done)
}

fn failure(error: StudioError) -> Failure {
    match error {
        StudioError::Database(error) => error.into(),
        other => Failure::operation(other.to_string()),
    }
}

/// Opens an address in the browser of the desktop.
fn open(url: &str) -> std::io::Result<()> {
    let mut command = match std::env::consts::OS {
        "macos" => Command::new("open"),
        "windows" => {
            let mut command = Command::new("rundll32");
            command.arg("url.dll,FileProtocolHandler");
            command
        }
        _ => Command::new("xdg-open"),
    };
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null());
    silent.stderr(Stdio::null()).arg(url).spawn().map(drop)
}
