//! The training recipes, each measured on a public collection.
//!
//! ```sh
//! cargo run --release --features import,train --example recipes -- dssm CRANFIELD_DIR
//! cargo run --release --features import,onnx,tokens,train --example recipes -- encoder CRANFIELD_DIR ENCODER_DIR
//! cargo run --release --features import,train --example recipes -- ebr MOVIELENS_DIR
//! cargo run --release --features import,train --example recipes -- mobius MOVIELENS_DIR
//! cargo run --release --features import,train --example recipes -- youtube MOVIELENS_DIR
//! ```
//!
//! Each recipe is a module: it reads a collection, tries settings and judges the results. Towers are chosen on a
//! holdout of the training data, published into a database, and judged by the recalls of that database.

mod cranfield;
mod dssm;
mod ebr;
#[cfg(all(feature = "onnx", feature = "tokens"))]
mod encoder;
mod mobius;
mod movielens;
mod youtube;

use std::error::Error;
use std::process::ExitCode;

const HELP: &str = "\
usage: recipes dssm CRANFIELD_DIR [--auto | --config FILE]
       recipes encoder CRANFIELD_DIR ENCODER_DIR
       recipes ebr MOVIELENS_DIR [--config FILE]
       recipes mobius MOVIELENS_DIR [--config FILE]
       recipes youtube MOVIELENS_DIR [--grid]

  dssm     text to text on the Cranfield collection (cran.all.1400, cran.qry, cranqrel), learnt from
           the documents alone: no query and no judgement is seen in training; with a lexical space
           beside, and ensembles of both
  encoder  an encoder of text that was trained elsewhere, on Cranfield: alone, and with DSSM and a
           lexical space beside; needs a build with the features onnx and tokens
  ebr      films by triplets on MovieLens-100K (u.data, u.item, u.user): random and mined negatives,
           hard then easy, ensembles
  mobius   clicks under a teacher of relevance, ranked by bids, on MovieLens-100K
  youtube  two towers on MovieLens-100K: with and without the correction, by popularity, in order of
           time; the estimator of frequencies on a simulated stream

  --auto         settings chosen by the data alone, in place of all that are built in
  --grid         how the settings were chosen, by validation alone
  --config FILE  what to try in place of what is built in; dssm: a JSON object of name to settings; ebr:
                 an object of `settings`, `runs` and `ensembles`";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome: Result<(), Box<dyn Error>> = match arguments[..] {
        ["dssm", dir] => dssm::run(dir.as_ref(), dssm::Settings::BuiltIn),
        ["dssm", dir, "--auto"] => dssm::run(dir.as_ref(), dssm::Settings::Auto),
        ["dssm", dir, "--config", file] => {
            dssm::run(dir.as_ref(), dssm::Settings::File(file.as_ref()))
        }
        #[cfg(all(feature = "onnx", feature = "tokens"))]
        ["encoder", dir, encoder] => encoder::run(dir.as_ref(), encoder.as_ref()),
        ["ebr", dir] => ebr::run(dir.as_ref(), None),
        ["ebr", dir, "--config", file] => ebr::run(dir.as_ref(), Some(file.as_ref())),
        ["youtube", dir] => youtube::run(dir.as_ref()),
        ["youtube", dir, "--grid"] => youtube::grid::run(dir.as_ref()),
        ["mobius", dir] => mobius::run(dir.as_ref(), None),
        ["mobius", dir, "--config", file] => mobius::run(dir.as_ref(), Some(file.as_ref())),
        ["--help" | "-h"] | [] => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(format!("wrong usage\n\n{HELP}").into()),
    };
    if let Err(error) = outcome {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
