//! Whether the program that runs on an interface is ours, uses the maps that we write, and answers as the policy in
//! force says. After every publish, and every ten seconds.

use std::os::fd::AsFd as _;

use anyhow::{Context as _, Result};
use throttler_common::abi::map;

use super::attachment::Attached;
use crate::kernel::{canary, interface, programs, publish, sys};

/// What is wrong while there is nothing to enforce on.
const GONE: &str = "the interface has gone";

impl Attached {
    /// Notes what the self-check finds, and logs what is news. Whether all is well.
    pub(super) fn check(&mut self) -> bool {
        let fault = match self.fault() {
            Ok(fault) => fault,
            Err(error) => Some(format!("the self-check could not be done: {error:#}")),
        };
        let iface = &self.pins.iface;
        let well = fault.is_none();
        self.keeper.checked(fault.as_deref());
        if self.vitals.note(fault.clone()) {
            match fault {
                // Whoever watches the links has said it already.
                Some(fault) if fault == GONE => log::debug!("{iface}: {fault}"),
                Some(fault) => log::error!("{iface}: NOT enforced as the policy says: {fault}"),
                None => log::info!("{iface}: the self-check succeeds again"),
            }
        }
        well
    }

    /// What is not as it should be, and the mend.
    fn fault(&self) -> Result<Option<String>> {
        if let Some(fault) = self.foreign_program()? {
            return Ok(Some(fault));
        }
        if let Some(name) = self.foreign_map()? {
            let dir = self.pins.dir.display();
            return Ok(Some(format!(
                "{dir}/{name} is not the map that the program uses: end this daemon and start it again, which makes both anew"
            )));
        }
        let generation = publish::generation(&self.tables)?;
        if generation != self.description.generation {
            return Ok(Some(format!(
                "generation {generation} is in force, not {}: somebody else writes the maps, and `throttler reload` \
                 puts the policy into force again",
                self.description.generation
            )));
        }
        let wrong = canary::run(&self.tables, self.program.as_fd(), self.enforced.expected())?;
        Ok(wrong.map(|wrong| {
            format!("{wrong}: `throttler reload` puts the policy into force again; if that does not help, restart the daemon")
        }))
    }

    /// What runs on the interface, if it is not what we attached.
    fn foreign_program(&self) -> Result<Option<String>> {
        let iface = &self.pins.iface;
        let Ok(found) = interface::find(iface) else {
            return Ok(Some(GONE.to_owned()));
        };
        let ours = sys::program_info(self.program.as_fd())
            .context("reading our program")?
            .id;
        Ok(match found.xdp {
            Some((_, id)) if id == ours => None,
            Some((_, id)) => Some(format!(
                "it runs the XDP program {}, not ours (id {ours}): take that off, or end what puts it there, \
                 then restart the daemon",
                programs::describe(id)
            )),
            None => Some(
                "it runs no XDP program: somebody took ours off; restart the daemon to attach it again"
                    .to_owned(),
            ),
        })
    }

    /// A pinned map that the program does not use: what is written there is not enforced.
    fn foreign_map(&self) -> Result<Option<&'static str>> {
        let mut used =
            sys::program_maps(self.program.as_fd()).context("reading our program's maps")?;
        // For people alone: the program does not know it.
        used.push(self.tables.description.info.id);
        for name in map::ALL {
            let path = self.pins.map(name);
            let pinned = sys::open_pinned(&path).and_then(|fd| sys::map_info(fd.as_fd()));
            let pinned = pinned.with_context(|| {
                format!(
                    "opening {}: restart the daemon to have it made again",
                    path.display()
                )
            })?;
            if !used.contains(&pinned.id) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }
}
