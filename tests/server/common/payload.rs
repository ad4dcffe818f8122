//! The envelope of DUMP and RESTORE: a type byte, the module's id, the module's bytes, and a footer with an
//! RDB version of two bytes and a CRC64. A payload with a wrong footer never reaches the module.

/// A parsed payload: the head, the module's own bytes, and the version.
pub struct Payload {
    pub head: Vec<u8>,
    pub body: Vec<u8>,
    version: [u8; 2],
}

/// The size of the head: a type byte, and the module's id as a length of 64 bits (a marker and eight bytes).
const HEAD: usize = 1 + 1 + 8;
const FOOTER: usize = 2 + 8;

impl Payload {
    pub fn open(dump: &[u8]) -> Self {
        let (payload, footer) = dump.split_at(dump.len() - FOOTER);
        let (version, crc) = footer.split_at(2);
        assert_eq!(crc64(&dump[..dump.len() - 8]).to_le_bytes(), crc, "the server's checksum is ours");
        let (head, body) = payload.split_at(HEAD);
        Self { head: head.to_vec(), body: body.to_vec(), version: version.try_into().unwrap() }
    }

    /// Builds a payload with another body, and a footer that fits it.
    pub fn seal(&self, body: &[u8]) -> Vec<u8> {
        let mut sealed = [&self.head, body, &self.version].concat();
        let crc = crc64(&sealed);
        sealed.extend_from_slice(&crc.to_le_bytes());
        sealed
    }
}

/// Computes CRC-64 with the polynomial of David T. Jones, as Redis does.
fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |crc, byte| TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8))
}

const TABLE: [u64; 256] = table();

const fn table() -> [u64; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut crc = index as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x95ac_9329_ac4b_c9b5 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[test]
fn the_checksum_is_the_one_redis_documents() {
    assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
}
