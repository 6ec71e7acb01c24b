//! Parts of messages.

use crate::manifest::StaleMember;
use twinspire_core::ids::{GenerationNo, Revision};

pub(super) fn user(at: Option<usize>) -> String {
    match at {
        // Counted from 1, as people do.
        Some(at) => format!("user {} of the batch", at + 1),
        None => "the user".to_owned(),
    }
}

pub(super) fn lost_revisions(lost: Option<(Revision, Revision)>) -> String {
    match lost {
        Some((from, to)) => format!("; acknowledged writes are lost: revisions {from} to {to}"),
        None => String::new(),
    }
}

pub(super) fn known_spaces(known: &[String]) -> String {
    if known.is_empty() {
        "none has been published yet".to_owned()
    } else {
        format!("there is {}", known.join(", "))
    }
}

pub(super) fn stale_members(members: &[StaleMember]) -> String {
    let each = members.iter().map(|member| {
        let StaleMember {
            space, built_from, ..
        } = member;
        match member.active {
            Some(active) => {
                format!("generation {built_from} of {space:?}, where {active} is active now")
            }
            None => format!("generation {built_from} of {space:?}, which is gone"),
        }
    });
    each.collect::<Vec<_>>().join(" and ")
}

pub(super) fn list(numbers: &[GenerationNo]) -> String {
    let texts: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
