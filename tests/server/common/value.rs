//! A parsed reply of the protocol, and helpers that tests use to read it.

/// A RESP2 or RESP3 value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Nil,
    Int(i64),
    Simple(String),
    Error(String),
    Bulk(Vec<u8>),
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
    Bool(bool),
    Double(String),
    Number(String),
}

impl Value {
    /// Returns the five integers of a decision: allowed, limit, remaining, retry_after_ms, reset_after_ms.
    #[track_caller]
    pub fn five(&self) -> [i64; 5] {
        let fields: Vec<i64> = self.list().iter().map(Value::int).collect();
        fields.try_into().unwrap_or_else(|fields| panic!("not five integers: {fields:?}"))
    }

    #[track_caller]
    pub fn int(&self) -> i64 {
        match self {
            Self::Int(value) => *value,
            other => panic!("not an integer: {other:?}"),
        }
    }

    /// Returns a string of any kind. Bytes that are not UTF-8 become U+FFFD.
    #[track_caller]
    pub fn text(&self) -> String {
        match self {
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Simple(text) => text.clone(),
            other => panic!("not a string: {other:?}"),
        }
    }

    #[track_caller]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bulk(bytes) => bytes.clone(),
            other => panic!("not a bulk string: {other:?}"),
        }
    }

    #[track_caller]
    pub fn error(&self) -> &str {
        match self {
            Self::Error(text) => text,
            other => panic!("not an error: {other:?}"),
        }
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }

    /// Returns the elements of an array or a set.
    #[track_caller]
    pub fn list(&self) -> &[Value] {
        match self {
            Self::Array(items) | Self::Set(items) => items,
            other => panic!("not a list: {other:?}"),
        }
    }

    /// Returns the elements of a list of strings.
    #[track_caller]
    pub fn words(&self) -> Vec<String> {
        self.list().iter().map(Value::text).collect()
    }

    /// Returns a map's value for `name`. In RESP2 a map is a flat array.
    #[track_caller]
    pub fn get(&self, name: &str) -> Value {
        self.find(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// Returns a map's value for `name`, or `None` if it is missing.
    #[track_caller]
    pub fn find(&self, name: &str) -> Option<Value> {
        let pairs: Vec<(&Value, &Value)> = match self {
            Self::Map(pairs) => pairs.iter().map(|(key, value)| (key, value)).collect(),
            other => other.list().chunks(2).map(|pair| (&pair[0], &pair[1])).collect(),
        };
        pairs.into_iter().find(|(key, _)| key.text() == name).map(|(_, value)| value.clone())
    }

    /// Returns the names in a map, in its order.
    #[track_caller]
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Map(pairs) => pairs.iter().map(|(key, _)| key.text()).collect(),
            other => other.list().chunks(2).map(|pair| pair[0].text()).collect(),
        }
    }
}
