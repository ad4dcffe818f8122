//! One limit of a policy file: its fields, and the rule that they make.

use super::entry::{Allow, Entry, Read, entries};
use crate::fault::Fault;
use crate::limit::Kind;
use crate::limit::algorithm::Parameter;
use crate::limit::rule::Rule;
use crate::quota::limit::{Draft, Measure, REQUESTS};
use crate::quota::name::Name;

/// Reads one limit.
pub(super) fn draft<'a>(entry: &Entry<'a>, allow: Allow<'_>) -> Read<Draft<'a>> {
    let name = entry.name.as_bytes();
    if Name::new(name).is_none() {
        return Err(entry.fault(Fault::LimitName));
    }
    let given = Given::read(entry)?;
    let is_shadow = given.is_shadow()?;
    let (unit, measure) = match &given.inflight {
        Some(most) => (REQUESTS, Measure::InFlight(most.count(Fault::Limit)?)),
        None => (given.unit()?, Measure::Rate(given.rule(entry, allow)?)),
    };
    Ok(Draft { name, unit, measure, is_shadow })
}

/// The fields of one limit.
#[derive(Default)]
struct Given<'a> {
    limit: Option<Entry<'a>>,
    window: Option<Entry<'a>>,
    unit: Option<Entry<'a>>,
    algorithm: Option<Entry<'a>>,
    inflight: Option<Entry<'a>>,
    shadow: Option<Entry<'a>>,
    /// The parameters that only one algorithm has.
    own: Vec<Entry<'a>>,
}

impl<'a> Given<'a> {
    fn read(limit: &Entry<'a>) -> Read<Self> {
        let table = limit.value.as_table().ok_or_else(|| {
            limit.wrong("a limit must be a table, such as { limit = 500, window = \"60s\" }")
        })?;
        let inflight = table.contains_key("inflight");
        let mut given = Self::default();
        for entry in entries(table, &limit.path) {
            let place = match entry.name {
                "inflight" => &mut given.inflight,
                "shadow" => &mut given.shadow,
                _ if inflight => return Err(entry.wrong("beside inflight only shadow may stand")),
                "limit" => &mut given.limit,
                "window" => &mut given.window,
                "unit" => &mut given.unit,
                "algorithm" => &mut given.algorithm,
                name if own_parameters().any(|(_, own)| own.name == name) => {
                    given.own.push(entry);
                    continue;
                }
                _ => return Err(entry.wrong(&unknown())),
            };
            *place = Some(entry);
        }
        Ok(given)
    }

    fn is_shadow(&self) -> Read<bool> {
        let Some(entry) = &self.shadow else { return Ok(false) };
        entry.value.as_bool().ok_or_else(|| entry.wrong("shadow must be true or false"))
    }

    fn unit(&self) -> Read<&'a [u8]> {
        let Some(entry) = &self.unit else { return Ok(REQUESTS) };
        let unit = entry.value.as_str().map(str::as_bytes).filter(|unit| Name::new(unit).is_some());
        unit.ok_or_else(|| entry.fault(Fault::UnitName))
    }

    fn rule(&self, limit: &Entry<'_>, allow: Allow<'_>) -> Read<Rule> {
        let most = self.limit.as_ref().ok_or_else(|| limit.missing("limit"))?.count(Fault::Limit)?;
        let window = self.window.as_ref().ok_or_else(|| limit.missing("window"))?;
        let kind = self.kind()?;
        let own = self.own(kind, limit)?;
        let rule = kind.from_clause(most, window.duration().as_bytes(), own);
        rule.and_then(|rule| allow(&rule).map(|()| rule)).map_err(|fault| window.fault(fault))
    }

    fn kind(&self) -> Read<Kind> {
        let Some(entry) = &self.algorithm else { return Ok(Kind::Slide) };
        entry.value.as_str().and_then(Kind::from_name).ok_or_else(|| entry.wrong(&Kind::wanted()))
    }

    /// The value of the algorithm's own parameter. That of another algorithm may not be there.
    fn own(&self, kind: Kind, limit: &Entry<'_>) -> Read<Option<i64>> {
        let find = |own: &Parameter| self.own.iter().find(|entry| entry.name == own.name);
        let value = match kind.own() {
            Some(own) => match find(&own) {
                Some(entry) => Some(entry.own(&own)?),
                None if own.is_required => return Err(limit.missing(own.name)),
                None => None,
            },
            None => None,
        };
        for (other, own) in own_parameters().filter(|(other, _)| *other != kind) {
            if let Some(entry) = find(&own) {
                let (name, algorithm) = (own.name, other.name());
                return Err(entry.wrong(&format!("{name} may stand with algorithm = \"{algorithm}\" only")));
            }
        }
        Ok(value)
    }
}

/// The parameters that only one algorithm has, each with that algorithm.
fn own_parameters() -> impl Iterator<Item = (Kind, Parameter)> {
    Kind::ALL.into_iter().filter_map(|kind| Some((kind, kind.own()?)))
}

fn unknown() -> String {
    let mut names: Vec<String> = ["limit", "window", "unit", "algorithm"].map(str::to_owned).into();
    names.extend(own_parameters().map(|(_, own)| own.name.to_owned()));
    format!("unknown key, expected {}, or inflight alone", list(&names))
}

/// Names with commas between them, and `and` before the last one.
fn list(names: &[String]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
