//! The signature of a request: `v1=` and the hexadecimal HMAC-SHA256 (RFC 2104) of `TIMESTAMP.BODY`. The time is signed as
//! well, so that who overhears a request cannot send it again later.

use std::fmt::Write as _;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::secret::Secret;

/// Of a body that is sent at such a Unix time.
pub(super) fn signature(key: &Secret, timestamp: i64, body: &[u8]) -> String {
    let mut text = String::from("v1=");
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.bytes()) else {
        return text;
    };
    mac.update(format!("{timestamp}.").as_bytes());
    mac.update(body);
    for byte in mac.finalize().into_bytes() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretRef;

    #[test]
    fn it_is_what_openssl_says() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "Jefe\n").unwrap();
        let key = super::super::secret::read(&SecretRef::File(path)).unwrap();
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac Jefe
        assert_eq!(
            signature(&key, 1_700_000_000, br#"{"a":1}"#),
            "v1=fa5f6481efc59da48b19c9dc10196c9953e5651f8304b3a318b6b87d70272e0a"
        );
    }
}
