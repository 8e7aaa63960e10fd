//! The token that opens what `--metrics-listen` has beside the metrics, from a file.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, Result, bail, ensure};
use subtle::ConstantTimeEq as _;

/// Characters that a token has at least: 128 bits where they are hexadecimal digits.
const SHORTEST: usize = 32;
/// And at most: it has to fit into a request's head.
const LONGEST: usize = 1_024;
/// How to make one.
const MEND: &str = "`(umask 077; openssl rand -hex 32 > FILE)` makes one";

/// What a request has to send.
struct Token(Box<[u8]>);

/// The token in force, and where it is from.
pub(in crate::daemon) struct Access {
    file: Option<PathBuf>,
    token: RwLock<Option<Token>>,
}

impl Access {
    /// With the token of a file, or with none.
    ///
    /// # Errors
    /// The file cannot be read, others may read it, or it has no token in it.
    pub(in crate::daemon) fn load(file: Option<&Path>) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            token: RwLock::new(file.map(Token::read).transpose()?),
            file: file.map(Path::to_owned),
        }))
    }

    /// Reads the file again.
    ///
    /// # Errors
    /// As [`Access::load`]; the token before stays in force.
    pub(in crate::daemon) fn read_again(&self) -> Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let fresh = Token::read(file)?;
        let mut token = self.token.write().unwrap_or_else(PoisonError::into_inner);
        if token.as_ref().is_some_and(|old| !old.is(&fresh.0)) {
            log::info!("{}: another token from here on", file.display());
        }
        *token = Some(fresh);
        Ok(())
    }

    /// Whether there is a token at all.
    pub(super) const fn is_possible(&self) -> bool {
        self.file.is_some()
    }

    /// Whether this is the token.
    pub(super) fn is_token(&self, given: &[u8]) -> bool {
        let token = self.token.read().unwrap_or_else(PoisonError::into_inner);
        token.as_ref().is_some_and(|token| token.is(given))
    }
}

impl Token {
    /// In a time that only the length has a say in.
    fn is(&self, given: &[u8]) -> bool {
        self.0.ct_eq(given).into()
    }

    fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let text =
            text(path).with_context(|| format!("the token of {name} (--listen-token-file)"))?;
        Self::of(text.trim_ascii())
            .with_context(|| format!("the token of {name} (--listen-token-file)"))
    }

    fn of(token: &[u8]) -> Result<Self> {
        ensure!(!token.is_empty(), "the file is empty; {MEND}");
        ensure!(
            token.len() <= LONGEST,
            "it is longer than {LONGEST} characters; {MEND}"
        );
        // RFC 6750, section 2.1: what the header takes.
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
        if let Some(at) = token.iter().position(|byte| !allowed(byte)) {
            bail!(
                "character {} is none that a token may have (letters, digits, -._~+/=); {MEND}",
                at + 1
            );
        }
        ensure!(
            token.len() >= SHORTEST,
            "it has {} characters and needs at least {SHORTEST}; {MEND}",
            token.len()
        );
        Ok(Self(token.into()))
    }
}

/// The file's text, unless others may read it: whoever knows it may change what is enforced.
fn text(path: &Path) -> Result<Vec<u8>> {
    // A pipe would keep the daemon waiting.
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let about = file.metadata()?;
    ensure!(about.is_file(), "it is no regular file");
    let mode = about.permissions().mode() & 0o777;
    ensure!(
        mode & 0o006 == 0,
        "others may read or write it (mode {mode:04o}): `chmod 600 {}`",
        path.display()
    );
    let mut text = Vec::new();
    // One more than the longest and its line's end, to tell.
    file.take(LONGEST as u64 + 64).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    fn refused(token: &[u8]) -> String {
        format!("{:#}", Token::of(token).err().expect("it is refused"))
    }

    #[test]
    fn a_token_is_long_and_fits_into_a_header() {
        assert!(Token::of(&[b'a'; 32]).is_ok() && Token::of(&[b'a'; 1_024]).is_ok());
        for (token, expected) in [
            (&b""[..], "the file is empty"),
            (&[b'a'; 31], "it has 31 characters and needs at least 32"),
            (&[b'a'; 1_025], "longer than 1024"),
            (
                b"two words that are together long enough",
                "character 4 is none",
            ),
        ] {
            let said = refused(token);
            assert!(
                said.contains(expected) && said.contains("openssl rand"),
                "{said}"
            );
        }
    }

    #[test]
    fn only_the_token_is_the_token() {
        let token = Token::of(&[b'a'; 32]).expect("a token");
        assert!(token.is(&[b'a'; 32]));
        let mut other = [b'a'; 32];
        other[31] = b'b';
        for given in [&other[..], &[b'a'; 31], &[b'a'; 33], b""] {
            assert!(!token.is(given), "{given:?}");
        }
    }

    #[test]
    fn a_file_is_read_again_and_a_bad_one_changes_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        let write = |text: &str, mode: u32| {
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        };
        let (first, second) = ("a".repeat(32), "b".repeat(32));
        write(&format!("{first}\n"), 0o600);
        let access = Access::load(Some(&path)).expect("a token");
        assert!(access.is_token(first.as_bytes()));
        write(&second, 0o604);
        let said = format!("{:#}", access.read_again().expect_err("others may read it"));
        assert!(
            said.contains("others may read") && said.contains("chmod 600"),
            "{said}"
        );
        assert!(access.is_token(first.as_bytes()));
        write(&second, 0o640);
        access.read_again().expect("a token");
        assert!(!access.is_token(first.as_bytes()) && access.is_token(second.as_bytes()));
    }
}
