//! How many cells a circuit has in a quantum. (PAC-3)

use core::fmt;
use core::str::FromStr;

/// The rate of a circuit, the same on all its links and both ways. (PAC-3)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// One cell in four quanta.
    Idle = 0,
    /// One cell a quantum.
    #[default]
    Talk = 1,
    /// Four cells a quantum.
    Fast = 2,
    /// Sixteen cells a quantum.
    Bulk = 3,
}

impl Class {
    /// All of them, slowest first.
    pub const ALL: [Self; 4] = [Self::Idle, Self::Talk, Self::Fast, Self::Bulk];

    /// The class with this number modulo 4, as a circuit id has it.
    pub const fn of(number: u8) -> Self {
        match number % 4 {
            0 => Self::Idle,
            1 => Self::Talk,
            2 => Self::Fast,
            _ => Self::Bulk,
        }
    }

    /// Quanta from one turn to the next.
    pub const fn every(self) -> u64 {
        match self {
            Self::Idle => 4,
            _ => 1,
        }
    }

    /// Cells in a turn.
    pub const fn burst(self) -> u64 {
        match self {
            Self::Idle | Self::Talk => 1,
            Self::Fast => 4,
            Self::Bulk => 16,
        }
    }

    /// Whether a circuit has its turn so many quanta after its first.
    pub const fn is_due(self, since: u64) -> bool {
        since.is_multiple_of(self.every())
    }

    /// The index of the cell in this place of a turn, so many quanta after the first. (PAC-5)
    pub const fn index(self, since: u64, place: u64) -> u64 {
        since / self.every() * self.burst() + place
    }

    /// Cells of so many circuits in one quantum, their turns spread evenly. (PAC-8)
    pub const fn step(self, circuits: u64) -> u64 {
        circuits.div_ceil(self.every()) * self.burst()
    }

    /// Cells per second, one way, for a quantum of so many milliseconds; at least 1.
    pub const fn cells_per_second(self, quantum: u64) -> u64 {
        let turns = self.every() * quantum;
        let cells = 1000 * self.burst() / if turns == 0 { 1 } else { turns };
        if cells == 0 { 1 } else { cells }
    }

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Talk => "talk",
            Self::Fast => "fast",
            Self::Bulk => "bulk",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// None of `idle`, `talk`, `fast` and `bulk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a class is idle, talk, fast or bulk")]
pub struct NoClass;

impl FromStr for Class {
    type Err = NoClass;

    fn from_str(name: &str) -> Result<Self, NoClass> {
        let mut all = Self::ALL.into_iter();
        all.find(|class| class.name() == name).ok_or(NoClass)
    }
}
