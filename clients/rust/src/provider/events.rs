//! Reads server-sent events as the WHATWG's standard describes them: lines end with LF, CR LF or CR, and an empty line ends an event.

/// The most bytes of an answer, or of one event, that are kept to read its usage. Of a longer one the estimate stays.
pub(super) const ANSWER_MAX: usize = 16 << 20;

#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    after_cr: bool,
    begun: bool,
    name: String,
    data: Vec<u8>,
    too_long: bool,
}

impl Events {
    /// Reads more bytes, and calls `each` for every event with data that they end.
    pub(super) fn add(&mut self, bytes: &[u8], mut each: impl FnMut(&str, &[u8])) {
        for byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, *byte == b'\r');
            match byte {
                b'\n' if after_cr => {} // the line has ended before it
                b'\n' | b'\r' => self.end_line(&mut each),
                _ if self.line.len() + self.data.len() >= ANSWER_MAX => self.too_long = true,
                _ => self.line.push(*byte),
            }
        }
    }

    fn end_line(&mut self, each: &mut impl FnMut(&str, &[u8])) {
        let whole = std::mem::take(&mut self.line);
        let mut line = whole.as_slice();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            if !self.data.is_empty() && !self.too_long {
                each(&self.name, &self.data);
            }
            self.name.clear();
            self.data.clear();
            self.too_long = false;
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, rest) = line.split_at(colon);
        let value = rest.strip_prefix(b":").unwrap_or(rest);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"data" => {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            _ => {}
        }
    }
}
