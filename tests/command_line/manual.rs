//! Manual pages and completions: they render, and they say what the command line and the parser know.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use crate::said::{binary, clean, root, run, say};

/// No key of any table.
const UNKNOWN: &str = "zzzzzzzzzzzz";

/// Sections of throttler.toml(5), with a policy that has an entry in the section's table in the place of `%`.
const TABLES: [(&str, &str); 14] = [
    ("TOP LEVEL", "%"),
    ("[throttler]", "[throttler]\n%"),
    (
        "[scopes.NAME]",
        "[scopes.default]\n%\n[scopes.default.limits]\na = { rate = \"1/s\" }",
    ),
    ("match ENTRIES", "[scopes.api]\nmatch = [{ % }]"),
    ("LIMITS", "[scopes.default.limits]\na = { % }"),
    ("[layers.NAME]", "[layers.all]\n%"),
    (
        "[plans.NAME.SCOPE]",
        "[scopes.default.limits]\na = { rate = \"1/s\" }\n[plans.pro.default]\na = { % }",
    ),
    ("[[sources]]", "[[sources]]\n%"),
    (
        "[abuse]",
        "[abuse]\n%\n[abuse.ban_after]\nrefusals = 1\nwithin = \"1s\"",
    ),
    (
        "ban_after",
        "[abuse]\nban_for = \"1s\"\n[abuse.ban_after]\nwithin = \"1s\"\n%",
    ),
    ("[history]", "[history]\n%"),
    (
        "widen_after",
        "[abuse.ban_after]\nrefusals = 1\nwithin = \"1s\"\n[abuse.widen_after]\nwithin = \"1s\"\n%",
    ),
    (
        "[[notify]]",
        "[[notify]]\nwebhook = \"http://127.0.0.1\"\n%",
    ),
    ("batch", "[[notify]]\nexec = [\"/bin/true\"]\nbatch = { % }"),
];

fn errors(policy: &str) -> Vec<(String, String)> {
    let now = "2026-01-01T00:00:00Z".parse().expect("a time");
    match throttler::config::parse("manual", policy, Path::new(""), now) {
        Ok(_) => Vec::new(),
        Err(error) => {
            let all = error.diagnostics().iter();
            all.map(|one| (one.message.clone(), one.help.clone()))
                .collect()
        }
    }
}

/// The keys of a table, as the parser lists them for one that it does not know.
fn known(template: &str) -> Vec<String> {
    let errors = errors(&template.replace('%', &format!("{UNKNOWN} = 1")));
    let help = errors
        .iter()
        .find(|(message, _)| message.contains(UNKNOWN))
        .and_then(|(_, help)| help.strip_prefix("known keys: "))
        .unwrap_or_else(|| panic!("{template}: {errors:?}"));
    let mut keys: Vec<String> = help
        .split(", ")
        .map(|key| key.trim_matches('`').to_owned())
        .collect();
    keys.sort();
    keys
}

/// What throttler.toml(5) says of each key, by section.
fn documented() -> BTreeMap<String, BTreeMap<String, String>> {
    let path = root().join("packaging/man/throttler.toml.5");
    let page = fs::read_to_string(path).expect("the page");
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut section = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix(".SH ") {
            section = title.trim_matches('"').to_owned();
        }
        let key = (line == ".TP").then(|| lines.next()).flatten();
        let key = key.and_then(|key| key.strip_prefix("\\fB")?.strip_suffix("\\fR"));
        if let Some(key) = key {
            let what = lines.next().expect("a type").to_owned();
            let keys = sections.entry(section.clone()).or_default();
            assert!(keys.insert(key.to_owned(), what).is_none(), "{key} twice");
        }
    }
    sections
}

#[test]
fn every_key_of_the_policy_is_documented_and_none_invented() {
    let documented = documented();
    let sections: Vec<&String> = documented.keys().collect();
    assert_eq!(sections.len(), TABLES.len(), "{sections:?}");
    for (section, template) in TABLES {
        let keys = &documented[section];
        let names: Vec<&String> = keys.keys().collect();
        assert_eq!(
            names,
            known(template).iter().collect::<Vec<_>>(),
            "{section}"
        );
        for (key, what) in keys {
            assert!(
                what.starts_with("\\fIType:\\fR ") && what.contains(" \\fIDefault:\\fR "),
                "{section}, {key}: {what}"
            );
        }
    }
}

#[test]
fn documented_ranges_are_the_parsers() {
    let mut checked = 0;
    for (section, keys) in documented() {
        let table = TABLES.iter().find(|(title, _)| *title == section);
        let (_, template) = table.expect("a table");
        for (key, what) in keys {
            let Some(range) = what.strip_prefix("\\fIType:\\fR integer, ") else {
                continue;
            };
            let words: Vec<&str> = range.split([' ', ',', '.']).collect();
            let number = |word: &str| word.parse::<i64>().expect("a number");
            let (least, most) = (number(words[0]), number(words[2]));
            for (value, is_good) in [
                (least - 1, false),
                (least, true),
                (most, true),
                (most + 1, false),
            ] {
                let found = errors(&template.replace('%', &format!("{key} = {value}")));
                assert_eq!(found.is_empty(), is_good, "{key} = {value}: {found:?}");
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 7, "all integers of the policy");
}

/// Everything that a manual page may be called.
fn commands() -> Vec<String> {
    fn below(words: &[String], names: &mut Vec<String>) {
        let mut args: Vec<&str> = words.iter().map(String::as_str).collect();
        args.push("-h");
        let help = say(&args).stdout;
        names.push([&["throttler".to_owned()], words].concat().join("-"));
        let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        for line in list.take_while(|line| !line.is_empty()) {
            // Longer descriptions go on in lines that are further in.
            let Some(name) = line
                .strip_prefix("  ")
                .filter(|rest| !rest.starts_with(' '))
            else {
                continue;
            };
            let name = name.split(' ').next().expect("a name").to_owned();
            if name != "help" {
                below(&[words, &[name]].concat(), names);
            }
        }
    }
    let mut names = Vec::new();
    below(&[], &mut names);
    names
}

#[test]
fn every_command_has_a_page_and_all_pages_render() {
    let directory = tempfile::tempdir().expect("a directory");
    let to = directory.path().to_str().expect("a path");
    let said = say(&["man", "--dir", to]);
    assert_eq!((said.code(), said.stdout.as_str()), (Some(0), ""));
    let mut found: Vec<String> = fs::read_dir(directory.path())
        .expect("a directory")
        .map(|file| {
            file.expect("a file")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    found.sort();
    let mut wanted: Vec<String> = commands().iter().map(|name| format!("{name}.8")).collect();
    wanted.sort();
    assert!(wanted.len() > 20, "{wanted:?}");
    assert_eq!(found, wanted);
    let page = directory.path().join("throttler.8");
    assert_eq!(
        say(&["man"]).stdout,
        fs::read_to_string(page).expect("a page")
    );
    let run_page = fs::read_to_string(directory.path().join("throttler-run.8")).expect("a page");
    for text in ["THROTTLER_IFACE", "\\-\\-xdp\\-mode"] {
        assert!(run_page.contains(text), "no {text} in {run_page}");
    }
    let policy = root().join("packaging/man/throttler.toml.5");
    let pages = found.iter().map(|name| directory.path().join(name));
    for page in pages.chain([policy]) {
        let mut man = clean(Command::new("man"));
        man.args(["--warnings", "-E", "UTF-8", "-l"]).arg(&page);
        let rendered = run(man);
        assert_eq!(
            (rendered.code(), rendered.stderr.as_str()),
            (Some(0), ""),
            "{}",
            page.display()
        );
        assert!(rendered.stdout.contains("NAME"), "{}", page.display());
    }
}

#[test]
fn completions_are_scripts_of_their_shells_and_name_every_command() {
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let said = say(&["completions", shell]);
        assert_eq!(said.code(), Some(0), "{said:?}");
        for name in commands() {
            let last = name.rsplit('-').next().expect("a name");
            assert!(
                said.stdout.contains(last),
                "{shell} does not complete {name}"
            );
        }
        let directory = tempfile::tempdir().expect("a directory");
        let script = directory.path().join("completions");
        fs::write(&script, &said.stdout).expect("a file");
        let mut checking = Command::new(shell);
        checking.arg(check).arg(&script);
        if checking.output().is_err() {
            eprintln!("{shell} is not installed: its completions were not checked by it");
            continue;
        }
        let checked = run(checking);
        assert_eq!((checked.code(), checked.stderr.as_str()), (Some(0), ""));
    }
    let script = format!(
        "source <('{}' completions bash); COMP_WORDS=(throttler dump b); COMP_CWORD=2; _throttler throttler b dump; \
         echo \"${{COMPREPLY[*]}}\"",
        binary().display()
    );
    let mut bash = clean(Command::new("bash"));
    bash.args(["-c", &script]);
    assert_eq!(run(bash).stdout.trim(), "buckets bans");
}
