//! A person who looks and says what is so.

use super::log::Log;
use super::{CALM, World};
use crate::actor::Actor;
use crate::evidence::Seen;
use crate::job::JobId;
use crate::lifecycle::State;
use crate::station::scheduler::*;

impl World {
    /// Answers for one job that waits for a person. Nobody looks while the machine moves.
    pub(super) fn person(&mut self, how: u8) -> Result<(), String> {
        let stands_still = matches!(self.order, None | Some((_, DeviceCommand::Poll(_))));
        if self.question.is_some() || !stands_still || self.ended {
            return Ok(());
        }
        // The page says that a card is inside that belongs to no job.
        let inside = self.machine.inside.as_ref().map(|card| self.state(&card.job));
        if inside.is_some_and(|state| state != State::Unsure && !state.has_card_moving()) {
            self.take_out();
        }
        let waits = |job: &&JobId| matches!(self.state(job), State::Unsure | State::Held);
        let waiting: Vec<JobId> = self.ids.iter().filter(waits).cloned().collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let at = if how == CALM { self.told.len() } else { usize::from(how) };
        let job = waiting[at % waiting.len()].clone();
        let by = Actor::local("op");
        if self.state(&job) == State::Held {
            let command = OperatorCommand::Release { job, by };
            return self.tell(Input::Operator { asker: 2, command });
        }
        self.take_out();
        let truth = &self.truth[&job];
        let seen = if truth.good > 0 {
            Seen::Printed
        } else if truth.spoiled > truth.accounted {
            Seen::Spoiled
        } else {
            Seen::NoCard
        };
        let insist = how == CALM || how.is_multiple_of(2);
        // Of a job that waits in a printer that cannot be asked, only its display tells.
        let waits = self.machine.log.as_ref().is_some_and(Log::owns);
        let is_silent = self.machine.unplugged || self.scheduler.machine.error.is_some();
        let insist = insist && !(waits && is_silent);
        let look = Look { seen, by, cause: None, insist };
        self.tell(Input::Operator { asker: 3, command: OperatorCommand::Resolve { job, look } })
    }
}
