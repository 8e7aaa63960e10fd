//! What a policy file's author sees for each mistake: one snapshot each, to be read by eye. The caret must stand under
//! the exact word, and the help must say what to write instead.

use std::path::Path;

/// The errors of `text`, as `throttler check` would print them on 2026-06-01.
fn errors(text: &str) -> String {
    let now = "2026-06-01T00:00:00Z".parse().expect("a time");
    // Relative, so that no machine's path gets into a snapshot; cargo runs tests in the package's directory.
    let lists = Path::new("tests/config_errors");
    match throttler::config::parse("throttler.toml", text, lists, now) {
        Ok(config) => panic!("accepted: {config:?}"),
        Err(error) => error.to_string(),
    }
}

macro_rules! errors {
    ($($name:ident: $text:expr,)*) => {$(
        #[test]
        fn $name() {
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(stringify!($name), crate::errors($text));
            });
        }
    )*};
}

#[path = "config_errors/layers_and_plans.rs"]
mod layers_and_plans;
#[path = "config_errors/limits.rs"]
mod limits;
#[path = "config_errors/scopes.rs"]
mod scopes;
#[path = "config_errors/shape.rs"]
mod shape;
#[path = "config_errors/sources.rs"]
mod sources;
