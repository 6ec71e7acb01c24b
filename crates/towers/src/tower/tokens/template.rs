//! The tokens before and behind those of a text, such as `[CLS]` and `[SEP]`.

use super::fault::Fault;
use super::file::{Part, PostProcessor};
use super::limits::MAX_ID;

/// The most tokens on either side.
const MAX_AROUND: usize = 64;

/// The ids that surround a text.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Template {
    pub(super) before: Vec<u32>,
    pub(super) behind: Vec<u32>,
}

impl Template {
    /// Reads the last step of a file.
    pub(super) fn new(step: Option<&PostProcessor>) -> Result<Self, Fault> {
        let mut template = Self::default();
        if let Some(step) = step {
            template.surround(step)?;
        }
        let all = || template.before.iter().chain(&template.behind);
        if all().count() > MAX_AROUND {
            let what = format!("adds more than {MAX_AROUND} tokens");
            return Err(Fault::new("post_processor", what));
        }
        if let Some(id) = all().find(|id| **id > MAX_ID) {
            let what = format!("adds token {id}, more than {MAX_ID}");
            return Err(Fault::new("post_processor", what));
        }
        Ok(template)
    }

    fn surround(&mut self, step: &PostProcessor) -> Result<(), Fault> {
        match step {
            PostProcessor::ByteLevel {} => {}
            PostProcessor::BertProcessing { sep, cls }
            | PostProcessor::RobertaProcessing { sep, cls } => {
                self.before.insert(0, cls.1);
                self.behind.push(sep.1);
            }
            PostProcessor::Sequence { processors } => {
                for step in processors {
                    self.surround(step)?;
                }
            }
            PostProcessor::TemplateProcessing {
                single,
                special_tokens,
            } => {
                let wrong = |what: String| Fault::new("post_processor single", what);
                let (mut before, mut is_behind) = (Vec::new(), false);
                for part in single {
                    let (Part::Sequence { id, type_id } | Part::SpecialToken { id, type_id }) =
                        part;
                    if *type_id != 0 {
                        return Err(wrong(format!("{id:?} is of type {type_id}, not 0")));
                    }
                    match part {
                        Part::Sequence { id, .. } if id != "A" || is_behind => {
                            let what = "has another sequence than one \"A\"";
                            return Err(wrong(what.to_owned()));
                        }
                        Part::Sequence { .. } => is_behind = true,
                        Part::SpecialToken { id, .. } => {
                            let special = special_tokens.get(id);
                            let special = special.ok_or_else(|| {
                                wrong(format!("{id:?} is not among the special_tokens"))
                            })?;
                            match is_behind {
                                false => before.extend(&special.ids),
                                true => self.behind.extend(&special.ids),
                            }
                        }
                    }
                }
                if !is_behind {
                    return Err(wrong("lacks the sequence \"A\"".to_owned()));
                }
                before.append(&mut self.before);
                self.before = before;
            }
        }
        Ok(())
    }
}
