//! Keys of a reader.

use fencepost_protocol::config::ConsumerConfig;
use fencepost_protocol::time::Span;

use super::plan::ReaderPlan;
use crate::plan::Plan;
use crate::roles::keys::{ENABLED_DOC, MEMBERS, START_DOC};
use crate::scenario::draft::{Draft, RoleSection, check_consumer, client_name, configure, needs};
use crate::scenario::fields::Fields;
use crate::scenario::printer::Printer;
use crate::scenario::problem::Complaint;
use crate::scenario::table::form::{Form, SPAN};
use crate::scenario::table::section::section;

type Result<T> = core::result::Result<T, Complaint>;

section! {
    /// `[[reader]]`.
    Reader = "[[reader]]", [("", Consumer)] {
        name: String = "name", Form::Text, "needed", "members are `NAME-1`, `NAME-2`, ...; a single one is `NAME`";
        enabled: bool = "enabled", Form::Bool, "true", ENABLED_DOC;
        members: u32 = "members", MEMBERS, "1", "several need a `group.id`";
        topics: Vec<String> = "topics", Form::Texts, "needed", "what it reads; without `group.id` all partitions";
        start: Span = "start", SPAN, "0", START_DOC;
    }
}

impl RoleSection for Reader {
    fn assemble(fields: &Fields, _: usize, draft: &mut Draft<'_>) -> Result<()> {
        let Reader { name: _, enabled: _, members, topics, start } = Reader::read(fields)?;
        let name = client_name(fields)?;
        let topics = topics.filter(|list| !list.is_empty()).ok_or_else(|| needs(fields, "topics"))?;
        draft.known_inputs(fields, "topics", &topics)?;
        let members = members.unwrap_or(1);
        let mut config = ConsumerConfig::default();
        configure(fields, "", ConsumerConfig::KEYS, |key, text| config.set(key, text))?;
        check_consumer(fields, "", &config, &draft.plan.cluster)?;
        if config.group_id.is_none() {
            if members > 1 {
                return Err(fields.complain("members", "several members need a group.id"));
            }
            if config.is_explicit("enable.auto.commit") && config.enable_auto_commit {
                let message =
                    "enable.auto.commit=true needs a group.id: Kafka refuses it with an InvalidConfigurationException";
                return Err(fields.complain("enable.auto.commit", message));
            }
            config.enable_auto_commit = false;
        }
        draft.plan.readers.push(ReaderPlan { name, members, topics, start: start.unwrap_or(Span::ZERO), config });
        Ok(())
    }

    fn print(plan: &Plan, out: &mut Printer) {
        for r in &plan.readers {
            out.head("[[reader]]");
            out.keys(&Reader {
                name: Some(r.name.clone()),
                enabled: None,
                members: Some(r.members),
                topics: Some(r.topics.clone()),
                start: Some(r.start),
            });
            out.config("", &r.config.entries());
        }
    }
}
