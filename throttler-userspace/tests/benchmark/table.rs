//! `figures::table`.

use crate::figures::markdown::table::*;

#[test]
fn cells_keep_to_their_columns() {
    let rows = vec![vec!["a|b".to_owned(), "1\n2".to_owned()]];
    let made = table("lr", &["x", "y"], rows.into_iter());
    assert_eq!(made, "| x | y |\n| --- | --: |\n| a/b | 1 2 |\n");
}
