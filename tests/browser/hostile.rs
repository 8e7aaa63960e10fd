//! Names come from a policy and are plain; a history is a file, and says what somebody wrote into it.

use crate::{
    devtools::Browser,
    look::Look,
    page::{DESK, PHONE, Report},
    past::violation,
    past_day::day,
};

const SCOPE: &str = "<img src=x onerror=window.hacked=1>";
const PLAN: &str = "\"><script>window.hacked=1</script>";
const LIMIT: &str = "' onload='window.hacked=1";
const REASON: &str = "</style></title><svg onload=window.hacked=1>&lt;";

#[test]
fn no_name_is_markup() {
    let mut all = day();
    let mut hostile = violation("203.0.113.66/32", 10, 1_000);
    hostile.scope = SCOPE.to_owned();
    hostile.plan = Some(PLAN.to_owned());
    hostile.limit = Some(LIMIT.to_owned());
    hostile.rate = Some("</table><iframe src=https://example.org>".to_owned());
    hostile.reason = REASON.to_owned();
    all.push(hostile.clone());
    hostile.monitored = true;
    all.push(hostile);
    let report = Report::of(&all);
    let mut browser = Browser::start();
    for screen in [PHONE, DESK] {
        let look = Look::at(&mut browser, &report, screen);
        assert_eq!((look.scripts, look.hacked.as_str()), (0, "undefined"));
        for name in [SCOPE, PLAN, LIMIT, REASON] {
            assert!(look.text.contains(name), "{name} is not on the page");
        }
        assert_eq!(look.plots.len(), 4);
        assert_eq!(look.clipped, [""; 0], "{screen:?}");
        assert!(look.scroll <= look.client, "{screen:?}");
    }
}

#[test]
fn a_page_of_nothing_says_so() {
    let report = Report::of(&[]);
    let look = Look::at(&mut Browser::start(), &report, PHONE);
    assert!(
        look.text.contains("Nothing was refused in this time"),
        "{}",
        look.text
    );
    assert!(look.plots.is_empty() && look.scroll <= look.client);
}
