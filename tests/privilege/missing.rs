//! Without one of the three.

use throttler_lab::Lab;

use crate::confined::{Confined, NEEDED};

#[test]
fn what_is_missing_is_named() {
    let lab = Lab::new("missing").expect("a lab");
    let confined = Confined::new();
    confined.policy("[scopes.default.limits]\nflood = { rate = \"5/day\" }\n");
    let run = ["run", "--iface", "veth-s", "-c", "policy.toml"];
    for without in NEEDED {
        let others: Vec<&str> = NEEDED.into_iter().filter(|one| *one != without).collect();
        let output = confined.say_with(&lab, &others, &run);
        assert_eq!(
            (output.code(), output.stdout.as_str()),
            (Some(77), ""),
            "{output:?}"
        );
        let name = format!("CAP_{}", without.to_uppercase());
        assert!(
            output.stderr.contains(&format!("run needs {name}, which")),
            "{output:?}"
        );
        for other in others {
            let name = format!("CAP_{}", other.to_uppercase());
            assert!(!output.stderr.contains(&name), "{output:?}");
        }
    }
}
