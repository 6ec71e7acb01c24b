//! A manifest file: the container with one section, the packed [`Manifest`].

use super::container::{Kind, Sections};
use super::damage::Damage;
use super::error::FormatError;
use crate::manifest::{Generation, Manifest};
use twinspire_core::kernel::Metric;
use twinspire_core::wire::pack;

/// The section with the packed manifest.
pub(crate) const STATE: u32 = 1;

const _: () = assert!(STATE == Kind::Manifest.last_section());

/// The bytes of section [`STATE`].
pub(crate) fn encode(manifest: &Manifest) -> Result<Vec<u8>, FormatError> {
    pack(manifest).map_err(|error| FormatError::bad("state", error))
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
    let manifest: Manifest = sections.unpack(bytes, STATE, "state")?;
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
    Ok(manifest)
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
