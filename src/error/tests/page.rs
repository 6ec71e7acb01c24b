//! That `docs/errors.md` lists every variant.

use super::*;
use crate::filter::FilterErrorKind;
use std::collections::BTreeSet;
use twinspire_towers::{EmbedError, TowerFault, TowersError};

const PAGE: &str = include_str!("../../../docs/errors.md");

/// The names of an enum's variants. Does not compile while one is missing.
macro_rules! variants {
    ($type:ident: $($name:ident)*) => {{
        let _complete = |value: &$type| match value {
            $($type::$name { .. } => (),)*
        };
        (stringify!($type), BTreeSet::from([$(stringify!($name)),*]))
    }};
}

/// The variants of an enum of another crate, which may get more.
macro_rules! known {
    ($type:ident: $($name:ident)*) => {{
        let _exist = |value: &$type| match value {
            $($type::$name { .. } => (),)*
            #[allow(unreachable_patterns, reason = "for variants to come")]
            _ => (),
        };
        (stringify!($type), BTreeSet::from([$(stringify!($name)),*]))
    }};
}

/// The first cells of the tables below the heading of an enum.
fn listed(name: &str) -> BTreeSet<&'static str> {
    let mut lines = PAGE.lines();
    let heading = lines
        .find(|line| line.trim_start_matches('#') == format!(" `{name}`"))
        .unwrap_or_else(|| panic!("a heading `{name}`"));
    let level = |line: &str| line.bytes().take_while(|byte| *byte == b'#').count();
    let section = lines.take_while(|line| !(1..=level(heading)).contains(&level(line)));
    let cell = |line: &'static str| line.strip_prefix("| `")?.split('`').next();
    section.filter_map(cell).collect()
}

#[test]
fn the_page_of_errors_lists_every_variant() {
    let all = [
        variants!(Error: Item DuplicateId CallTooLarge Embed User Vector TopZero BeamWidthZero NoUsers RecallTarget NoScore Shards Filter NoQuery
            NoText QueryText Lexical NoVectors SpaceInUse
            NoItemTower UnwantedItemTower VectorSource ItemVector NoVector NoItems Doubtful Graph SpaceName Ensemble
            NameTaken UnknownSpace NotASpace Ranks Pair PairSource UnknownItem UnknownGeneration OutOfStep
            Fused NoEarlierGeneration Towers ReadOnly NoDatabase NotADatabase PathTooLong NetworkFileSystem
            NotEmpty Locked Forked Conflict Superseded Corrupt Unsupported Lost Io Uncertain Poisoned Cancelled
            TooManyItems TooManyRemoved Internal),
        variants!(ErrorKind: InvalidInput NotFound Corrupt Unsupported Busy Conflict Io Uncertain Cancelled Internal),
        variants!(InvalidVector: Dimension Component UnknownItem Duplicate),
        variants!(EnsembleError: Count Depth Weight MissingScore MissingBesideFused LeastScore
            RepeatedSpace Share ShareSum SharesAndCounts BusinessBesideQuotas FieldPath DefaultValue Exponent
            Lambda NotFused Lexical OtherMembers NoNumbers NegativeScores),
        variants!(LexicalError: Fields Path Boost K1 B StopWords),
        variants!(PublishDoubt: EqualVectors AbsentFeatures UnknownIds),
        variants!(FuseError: FusedMember L2Member RepeatedMember TooFewMembers Schema),
        variants!(ShardsError: None Requests Towers Repeated Calibration Option Bytes),
        variants!(GraphError: TooManyRows Cancelled BaseLayer UpperLayer Entry Serialise Layout),
        variants!(TransitionError: UnknownSpace UnknownGeneration Moved),
        variants!(Damage: Checksum SectionChecksum MissingFile MissingSection Length Wire Unpack Pack
            Record ItemRecord Graph Generation UnknownItem NoVector Ensemble MissingFrames TornFrame MissingEnd
            Contradiction),
        variants!(Unsupported: Version Features Section Kind Line Towers),
        variants!(Invariant: ServedGeneration InterruptedCommit),
        known!(EmbedError: Features NoTower Layer Output),
        known!(TowersError: Io Unnamed OtherFile Invalid User Item),
        known!(TowerFault: Missing Undescribed Json Description Safetensors Type Shape Bounds NotFinite
            NegativeVariance Unwritable Onnx Tokens Exceeds Length Magic Version Checksum TrainingState Dimension Embed
            SelfTest SelfTestFeature SelfTestWidth Batch),
    ];
    for (name, variants) in all {
        assert_eq!(listed(name), variants, "{name}");
    }
    let (_, kinds) = variants!(FilterErrorKind: Syntax Limit Operand UnknownField Unfiltered Type);
    assert_eq!(listed("FilterError"), kinds);
    for name in ["RecordError", "TowerError", "ImportError"] {
        assert!(PAGE.contains(&format!("\n## `{name}`\n")), "{name}");
    }
}

#[cfg(feature = "import")]
#[test]
fn the_page_of_errors_lists_what_an_import_can_fail_with() {
    use twinspire_import::ImportErrorKind;
    let (_, variants) = known!(ImportErrorKind: Io Format Line Row Cut);
    assert_eq!(listed("ImportError"), variants);
}

#[cfg(feature = "train")]
#[test]
fn the_page_of_errors_lists_what_training_can_fail_with() {
    use twinspire_train::{
        MinedFault, MissingData, OverrideFault, TeacherFault, TrainError, Untrainable,
        WarmStartFault,
    };
    let all = [
        known!(TrainError: Empty Record Duplicate Weight UnknownIds Mined NoTexts NoField Config UnknownMeasure
            UnknownSegment Untrainable Override WarmStart Teacher Diverged Cancelled Towers),
        known!(MissingData: Items Events NewEvents Clicks Texts MinedNegatives TestCases),
        known!(MinedFault: UnknownPositive UnknownNegative User),
        known!(Untrainable: NoTower ItemVectors RowNumbers Tokens BatchNorm FeatureWeights Onnx),
        known!(OverrideFault: ReadByRecipe UnknownField KindNeeded Rule Table Malformed),
        known!(WarmStartFault: Tower NewTable Width Lookup FrequencySize),
        known!(TeacherFault: NoCategoryField NoCategoryIn Unreadable),
    ];
    for (name, variants) in all {
        assert_eq!(listed(name), variants, "{name}");
    }
}
