//! What is changed is changed on every interface, or on none.

use anyhow::Result;

use super::attachment::Attached;

/// Does something on every interface. Where it fails on one, it is undone on those before: they are never left to differ
/// without a word. What doing it gave, by interface.
///
/// # Errors
/// The first interface's, with what has become of the others.
pub(super) fn together<T>(
    attached: &mut [Attached],
    mut act: impl FnMut(&mut Attached) -> Result<T>,
    mut undo: impl FnMut(&mut Attached, T) -> Result<()>,
) -> Result<Vec<T>> {
    let mut done = Vec::new();
    for index in 0..attached.len() {
        match act(&mut attached[index]) {
            Ok(one) => done.push(one),
            Err(mut error) => {
                let culprit = attached[index].iface().to_owned();
                for (one, before) in attached.iter_mut().zip(done) {
                    let undone = undo(one, before);
                    let iface = one.iface();
                    let said = match undone {
                        Ok(()) => format!("{iface} is put back, because of {culprit}"),
                        Err(why) => {
                            format!("{iface} is changed and could not be put back ({why:#})")
                        }
                    };
                    log::error!("{said}");
                    error = error.context(said);
                }
                for one in &attached[index + 1..] {
                    log::error!("{}: left as it was, because of {culprit}", one.iface());
                }
                return Err(error);
            }
        }
    }
    Ok(done)
}
