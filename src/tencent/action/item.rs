//! The billing items, and which actions report them.

use super::{
    Action, INTERACTIVE_TIME, MCU_TRANSCODE_TIME, MIX_TRANSCODING_USAGE, RECORD_STATISTIC,
    RECORDING_USAGE, RELAY_USAGE, TRTC_USAGE,
};

/// A parameter of a request beside the dates and the app: its name and its value.
pub type Parameter = (&'static str, &'static str);

/// What the upstream bills by itself.
#[derive(Debug, PartialEq)]
pub struct Item {
    /// The value of the label `item`.
    pub name: &'static str,
    /// The actions that report it, the one to begin with first.
    pub actions: &'static [&'static Action],
    /// What tells it from other items of the same action.
    pub parameter: Option<Parameter>,
}

/// What every account is asked for that says nothing else.
pub const INTERACTIVE: Item = Item {
    name: "interactive",
    actions: &[&INTERACTIVE_TIME, &TRTC_USAGE],
    parameter: None,
};

impl Item {
    /// Every item.
    pub const ALL: [Self; 6] = [
        INTERACTIVE,
        Self {
            name: "mix_transcoding",
            actions: &[&MIX_TRANSCODING_USAGE, &MCU_TRANSCODE_TIME],
            parameter: None,
        },
        Self {
            name: "recording_single",
            actions: &[&RECORDING_USAGE],
            parameter: Some(("MixType", "single")),
        },
        Self {
            name: "recording_multi",
            actions: &[&RECORDING_USAGE],
            parameter: Some(("MixType", "multi")),
        },
        Self {
            name: "recording",
            actions: &[&RECORD_STATISTIC],
            parameter: None,
        },
        Self {
            name: "relay",
            actions: &[&RELAY_USAGE],
            parameter: None,
        },
    ];

    /// The item of this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        Self::all().find(|item| item.name == name)
    }

    /// The items that this action reports.
    pub fn reported_by(action: &Action) -> impl Iterator<Item = &'static Self> {
        Self::all().filter(move |item| item.actions.contains(&action))
    }

    fn all() -> impl Iterator<Item = &'static Self> {
        const ALL: &[Item] = &Item::ALL;
        ALL.iter()
    }

    /// The action to begin with.
    pub fn first_action(&self) -> &'static Action {
        self.actions[0]
    }
}
