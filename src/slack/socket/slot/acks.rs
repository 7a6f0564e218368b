//! How an acknowledgement is worded and finds its way.

use super::super::link::{Link, Stage};
use super::super::{ACK_LIMIT, Disposition};
use super::{Ack, AckTicket, HOMELESS_LIMIT, Slot};

impl Slot {
    pub(super) fn answer(&mut self, ticket: Option<AckTicket>, disposition: Disposition) {
        let Some(ticket) = ticket else { return };
        let Ok(id) = serde_json::to_string(&ticket.envelope_id) else { return };
        let bare = || format!("{{\"envelope_id\":{id}}}");
        let text = match disposition {
            Disposition::Leave => return self.meters.unacked("left"),
            Disposition::Ack => bare(),
            Disposition::AckWith(_) if !ticket.accepts_payload => bare(),
            Disposition::AckWith(payload) => {
                let full = format!("{{\"envelope_id\":{id},\"payload\":{payload}}}");
                if full.len() < ACK_LIMIT {
                    full
                } else {
                    tracing::warn!(slot = self.number, bytes = full.len(), "answer too long for an acknowledgement");
                    self.meters.unacked("payload_dropped");
                    bare()
                }
            }
        };
        self.write(ticket.link, Ack { text, received: ticket.received });
    }

    /// Writes on the connection the envelope came by, else on any that is usable, else keeps it for the next one.
    pub(super) fn write(&mut self, id: u64, ack: Ack) {
        let own = self.links.iter().position(|link| link.id == id && link.is_open());
        let usable = |link: &Link| link.is_open() && matches!(link.stage, Stage::Up { .. } | Stage::Retiring { .. });
        let link = own.or_else(|| self.links.iter().rposition(usable));
        match link.and_then(|index| self.links.get_mut(index)) {
            Some(link) => link.write_ack(ack.text, ack.received),
            None if self.homeless.len() < HOMELESS_LIMIT => self.homeless.push_back(ack),
            None => self.meters.unacked("expired"),
        }
    }
}
