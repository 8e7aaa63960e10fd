//! One flood: who sends what, and when.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    ground::{GREEDY, Ground, Source},
    judge::{self, Judge},
    kind::{Kind, Template},
    policy::{self, BURST, is_quick},
    setting::setting,
    site::Site,
};

/// Packets that each patient source sends before the flood, at most.
const BEFORE: u64 = 100;
/// Packets of each honest source in the flood, at most: with those before, fewer than [`BURST`].
const ROUNDS: u64 = 90;
const _: () = assert!(BEFORE + ROUNDS < BURST);
/// Spoofed packets a round. Even at millions a second a round takes longer than a quick source needs to pay.
const A_ROUND: u64 = 30_000;
/// Packets by which the greedy are over their limit, before the flood and again in it.
pub(crate) const OVER: u64 = 5;
/// Packets of each source that comes in the midst of the flood.
const NEWCOMER_ROUNDS: u64 = 4;

/// One flood at a time: each of them takes all CPUs.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn spoofed() -> u64 {
    setting("THROTTLER_SPOOFED", 300_000)
}

pub(crate) fn max_sources() -> u64 {
    setting("THROTTLER_MAX_SOURCES", 16_384)
}

/// Whether an honest source sends before the flood only. A patient one then sends once: nothing but its debt keeps its
/// place. A quick one has soon paid: nothing but that it was seen twice keeps its place (`header::KEPT`).
pub(crate) fn is_silent(number: u64) -> bool {
    number % 8 < 2
}

/// Sends a flood past sources that are known, then more of it past some that are not, and judges what became of them.
pub(crate) fn run(kind: Kind) {
    let _turn = turn();
    let spoofed = spoofed();
    let honest = setting("THROTTLER_HONEST", 1_000);
    let more = spoofed / 10;
    // The known sources come into a table that is half full: some of them lie in their second set, all find a place.
    let early = if kind.is_soon_paid() {
        0
    } else {
        max_sources() / 2
    };
    let ground = Ground::new(kind, early + spoofed + more, honest);
    let policy = policy::text(kind, &ground, max_sources());
    let scopes = (0..ground.scopes).map(|scope| policy::scope_name(&ground, scope));
    let mut site = Site::start(&policy, &scopes.collect::<Vec<_>>());
    let known = (0..honest).flat_map(|number| {
        let packets = match (is_silent(number), is_quick(number)) {
            (_, true) => 3,
            (true, _) => 1,
            _ => 1 + number % BEFORE,
        };
        std::iter::repeat_n(ground.honest(number), packets as usize)
    });
    let greedy = (0..GREEDY).map(|number| ground.greedy(number));
    let over = greedy.flat_map(|greedy| std::iter::repeat_n(greedy, (BURST + OVER) as usize));
    let mut sources = ground.spoofed();
    send(
        &mut site,
        kind.spoofed(),
        sources.by_ref().take(early as usize),
    );
    send(&mut site, kind.honest(0), known.chain(over));

    let judge = Judge::new(&mut site, kind, ground);
    let rounds = (spoofed / A_ROUND).clamp(10, ROUNDS);
    let turns = (0..rounds * honest).map(|turn| turn % honest);
    let awake = turns.filter(|number| !is_silent(*number));
    let awake: Vec<Source> = awake.map(|number| ground.honest(number)).collect();
    let again = (0..GREEDY * OVER).map(|turn| ground.greedy(turn % GREEDY));
    let again: Vec<Source> = again.collect();
    let mut middle = 0;
    {
        let mut flood = kind.spoofed();
        let (mut honest, mut greedy) = (kind.honest(1), kind.honest(0));
        let (mut awake, mut again) = (Evenly::new(&awake, spoofed), Evenly::new(&again, spoofed));
        for (number, source) in (1..=spoofed).zip(&mut sources) {
            site.volley.push(flood.of(source)).expect("a frame");
            for source in awake.due(number) {
                site.volley.push(honest.of(*source)).expect("a frame");
            }
            for source in again.due(number) {
                site.volley.push(greedy.of(*source)).expect("a frame");
            }
            if number == spoofed / 2 {
                middle = site.memory();
            }
        }
    }
    let seen = judge.known(&mut site, awake.len() as u64, spoofed);
    let seconds = judge.begin.elapsed().as_secs_f64();

    let newcomers = (0..NEWCOMER_ROUNDS * honest).map(|turn| ground.newcomer(turn % honest));
    let newcomers: Vec<Source> = newcomers.collect();
    {
        let (mut flood, mut newcomer) = (kind.spoofed(), kind.honest(1));
        let mut newcomers = Evenly::new(&newcomers, more);
        for (number, source) in (1..=more).zip(sources) {
            site.volley.push(flood.of(source)).expect("a frame");
            for source in newcomers.due(number) {
                site.volley.push(newcomer.of(*source)).expect("a frame");
            }
        }
    }
    let passed = judge.newcomers(&mut site, &seen);
    let cost = judge.daemon(&mut site, middle);
    println!(
        "floods: {kind:?}: {} spoofed sources in {seconds:.1} s, {} of their packets refused (table_full), {} lost on \
         the link; known sources: {} of their packets passed; newcomers: {}; {cost}",
        seen.spoofed,
        seen.table_full,
        site.lost(),
        judge::share(seen.honest),
        judge::share(passed),
    );
}

fn send(site: &mut Site, mut template: Template, sources: impl Iterator<Item = Source>) {
    for source in sources {
        site.volley.push(template.of(source)).expect("a frame");
    }
}

/// Sources that come one after the other while a count goes up, as evenly as can be.
struct Evenly<'a> {
    sources: &'a [Source],
    of: u64,
    done: usize,
}

impl<'a> Evenly<'a> {
    fn new(sources: &'a [Source], of: u64) -> Self {
        Self {
            sources,
            of,
            done: 0,
        }
    }

    /// Those that are due by now and were not before.
    fn due(&mut self, count: u64) -> &'a [Source] {
        let end = (self.sources.len() as u64 * count / self.of) as usize;
        let due = &self.sources[self.done..end];
        self.done = end;
        due
    }
}
