//! What goes on from one generation to the next.

use super::*;

#[test]
fn indices_and_histories_go_on_by_name() {
    let first = compiled(POLICY, None);
    // A plan and a scope more: both runs lie elsewhere, and the limits in another order.
    let changed = POLICY.replace(
        "total = { rate = \"1000/s\", burst = 500 }\nsyns = { rate = \"10/s\", unit = \"connections\" }",
        "syns = { rate = \"10/s\", unit = \"connections\" }\ntotal = { rate = \"2000/s\", burst = 500 }",
    );
    assert_ne!(changed, POLICY);
    let changed =
        format!("{changed}[plans.more]\n[scopes.icmp]\nmatch = [{{ protocol = 'icmp' }}]\n");
    let second = compiled(&changed, Some(&first));
    assert_eq!(
        (second.head.global_rows, second.head.reserved_rows),
        (20, 25)
    );
    for share in [Share::Common, Share::Reserved] {
        let (before, after) = (part(&first, 1, share), part(&second, 1, share));
        let (row, history) = (&second.rows[after], &second.histories[after]);
        assert_eq!(row.limits[0].changed_ago, 0);
        let was = &first.rows[before].limits[0];
        assert_eq!(history.limits[0].increment_before, was.increment);
        assert_eq!(history.limits[0].depth_before, was.depth);
        assert_eq!(history.limits[0].unit_before, unit::PACKETS);
        assert_eq!(row.limits[1].changed_ago, 1);
        assert_eq!(
            row.limits[1].increment,
            first.rows[before].limits[1].increment
        );
    }
    // A plan that is new has no history of what lay at its index: the global limits of before.
    for scope in 0..4 {
        let index = (3 * second.head.row_stride + scope) as usize;
        for limit in &second.histories[index].limits {
            assert_eq!(limit.unit_before, unit::NONE);
        }
    }
    // The scope's own limit of the same index is another.
    assert_eq!(row(&second, 0, 1).limits[0].changed_ago, 1);
}

#[test]
fn a_share_that_changes_has_its_history() {
    let first = compiled(POLICY, None);
    let second = compiled(&POLICY.replace("20%", "50%"), Some(&first));
    for (share, burst) in [(Share::Common, 400), (Share::Reserved, 100)] {
        let index = part(&second, 1, share);
        assert_eq!(shown(&second.rows[index].limits[0]).0, 250);
        let history = &second.histories[index].limits[0];
        assert_eq!(history.depth_before / history.increment_before, burst);
    }
    // Without anybody protected all is common again, and the reserved row says what it was.
    let nobody = POLICY
        .replace("protected = [\"pro\"]\n", "")
        .replace("reserved = \"20%\"\n", "");
    let third = compiled(&nobody, Some(&second));
    assert_eq!(shown(&common(&third, 1).limits[0]).0, 500);
    assert_eq!(reserved(&third, 1).count, 0);
    let index = part(&third, 1, Share::Reserved);
    assert_eq!(third.histories[index].limits[0].unit_before, unit::PACKETS);
    let fourth = compiled("", Some(&third));
    assert_eq!((fourth.head.global_rows, fourth.rows.len()), (0, 1));
    let retired = fourth.description.scope(1).unwrap();
    assert_eq!(
        (retired.kind, retired.global.len()),
        (ScopeKind::Retired, 0)
    );
    // Come back, it is a new limit.
    let fifth = compiled(POLICY, Some(&fourth));
    assert_eq!(common(&fifth, 1).limits[0].changed_ago, 0);
    let index = part(&fifth, 1, Share::Common);
    assert_eq!(fifth.histories[index].limits[0].unit_before, unit::NONE);
}
