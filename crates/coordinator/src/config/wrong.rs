//! A mistake in the configuration: what is wrong, and in which line and field of the file.

use toml::de::{DeTable, DeValue};

/// A mistake, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The path of the field, such as `bounds.keys` or `envoy.rule.0.window`; empty if the mistake is in no field.
    field: String,
    why: String,
}

impl Wrong {
    /// A mistake in a field. Elements of arrays are counted from 0 in its path.
    pub(crate) fn at(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self { field: field.into(), why: why.into() }
    }

    /// The mistake that the parser has found in this text.
    pub(super) fn of_toml(error: &toml::de::Error, text: &str) -> Located {
        let at = error.span().map(|span| span.start);
        let field = at.and_then(|at| field_at(text, at)).unwrap_or_default();
        Located { line: at.map(|at| line(text, at)), wrong: Self::at(field, error.message()) }
    }

    /// The mistake with the line of its field in this text.
    pub(super) fn located(self, text: &str) -> Located {
        Located { line: offset_of(text, &self.field).map(|at| line(text, at)), wrong: self }
    }

    /// What is wrong, without its place.
    #[cfg(test)]
    pub(super) fn why(&self) -> &str {
        &self.why
    }
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self::at("", why)
    }
}

impl From<&str> for Wrong {
    fn from(why: &str) -> Self {
        Self::at("", why)
    }
}

/// A mistake and its line.
pub(super) struct Located {
    line: Option<usize>,
    wrong: Wrong,
}

impl Located {
    /// `rl-coordinator.toml: line 3, bounds.keys: …`
    pub(super) fn text(&self, file: &str) -> String {
        let Wrong { field, why } = &self.wrong;
        match self.line {
            Some(line) if field.is_empty() => format!("{file}: line {line}: {why}"),
            Some(line) => format!("{file}: line {line}, {field}: {why}"),
            None if field.is_empty() => why.clone(),
            None => format!("{field}: {why}"),
        }
    }
}

/// The number of the line with this byte, counted from 1.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count().saturating_add(1)
}

/// Where a field begins. If the field is missing, where the deepest table on its path begins.
fn offset_of(text: &str, field: &str) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let mut found = None;
    visit_table(table.get_ref(), "", &mut |path, at| {
        let is_on_path =
            field.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if is_on_path && found.is_none_or(|(length, _)| path.len() > length) {
            found = Some((path.len(), at));
        }
    });
    found.map(|(_, at)| at)
}

/// The path of the last field that begins at or before this byte.
fn field_at(text: &str, at: usize) -> Option<String> {
    let table = DeTable::parse(text).ok()?;
    let mut found: Option<(usize, String)> = None;
    visit_table(table.get_ref(), "", &mut |path, begin| {
        if begin <= at && found.as_ref().is_none_or(|(last, _)| begin >= *last) {
            found = Some((begin, path.to_owned()));
        }
    });
    found.map(|(_, path)| path)
}

/// Calls `see` with the path of each field and where it begins.
fn visit_table(table: &DeTable<'_>, path: &str, see: &mut impl FnMut(&str, usize)) {
    for (key, value) in table {
        let path =
            if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
        see(&path, key.span().start);
        visit(value.get_ref(), &path, see);
    }
}

fn visit(value: &DeValue<'_>, path: &str, see: &mut impl FnMut(&str, usize)) {
    if let Some(table) = value.as_table() {
        visit_table(table, path, see);
    }
    for (index, element) in value.as_array().into_iter().flat_map(|array| array.iter()).enumerate() {
        let path = format!("{path}.{index}");
        see(&path, element.span().start);
        visit(element.get_ref(), &path, see);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "listen = \"x\"\n\n[bounds]\nkeys = 0\n[[envoy.rule]]\ndomain = \"a\"\n[[envoy.rule]]\n\
                        domain = \"b\"\ndescriptor = [{ key = \"k\",\n  value = 3 }]\n";

    #[test]
    fn a_field_has_a_line() {
        for (field, line) in [
            ("listen", Some(1)),
            ("bounds.keys", Some(4)),
            ("bounds.wait", Some(3)),
            ("envoy.rule.0.domain", Some(6)),
            ("envoy.rule.0.window", Some(5)),
            ("envoy.rule.1", Some(7)),
            ("envoy.rule.1.descriptor.0.value", Some(10)),
            ("redis", None),
        ] {
            assert_eq!(Wrong::at(field, "").located(TEXT).line, line, "{field}");
        }
        assert_eq!(Wrong::at("bounds.keys", "no").located(TEXT).text("f"), "f: line 4, bounds.keys: no");
        assert_eq!(Wrong::from("no").located(TEXT).text("f"), "no");
    }

    #[test]
    fn a_line_has_a_field() {
        for (part, field) in [
            ("\"x\"", "listen"),
            ("keys", "bounds.keys"),
            ("\"b\"", "envoy.rule.1.domain"),
            ("3 }", "envoy.rule.1.descriptor.0.value"),
        ] {
            assert_eq!(field_at(TEXT, TEXT.find(part).unwrap()).as_deref(), Some(field));
        }
    }
}
