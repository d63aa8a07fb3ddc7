//! How many cells a link carries in a quantum. (PAC-8)

/// The least that a link between relays carries. (PAC-8)
const LEAST: usize = 64;
/// The most that any link carries. (PAC-4)
const MOST: usize = 16_384;

/// The step of one direction of a link.
#[derive(Clone, Debug)]
pub struct Step {
    kind: Kind,
    /// The most cells that circuits had in one quantum since the last change.
    most: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    /// For as long as the link lives.
    Fixed(usize),
    /// Until the next tick that is a multiple of `epoch`.
    Stepped { now: usize, epoch: u32 },
    /// What circuits need, and one cell at least.
    Loose,
}

impl Step {
    /// A client's link. (PAC-8)
    pub fn fixed(cells: usize) -> Self {
        Self::of(Kind::Fixed(cells.clamp(1, MOST)))
    }

    /// A link between relays, whose step may change every so many ticks. (PAC-8)
    pub fn stepped(epoch: u32) -> Self {
        let epoch = epoch.max(1);
        Self::of(Kind::Stepped { now: LEAST, epoch })
    }

    /// A link between relays that is not padded. (PAC-8)
    pub const fn loose() -> Self {
        Self::of(Kind::Loose)
    }

    const fn of(kind: Kind) -> Self {
        Self { kind, most: 0 }
    }

    /// Whether circuits may have so many cells in one quantum now.
    pub const fn holds(&self, cells: usize) -> bool {
        cells
            <= match self.kind {
                Kind::Fixed(now) | Kind::Stepped { now, .. } => now,
                Kind::Loose => MOST,
            }
    }

    /// Circuits want so many cells in one quantum, whether there is room for them or not.
    pub fn want(&mut self, cells: usize) {
        self.most = self.most.max(cells);
    }

    /// The cells of the batch with this tick, in which circuits have `cells`.
    pub fn of_batch(&mut self, tick: u32, cells: usize) -> usize {
        self.want(cells);
        match &mut self.kind {
            Kind::Fixed(now) => *now,
            Kind::Loose => cells.max(1),
            Kind::Stepped { now, epoch } => {
                if tick.is_multiple_of(*epoch) {
                    *now = (2 * self.most).next_power_of_two().clamp(LEAST, MOST);
                    self.most = cells;
                }
                *now
            }
        }
    }
}
