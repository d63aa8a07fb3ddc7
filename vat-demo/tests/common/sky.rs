//! The weather and a clock: what is between the parties of a model.

use pluribus_mix::time::{Duration, Instant};

use super::model::{Air, Dice};
use super::weather::Weather;

/// Where messages are until they arrive.
#[derive(Default)]
pub(crate) struct Sky {
    pub(crate) weather: Weather,
    now: Instant,
}

impl Air for Sky {
    fn blow(&mut self, dice: &mut Dice) {
        self.now = self.now + Duration::from_millis(1);
        self.weather.release(|most| dice.below(most));
    }

    fn calm(&mut self, dice: &mut Dice) -> bool {
        let mut any = false;
        for _ in 0..1 + dice.below(8) {
            any |= self.weather.release(|most| dice.below(most));
        }
        any
    }

    fn cut(&mut self, dice: &mut Dice) {
        let lost = dice.one_in(2);
        self.weather.cut(lost, |most| dice.below(most));
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
    }
}
