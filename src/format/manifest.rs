//! A manifest file: the container with the packed [`Manifest`], and its lexical spaces if it has any.

use super::container::{Kind, Sections};
use super::damage::Damage;
use super::error::FormatError;
use crate::manifest::{Apart, Generation, LexicalSpace, Manifest};
use twinspire_core::kernel::Metric;
use twinspire_core::wire::pack;

/// The section with the packed manifest.
pub(crate) const STATE: u32 = 1;

/// The section with the packed lexical spaces. A manifest without such spaces lacks it.
pub(crate) const LEXICAL_SPACES: u32 = 2;

const _: () = assert!(LEXICAL_SPACES == Kind::Manifest.last_section());

const LEXICAL_NAME: &str = "lexical spaces";

/// The bytes of section [`STATE`].
pub(crate) fn encode(manifest: &Manifest) -> Result<Vec<u8>, FormatError> {
    pack(manifest).map_err(|error| FormatError::bad("state", error))
}

/// The bytes of section [`LEXICAL_SPACES`]; `None` if there are no such spaces.
pub(crate) fn encode_lexical(manifest: &Manifest) -> Result<Option<Vec<u8>>, FormatError> {
    let spaces = &*manifest.lexical;
    let packed = (!spaces.is_empty()).then(|| pack(spaces)).transpose();
    packed.map_err(|error| FormatError::bad(LEXICAL_NAME, error))
}

/// Reads a manifest file whole.
pub(crate) fn decode(bytes: &[u8]) -> Result<Manifest, FormatError> {
    let sections = Sections::decode(bytes, Kind::Manifest)?;
    if !sections.damaged(bytes).is_empty() {
        return Err(FormatError::bad("state", Damage::Checksum));
    }
    if !sections.padding_is_zero(bytes) {
        return Err(FormatError::bad("padding", "is not zero"));
    }
    let mut manifest: Manifest = sections.unpack(bytes, STATE, "state")?;
    if sections.has(LEXICAL_SPACES) {
        manifest.lexical = Apart(sections.unpack(bytes, LEXICAL_SPACES, LEXICAL_NAME)?);
    }
    if manifest.database != sections.header.database {
        return Err(FormatError::bad(
            "state",
            "database id differs from the header",
        ));
    }
    if manifest.fields.is_too_long() {
        return Err(FormatError::bad("state", "lists too many fields"));
    }
    for (name, space) in &manifest.spaces {
        if !twinspire_core::files::names::is_space_name(name)
            || space.generation(space.active).is_none()
        {
            return Err(FormatError::bad(
                "state",
                format!("space {name:?} has an invalid name or no active generation"),
            ));
        }
        let mut generations = space.generations.iter();
        if let Some(other) =
            generations.find(|generation| !agrees_with_members(&manifest, generation))
        {
            let what = format!(
                "space {name:?}: members of generation {} contradict it",
                other.number
            );
            return Err(FormatError::bad("state", what));
        }
    }
    for (name, ensemble) in &manifest.ensembles {
        if manifest.spaces.contains_key(name) || !twinspire_core::files::names::is_space_name(name)
        {
            let what = format!("ensemble {name:?} has an invalid name, or that of a space");
            return Err(FormatError::bad("state", what));
        }
        if let Some(problem) = ensemble.problem() {
            let (name, source) = (name.clone(), Box::new(problem));
            return Err(FormatError::bad("state", Damage::Ensemble { name, source }));
        }
    }
    for (name, space) in &*manifest.lexical {
        check_lexical(&manifest, name, space)?;
    }
    Ok(manifest)
}

/// Refuses a lexical space with a name that is taken or malformed, or with a definition that is invalid.
fn check_lexical(manifest: &Manifest, name: &str, space: &LexicalSpace) -> Result<(), FormatError> {
    let taken = manifest.spaces.contains_key(name) || manifest.ensembles.contains_key(name);
    if taken || !twinspire_core::files::names::is_space_name(name) || space.active().is_none() {
        let what =
            format!("lexical space {name:?} has an invalid or taken name, or no active generation");
        return Err(FormatError::bad(LEXICAL_NAME, what));
    }
    for generation in &space.generations {
        if let Some(problem) = generation.lexical.problem() {
            let what = format!(
                "lexical space {name:?}, generation {}: {problem}",
                generation.number
            );
            return Err(FormatError::bad(LEXICAL_NAME, what));
        }
    }
    Ok(())
}

/// Whether a generation agrees with those of its members that are kept.
fn agrees_with_members(manifest: &Manifest, generation: &Generation) -> bool {
    let mut kept = Vec::new();
    for (name, number) in &generation.members {
        let member = manifest
            .spaces
            .get(name)
            .and_then(|space| space.generation(*number));
        kept.extend(member);
    }
    let components: u64 = kept.iter().map(|member| u64::from(member.dimension)).sum();
    let all_kept = kept.len() == generation.members.len();
    !generation.is_fused()
        || generation.metric == Metric::InnerProduct
            && kept.iter().all(|member| !member.is_fused())
            && (!all_kept || components == u64::from(generation.dimension))
}
