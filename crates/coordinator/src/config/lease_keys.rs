//! Which keys are leased.

use serde::{Deserialize, Deserializer, de};

/// The keys that are leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LeaseKeys {
    /// None.
    Off,
    /// All.
    All,
    /// Those that begin with one of these.
    Prefixes(Vec<String>),
}

impl LeaseKeys {
    /// Reads the command line's.
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "on" => Self::All,
            "off" => Self::Off,
            prefixes => Self::Prefixes(prefixes.split(',').map(str::to_owned).collect()),
        }
    }

    /// The prefixes; `None` if no key is leased.
    pub(super) fn prefixes(self) -> Option<Vec<String>> {
        match self {
            Self::Off => None,
            Self::All => Some(vec![String::new()]),
            Self::Prefixes(prefixes) => Some(prefixes),
        }
    }

    /// Whether some prefix is missing or empty.
    pub(super) fn is_wrong(&self) -> bool {
        match self {
            Self::Off | Self::All => false,
            Self::Prefixes(prefixes) => prefixes.is_empty() || prefixes.iter().any(String::is_empty),
        }
    }
}

impl<'de> Deserialize<'de> for LeaseKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            Prefixes(Vec<String>),
        }
        match Written::deserialize(deserializer) {
            Ok(Written::Word(word)) if matches!(&*word, "on" | "off") => Ok(Self::parse(&word)),
            Ok(Written::Prefixes(prefixes)) => Ok(Self::Prefixes(prefixes)),
            Ok(Written::Word(_)) | Err(_) => {
                Err(de::Error::custom("expected \"on\", \"off\" or a list of prefixes such as [\"api:\"]"))
            }
        }
    }
}
